/**
 * What every run of the consensus cluster must keep, checked from outside.
 *
 * Independent of the code under test: of production code only the layouts are used (they are pinned
 * by vectors). Votes are read from the bytes that nodes sign and from the messages on the wires;
 * quorums are counted here.
 *
 *   agreement    all nodes execute the same block at the same height, also after restarts
 *   order        heights come one after the other, each once in a life of a node's state
 *   ancestry     a block's parent is the block executed before it, and every view in between was
 *                nullified by a quorum; every executed block has a descendant finalized by one
 *   support      a correct node notarizes a block only if its parent was notarized by a quorum, and
 *                every view in between nullified by one
 *   one vote     no correct node shows two votes of one kind and view, nor a nullification and a
 *                finalization of one view: on the wire, across restarts
 *   one truth    no view has certificates of two blocks, or of a block's finalization and its own
 *                nullification, among the votes that were shown
 *   leader       each executed block was proposed by the leader of its view
 *   durability   what a node answered for, it still has after every restart
 *   no slander   evidence names liars only, or members that were given an old disk, and holds two
 *                real votes
 *   one state    all that vouch for a height name one state; what is installed is that state
 *   pruning      the log goes up to a height that a quorum vouches for, and for a later one too
 *   no memory    a member that lost its disk signs nothing with the keys of before, nor one that
 *                says that it does not vote
 *
 * Votes belong to an epoch and to the member's key in it: "one vote" is meant within both. The
 * epochs are those that the executed log tells (consensus-epochs.ts).
 */
import { equalBytes, toHex } from '../base/bytes.ts'
import { Reader } from '../base/codec.ts'
import { domainPrefix, domains } from '../base/domains.ts'
import type { Digest } from '../base/ids.ts'
import type {
  Certificate,
  CommittedBlock,
  ConsensusConfig,
  ConsensusEvidence,
  Header,
  Message,
  SignedVote,
  Vote,
} from '../kernel/consensus/index.ts'
import type { Crypto } from '../ports/crypto.ts'
import { itemIdOf, itemMark } from './consensus-application.ts'
import { CheckpointChecks, isCheckpoint } from './consensus-checkpoints.ts'
import { ConsensusEpochs, type EpochFacts } from './consensus-epochs.ts'
import { Violation } from './consensus-failures.ts'

type Executed = {
  readonly epoch: number
  readonly view: number
  readonly digest: Digest
  readonly items: string
}

type Proposed = { readonly epoch: number; readonly header: Header }

/** A member's key in use. */
export type Signing = {
  readonly publicKey: Uint8Array
  /** The member says that it votes. */
  readonly votes: boolean
}

const votePrefix = domainPrefix(domains.vote)

/** The newest votes of liars in epochs to come. */
const earlyMax = 1_000

export class ConsensusChecks {
  readonly #memberCount: number
  readonly #quorum: number
  readonly #liars: ReadonlySet<number>
  readonly #log: Executed[] = []
  readonly #heights: number[]
  readonly #headers = new Map<Digest, Proposed>()
  readonly epochs: ConsensusEpochs
  readonly checkpoints: CheckpointChecks
  /** The state that members vouch for, by height. */
  readonly #states = new Map<number, Digest>()
  /** Votes of liars in an epoch that no correct member has begun. */
  readonly #early: (() => void)[] = []
  /** `epoch kind view digest` → who signed it, and the signature. */
  readonly #signed = new Map<string, Map<number, Uint8Array>>()
  /** Of correct nodes, on the wire: `node epoch kind view` → digest. */
  readonly #shown = new Map<string, string>()
  /** Votes that count: shown by correct nodes, signed by liars. `epoch kind view digest` → who. */
  readonly #given = new Map<string, Set<number>>()
  /** Quorums of those: `epoch kind view` → digests. */
  readonly #certified = new Map<string, Set<string>>()
  /** Blocks that were proposed by the leader of their view. */
  readonly #ledBlocks = new Set<Digest>()
  readonly #genesis: Digest
  /** By node: the highest height that it answered for. */
  readonly #acknowledged: number[]
  /** First execution of each item, by height. */
  readonly itemHeights = new Map<number, number>()
  repeatedCount = 0
  installCount = 0
  /** Portable evidence that members handed over. */
  evidenceCount = 0

