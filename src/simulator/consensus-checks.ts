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
 *   one vote     no correct node shows two votes of one kind and view, nor a nullification and a
 *                finalization of one view: on the wire, across restarts
 *   one truth    no view has certificates of two blocks, or of a block's finalization and its own
 *                nullification, among the votes that were shown
 *   leader       each executed block was proposed by the leader of its view
 *   durability   what a node answered for, it still has after every restart
 *   no slander   evidence names liars only, and holds two real votes
 */
import { equalBytes, toHex } from '../base/bytes.ts'
import { Reader, Writer } from '../base/codec.ts'
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

/** A promise of consensus was broken. */
export class Violation extends Error {}

type Executed = { readonly view: number; readonly digest: Digest; readonly items: string }

const votePrefix = domainPrefix(domains.vote)

export class ConsensusChecks {
  readonly #memberCount: number
  readonly #quorum: number
  readonly #liars: ReadonlySet<number>
  readonly #log: Executed[] = []
  readonly #heights: number[]
  readonly #headers = new Map<Digest, Header>()
  /** `kind view digest` → who signed it, and the signature. */
  readonly #signed = new Map<string, Map<number, Uint8Array>>()
  /** Of correct nodes, on the wire: `node kind view` → digest. */
  readonly #shown = new Map<string, string>()
  /** Votes that count: shown by correct nodes, signed by liars. `kind view digest` → who. */
  readonly #given = new Map<string, Set<number>>()
  /** Quorums of those: `kind view` → digests. */
  readonly #certified = new Map<string, Set<string>>()
  /** Blocks that were proposed by the leader of their view. */
  readonly #ledBlocks = new Set<Digest>()
  readonly #order: readonly number[]
  readonly #genesis: Digest
  /** By node: the highest height that it answered for. */
  readonly #acknowledged: number[]
  /** First execution of each item, by height. */
  readonly itemHeights = new Map<number, number>()
  repeatedCount = 0