  constructor(options: {
    readonly config: ConsensusConfig
    readonly crypto: Pick<Crypto, 'sha256'>
    readonly liars?: readonly number[]
  }) {
    const { config, crypto, liars = [] } = options
    const memberCount = config.members.length
    this.#memberCount = memberCount
    this.#genesis = config.genesis
    this.#acknowledged = new Array<number>(memberCount).fill(0)
    // Written out, not imported: a wrong formula in the product must not hide itself.
    let faulty = 0
    while (3 * (faulty + 1) + 1 <= memberCount) faulty++
    this.#quorum = memberCount - faulty
    this.#liars = new Set(liars)
    this.checkpoints = new CheckpointChecks(this.#quorum, (what) => this.#break(what))
    this.epochs = new ConsensusEpochs(config, crypto, this.#liars)
    this.#heights = new Array<number>(memberCount).fill(0)
  }

  get height(): number {
    return this.#log.length
  }

  /** The block that was executed at a height; the genesis at 0. */
  executedAt(height: number): { readonly view: number; readonly digest: Digest } | undefined {
    return height === 0 ? { view: 0, digest: this.#genesis } : this.#log[height - 1]
  }

  #break(what: string): never {
    throw new Violation(what)
  }

  /** A node starts with a state of this height. */
  restarted(node: number, height: number): void {
    if (height > this.#log.length) this.#break(`node ${node} restarts ahead of everything executed`)
    this.#heights[node] = height
  }

  /** Clients of this node were told. */
  acknowledged(node: number, height: number): void {
    if (height > (this.#heights[node] ?? 0))
      this.#break(`node ${node} answers for height ${height}, which it has not executed`)
    this.#acknowledged[node] = Math.max(this.#acknowledged[node] ?? 0, height)
  }

  /** The node is back, with everything executed that its disk holds. */
  remembers(node: number, height: number): void {
    const acknowledged = this.#acknowledged[node] ?? 0
    if (height < acknowledged)
      this.#break(`node ${node} answered for height ${acknowledged} and comes back at ${height}`)
  }

  /** The member's disk is gone, or an old one: what it answered for is nobody's any more. */
  lostDisk(node: number, how: 'gone' | 'old'): void {
    this.#acknowledged[node] = 0
    if (how === 'gone') this.epochs.forgot(node)
    else this.epochs.wentBack(node)
  }

  /** What a member says its state after a height is. */
  snapshot(node: number, height: number, state: Digest): void {
    const known = this.#states.get(height)
    if (known === undefined) this.#states.set(height, state)
    else if (known !== state) this.#break(`node ${node} has another state at height ${height}`)
  }

  /** A member has put a state of others in place of its own. */
  installed(node: number, height: number, state: Digest): void {
    if (this.#states.get(height) !== state)
      this.#break(`node ${node} installs a state of height ${height} that no member had`)
    this.installCount++
    this.#heights[node] = height
  }

  executed(node: number, block: CommittedBlock): void {
    const expected = (this.#heights[node] ?? 0) + 1
    if (block.height !== expected)
      this.#break(`node ${node} executes height ${block.height}, expected ${expected}`)
    this.#heights[node] = block.height
    const itemIds = block.items.filter((item) => item[0] === itemMark).map(itemIdOf)
    const items = itemIds.join(' ')
    const known = this.#log[block.height - 1]
    if (known === undefined) {
      const { epoch } = this.epochs.newest.config
      this.#log.push({ epoch, view: block.view, digest: block.digest, items })
      for (const id of itemIds) {
        if (this.itemHeights.has(id)) this.repeatedCount++
        else this.itemHeights.set(id, block.height)
      }
      this.epochs.executed(block)
      for (const count of this.#early.splice(0)) count()
    } else if (known.digest !== block.digest || known.items !== items || known.view !== block.view)
      this.#break(`fork at height ${block.height}: node ${node} executes another block`)
  }

  /** Whatever a node's key signs, sent or not. */
  signed(node: number, bytes: Uint8Array, own: { signature: Uint8Array } & Signing): void {
    const { publicKey, signature, votes } = own
    const vote = parseVote(bytes)
    const isVote = vote !== undefined || isCheckpoint(bytes)
    if (!isVote) return
    const isLiar = this.#liars.has(node)
    if (!isLiar && this.epochs.isDead(publicKey))
      this.#break(`node ${node} signs with a key of which it has lost the memory`)
    if (!isLiar && !votes) this.#break(`node ${node} does not vote, and signs`)
    if (vote === undefined) {
      this.checkpoints.signed(node, bytes, own.signature)
      return
    }
    const epoch = epochOf(vote)
    if (this.epochs.of(epoch) === undefined) {
      if (!isLiar) this.#break(`node ${node} signs for epoch ${epoch}, which does not exist`)
      // A liar may be the first to execute the end of an epoch: its votes count when a correct
      // member has executed it too.
      const [kept, early] = [bytes.slice(), { signature: signature.slice(), publicKey, votes }]
      this.#early.push(() => this.signed(node, kept, early))
      if (this.#early.length > earlyMax) this.#early.shift()
      return
    }
    if (!this.epochs.isKeyOf(publicKey, node, epoch)) return
    const signers = this.#signed.get(vote) ?? new Map<number, Uint8Array>()
    signers.set(node, signature)
    this.#signed.set(vote, signers)
    if (this.epochs.mayLie(node, epoch)) this.#give(vote, node)
  }

  /** A vote counts; a quorum of them is a certificate, and certificates must not contradict. */
  #give(vote: string, node: number): void {
    const givers = this.#given.get(vote) ?? new Set<number>()
    this.#given.set(vote, givers.add(node))
    if (givers.size !== this.#quorum) return
    const [epoch = '', kind = '', view = '', digest = ''] = vote.split(' ')
    const name = `${epoch} ${kind} ${view}`
    const digests = this.#certified.get(name) ?? new Set<string>()
    this.#certified.set(name, digests.add(digest))
    if (digests.size > 1) this.#break(`view ${view} has two ${kind} certificates`)
    const other = kind === 'nullify' ? 'finalize' : kind === 'finalize' ? 'nullify' : ''
    if (this.#certified.has(`${epoch} ${other} ${view}`))
      this.#break(`view ${view} is nullified and finalized`)
  }

  /** A message of an epoch as it leaves a node. */
  onWire(from: number, message: Message, { config, order }: EpochFacts): void {
    const { epoch } = config
    if (message.kind === 'propose') {
      const { digest, header } = message.block
      this.#headers.set(digest, { epoch, header })
      if (order[header.view % this.#memberCount] === from) this.#ledBlocks.add(digest)
      this.#showAll(epoch, message.justification)
    } else if (message.kind === 'vote') {
      if (message.vote.signer === from) this.#show(epoch, message.vote)
    } else if (message.kind === 'certificates') this.#showAll(epoch, message.certificates)
    else if (message.kind === 'range') this.#showAll(epoch, [message.certificate])
    else if (message.kind === 'checkpoint') {
      if (!this.#liars.has(from)) this.checkpoints.passed(from, epoch, message.checkpoint)
    } else if (message.kind === 'block')
      this.#headers.set(message.block.digest, { epoch, header: message.block.header })
  }

  #showAll(epoch: number, certificates: readonly Certificate[]): void {
    for (const certificate of certificates)
      for (const [place, signer] of certificate.signers.entries()) {
        const { digest, kind, view } = certificate
        const signature = certificate.signatures[place] ?? new Uint8Array(0)
        this.#show(epoch, { kind, view, digest, signer, signature })
      }
  }

  /** Signatures that are not the member's own are somebody else's lie. */
  #show(epoch: number, vote: Vote): void {
    const { kind, signature, signer, view } = vote
    if (this.epochs.mayLie(signer, epoch)) return
    const digest = vote.digest ?? ''
    const signed = this.#signed.get(`${epoch} ${kind} ${view} ${digest}`)?.get(signer)
    if (signed === undefined || !equalBytes(signed, signature)) return
    const name = `${signer} ${epoch} ${kind} ${view}`
    const shown = this.#shown.get(name)
    if (shown !== undefined && shown !== digest)
      this.#break(`node ${signer} shows two ${kind} votes in view ${view}`)
    this.#shown.set(name, digest)
    if (shown === undefined && kind === 'notarize') this.#checkSupport(signer, epoch, digest)
    this.#give(`${epoch} ${kind} ${view} ${digest}`, signer)
    const other = kind === 'nullify' ? 'finalize' : kind === 'finalize' ? 'nullify' : undefined
    if (other !== undefined && this.#shown.has(`${signer} ${epoch} ${other} ${view}`))
      this.#break(`node ${signer} nullifies and finalizes view ${view}`)
  }

  /** An old disk makes a member vote twice: that it is accused then is its owner's doing. */
  evidence({ epoch, first, second }: ConsensusEvidence): void {
    const { signer } = first
    if (!this.epochs.mayLie(signer, epoch)) this.#break(`node ${signer} is accused and did nothing`)
    if (second.signer !== signer || first.view !== second.view || !isContradiction(first, second))
      this.#break(`the evidence against node ${signer} proves nothing`)
    for (const { digest, kind, signature, view } of [first, second]) {
      const signed = this.#signed.get(`${epoch} ${kind} ${view} ${digest ?? ''}`)?.get(signer)
      if (signed === undefined || !equalBytes(signed, signature))
        this.#break(`the evidence against node ${signer} holds a vote that it never signed`)
    }
    this.evidenceCount++
  }

  #hasQuorum(vote: string): boolean {
    return (this.#signed.get(vote)?.size ?? 0) >= this.#quorum
  }

  /** Digests of an epoch that are final: those with a quorum, and their ancestors. */
  #finalOf(epoch: number): Set<string> {
    const found = new Set<string>()
    for (const [vote, signers] of this.#signed) {
      const [of, kind, , digest = ''] = vote.split(' ')
      if (Number(of) !== epoch || kind !== 'finalize' || signers.size < this.#quorum) continue
      let next: string | undefined = digest
      while (next !== undefined && !found.has(next)) {
        found.add(next)
        const proposed = this.#headers.get(next as Digest)
        next = proposed?.epoch === epoch ? proposed.header.parentDigest : undefined
      }
    }
    return found
  }

  /** Blocks are proposed before they are voted for, but for the vote of whoever proposes. */
  #checkSupport(signer: number, epoch: number, digest: string): void {
    const proposed = this.#headers.get(digest as Digest)
    if (proposed?.epoch !== epoch) return
    const { parentDigest, parentView, view } = proposed.header
    const what = `node ${signer} notarizes a block of view ${view}`
    const genesis = this.epochs.of(epoch)?.config.genesis
    const isFounded =
      parentView === 0
        ? parentDigest === genesis
        : this.#hasQuorum(`${epoch} notarize ${parentView} ${parentDigest}`)
    if (!isFounded) this.#break(`${what} whose parent in view ${parentView} nobody notarized`)
    for (let skipped = parentView + 1; skipped < view; skipped++)
      if (!this.#hasQuorum(`${epoch} nullify ${skipped} `))
        this.#break(`${what} that skips view ${skipped}, which nobody nullified`)
  }

  /** At the end: the log explains itself. Headers come from the wires; one node has none. */
  checkAncestry(): void {
    let final = new Set<string>()
    let epoch = 0
    for (const [place, entry] of this.#log.entries()) {
      if (entry.epoch !== epoch) {
        epoch = entry.epoch
        final = this.#finalOf(epoch)
      }
      this.#checkEntry(place + 1, entry, final)
    }
  }

  #checkEntry(height: number, entry: Executed, final: ReadonlySet<string>): void {
    const { digest, epoch, view } = entry
    if (!this.#hasQuorum(`${epoch} notarize ${view} ${digest}`))
      this.#break(`height ${height} was executed without a notarization`)
    const proposed = this.#headers.get(digest)
    // A group of one shows nothing to anybody.
    if (proposed === undefined && this.#memberCount === 1) return
    if (!final.has(digest)) this.#break(`height ${height} was executed without a finalization`)
    if (proposed === undefined) this.#break(`height ${height} was never proposed`)
    const { header } = proposed
    if (proposed.epoch !== epoch)
      this.#break(`height ${height} is of epoch ${proposed.epoch} and was executed in ${epoch}`)
    if (!this.#ledBlocks.has(digest))
      this.#break(`height ${height} was not proposed by the leader of view ${view}`)
    const before = this.#log[height - 2]
    const isFirst = before?.epoch !== epoch
    const parent = { view: isFirst ? 0 : before.view, digest: before?.digest ?? this.#genesis }
    if (header.parentDigest !== parent.digest || header.parentView !== parent.view)
      this.#break(`height ${height} does not follow height ${height - 1}`)
    for (let skipped = parent.view + 1; skipped < view; skipped++)
      if (!this.#hasQuorum(`${epoch} nullify ${skipped} `))
        this.#break(`height ${height} skips view ${skipped}, which nobody nullified`)
  }

  /** Views of all epochs that led to something. */
  get viewCount(): number {
    const last = new Map<number, number>()
    for (const { epoch, view } of this.#log) last.set(epoch, view)
    return [...last.values()].reduce((sum, view) => sum + view, 0)
  }
}

const isContradiction = (first: SignedVote, second: SignedVote): boolean =>
  first.kind === second.kind
    ? first.digest !== second.digest
    : [first.kind, second.kind].sort().join() === 'finalize,nullify'

const kinds = [undefined, 'notarize', 'nullify', 'finalize'] as const

/** `epoch kind view digest` of the bytes that a vote's signature covers; undefined for others. */
function parseVote(bytes: Uint8Array): string | undefined {
  if (!equalBytes(bytes.subarray(0, votePrefix.length), votePrefix)) return undefined
  const reader = new Reader(bytes.subarray(votePrefix.length))
  reader.fixed(32)
  const epoch = reader.u64()
  const kind = kinds[reader.u8()]
  const view = reader.u64()
  const digest = kind === 'nullify' ? '' : toHex(reader.fixed(32))
  return kind === undefined ? undefined : `${epoch} ${kind} ${view} ${digest}`
}

const epochOf = (vote: string): number => Number(vote.split(' ')[0])