  constructor(options: {
    readonly config: ConsensusConfig
    readonly crypto: Pick<Crypto, 'sha256'>
    readonly liars?: readonly number[]
  }) {
    const { config, crypto, liars = [] } = options
    const memberCount = config.members.length
    this.#memberCount = memberCount
    this.#genesis = config.genesis
    this.#order = orderOf(config, crypto)
    this.#acknowledged = new Array<number>(memberCount).fill(0)
    // Written out, not imported: a wrong formula in the product must not hide itself.
    let faulty = 0
    while (3 * (faulty + 1) + 1 <= memberCount) faulty++
    this.#quorum = memberCount - faulty
    this.#liars = new Set(liars)
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

  executed(node: number, block: CommittedBlock, itemIds: readonly number[]): void {
    const expected = (this.#heights[node] ?? 0) + 1
    if (block.height !== expected)
      this.#break(`node ${node} executes height ${block.height}, expected ${expected}`)
    this.#heights[node] = block.height
    const items = itemIds.join(' ')
    const known = this.#log[block.height - 1]
    if (known === undefined) {
      this.#log.push({ view: block.view, digest: block.digest, items })
      for (const id of itemIds) {
        if (this.itemHeights.has(id)) this.repeatedCount++
        else this.itemHeights.set(id, block.height)
      }
    } else if (known.digest !== block.digest || known.items !== items || known.view !== block.view)
      this.#break(`fork at height ${block.height}: node ${node} executes another block`)
  }

  /** Whatever a node's key signs, sent or not. */
  signed(node: number, bytes: Uint8Array, signature: Uint8Array): void {
    const vote = parseVote(bytes)
    if (vote === undefined) return
    const signers = this.#signed.get(vote) ?? new Map<number, Uint8Array>()
    signers.set(node, signature)
    this.#signed.set(vote, signers)
    if (this.#liars.has(node)) this.#give(vote, node)
  }

  /** A vote counts; a quorum of them is a certificate, and certificates must not contradict. */
  #give(vote: string, node: number): void {
    const givers = this.#given.get(vote) ?? new Set<number>()
    this.#given.set(vote, givers.add(node))
    if (givers.size !== this.#quorum) return
    const [kind = '', view = '', digest = ''] = vote.split(' ')
    const name = `${kind} ${view}`
    const digests = this.#certified.get(name) ?? new Set<string>()
    this.#certified.set(name, digests.add(digest))
    if (digests.size > 1) this.#break(`view ${view} has two ${kind} certificates`)
    const other = kind === 'nullify' ? 'finalize' : kind === 'finalize' ? 'nullify' : ''
    if (this.#certified.has(`${other} ${view}`))
      this.#break(`view ${view} is nullified and finalized`)
  }

  /** A message as it leaves a node. */
  onWire(from: number, message: Message): void {
    if (message.kind === 'propose') {
      const { digest, header } = message.block
      this.#headers.set(digest, header)
      if (this.#order[header.view % this.#memberCount] === from) this.#ledBlocks.add(digest)
      this.#showAll(message.justification)
    } else if (message.kind === 'vote') {
      if (message.vote.signer === from) this.#show(message.vote)
    } else if (message.kind === 'certificates') this.#showAll(message.certificates)
    else if (message.kind === 'range') this.#showAll([message.certificate])
    else if (message.kind === 'block') this.#headers.set(message.block.digest, message.block.header)
  }

  #showAll(certificates: readonly Certificate[]): void {
    for (const certificate of certificates)
      for (const [place, signer] of certificate.signers.entries()) {
        const { digest, kind, view } = certificate
        const signature = certificate.signatures[place] ?? new Uint8Array(0)
        this.#show({ kind, view, digest, signer, signature })
      }
  }

  /** Signatures that are not the member's own are somebody else's lie. */
  #show(vote: Vote): void {
    const { kind, signature, signer, view } = vote
    if (this.#liars.has(signer)) return
    const digest = vote.digest ?? ''
    const signed = this.#signed.get(`${kind} ${view} ${digest}`)?.get(signer)
    if (signed === undefined || !equalBytes(signed, signature)) return
    const name = `${signer} ${kind} ${view}`
    const shown = this.#shown.get(name)
    if (shown !== undefined && shown !== digest)
      this.#break(`node ${signer} shows two ${kind} votes in view ${view}`)
    this.#shown.set(name, digest)
    this.#give(`${kind} ${view} ${digest}`, signer)
    const other = kind === 'nullify' ? 'finalize' : kind === 'finalize' ? 'nullify' : undefined
    if (other !== undefined && this.#shown.has(`${signer} ${other} ${view}`))
      this.#break(`node ${signer} nullifies and finalizes view ${view}`)
  }

  evidence({ first, second }: ConsensusEvidence): void {
    const { signer } = first
    if (!this.#liars.has(signer)) this.#break(`node ${signer} is accused and did nothing`)
    if (second.signer !== signer || first.view !== second.view || !isContradiction(first, second))
      this.#break(`the evidence against node ${signer} proves nothing`)
    for (const { digest, kind, signature, view } of [first, second]) {
      const signed = this.#signed.get(`${kind} ${view} ${digest ?? ''}`)?.get(signer)
      if (signed === undefined || !equalBytes(signed, signature))
        this.#break(`the evidence against node ${signer} holds a vote that it never signed`)
    }
  }

  #hasQuorum(vote: string): boolean {
    return (this.#signed.get(vote)?.size ?? 0) >= this.#quorum
  }

  /** At the end: the log explains itself. Headers come from the wires; one node has none. */
  checkAncestry(): void {
    let finalizedBelow = this.#log.length === 0
    for (let place = this.#log.length - 1; place >= 0; place--) {
      const entry = this.#log[place]
      if (entry === undefined) continue
      const { digest, view } = entry
      finalizedBelow ||= this.#hasQuorum(`finalize ${view} ${digest}`)
      if (!finalizedBelow) this.#break(`height ${place + 1} was executed without a finalization`)
      if (!this.#hasQuorum(`notarize ${view} ${digest}`))
        this.#break(`height ${place + 1} was executed without a notarization`)
      const header = this.#headers.get(digest)
      if (header === undefined) {
        if (this.#memberCount === 1) continue
        this.#break(`height ${place + 1} was never proposed`)
      }
      if (!this.#ledBlocks.has(digest))
        this.#break(`height ${place + 1} was not proposed by the leader of view ${view}`)
      const before = this.#log[place - 1]
      const parent = before ?? { view: 0, digest: this.#genesis }
      if (header.parentDigest !== parent.digest || header.parentView !== parent.view)
        this.#break(`height ${place + 1} does not follow height ${place}`)
      for (let skipped = parent.view + 1; skipped < view; skipped++)
        if (!this.#hasQuorum(`nullify ${skipped} `))
          this.#break(`height ${place + 1} skips view ${skipped}, which nobody nullified`)
    }
  }
}

const isContradiction = (first: SignedVote, second: SignedVote): boolean =>
  first.kind === second.kind
    ? first.digest !== second.digest
    : [first.kind, second.kind].sort().join() === 'finalize,nullify'

/**
 * Who leads, by its definition in docs/spec/consensus.md: view v is led by the member at place
 * v mod n, members being sorted by a hash.
 */
function orderOf(config: ConsensusConfig, crypto: Pick<Crypto, 'sha256'>): number[] {
  const { epoch, genesis, group, members } = config
  const scores = members.map(({ node }) => {
    const bytes = new Writer(256).fixed(domainPrefix(domains.leaderOrder)).hex(group).u64(epoch)
    return toHex(crypto.sha256(bytes.hex(genesis).hex(node).finish()))
  })
  return scores
    .map((score, index) => ({ score, index }))
    .sort((a, b) => (a.score < b.score ? -1 : 1))
    .map(({ index }) => index)
}

const kinds = [undefined, 'notarize', 'nullify', 'finalize'] as const

/** `kind view digest` of the bytes that a vote's signature covers; undefined for other bytes. */
function parseVote(bytes: Uint8Array): string | undefined {
  for (let index = 0; index < votePrefix.length; index++)
    if (bytes[index] !== votePrefix[index]) return undefined
  const reader = new Reader(bytes.subarray(votePrefix.length))
  reader.fixed(32)
  reader.u64()
  const kind = kinds[reader.u8()]
  const view = reader.u64()
  const digest = kind === 'nullify' ? '' : toHex(reader.fixed(32))
  return kind === undefined ? undefined : `${kind} ${view} ${digest}`
}
