/** A group whose keys the test holds: it speaks for every member, and steps machines by hand. */

import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { compareText, toHex } from '../../src/base/bytes.ts'
import { type Digest, digestOf, nodeIdOf } from '../../src/base/ids.ts'
import {
  blockOf,
  payloadHashOf,
  payloadOf,
  voteBytes,
} from '../../src/kernel/consensus/encoding.ts'
import type { ConsensusConfig } from '../../src/kernel/consensus/interface.ts'
import { type ConsensusLimits, consensusLimitsOf } from '../../src/kernel/consensus/limits.ts'
import { step } from '../../src/kernel/consensus/machine.ts'
import { leaderOrder } from '../../src/kernel/consensus/quorum.ts'
import { VoteSigner } from '../../src/kernel/consensus/signer.ts'
import {
  admit,
  createMachine,
  type Machine,
  type Restored,
  type Setup,
} from '../../src/kernel/consensus/state.ts'
import type {
  Block,
  Certificate,
  Effect,
  Input,
  JournalRecord,
  Message,
  Vote,
  VoteKind,
} from '../../src/kernel/consensus/types.ts'
import { contextOf } from '../../src/kernel/consensus/verify.ts'
import type { WireContext } from '../../src/kernel/consensus/wire.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import { itemIdOf, makeItem } from '../../src/simulator/consensus-application.ts'
import { fakeSigning } from '../../src/simulator/consensus-crypto.ts'

export const wallMs = 1_750_000_000_000

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)

export class Group {
  readonly crypto = fakeSigning(createNodeCrypto())
  readonly config: ConsensusConfig
  readonly keys: readonly KeyPair[]
  readonly wire: WireContext
  readonly order: readonly number[]
  readonly quorum: number
  readonly limits: ConsensusLimits
  #underTest: number | undefined

  constructor(memberCount = 4, limits: Partial<ConsensusLimits> = {}, quorum?: number) {
    const members = Array.from({ length: memberCount }, (_, index) => ({
      node: nodeIdOf(toHex(this.crypto.sha256(filled(1, index)))),
      keys: this.crypto.signKeyPair(filled(32, index + 1)),
    })).sort((a, b) => compareText(a.node, b.node))
    this.keys = members.map((member) => member.keys)
    this.config = {
      group: digestOf('11'.repeat(32)),
      epoch: 1,
      genesis: digestOf('22'.repeat(32)),
      members: members.map(({ keys, node }) => ({ node, consensusKey: keys.publicKey })),
      ...(quorum !== undefined && { quorum }),
    }
    this.limits = consensusLimitsOf(limits)
    const context = contextOf(this.config)
    this.quorum = context.quorum
    this.wire = { crypto: this.crypto, context, limits: this.limits }
    this.order = leaderOrder(this.config, this.crypto)
  }

  get context(): WireContext['context'] {
    return this.wire.context
  }

  leader(view: number): number {
    return this.order[view % this.order.length]!
  }

  /** The first view from `from` on that the member leads. */
  viewOf(member: number, from = 1): number {
    let view = from
    while (this.leader(view) !== member) view++
    return view
  }

  setup(self: number): Setup {
    const { secretKey } = this.keys[self]!
    const { config, context, crypto, limits, order } = this
    return {
      config,
      context,
      crypto,
      self,
      limits,
      order,
      signer: new VoteSigner({ crypto, secretKey, context, self }),
      delta0Ms: 100,
      application: {
        isValid: (item) => item.length >= 5 && item[0] === 0x75,
        keyOf: (item) => String(itemIdOf(item)),
        // Tests name a client in the byte after the id.
        clientOf: (item) => String(item[5] ?? 0),
      },
    }
  }

  /** @param baseHeight where the epoch began. */
  member(self: number, restored?: Restored, baseHeight = 0): Member {
    this.#underTest = self
    return new Member(this, self, restored, baseHeight)
  }

  vote(kind: VoteKind, view: number, by: { signer: number; digest?: Digest }): Vote {
    const { digest, signer } = by
    const bytes = voteBytes(this.context, { kind, view, digest })
    const signature = this.crypto.sign(this.keys[signer]!.secretKey, bytes)
    return { kind, view, digest, signer, signature }
  }

  /**
   * Of those named, or of the first ones that make a quorum, without the member under test where
   * that is possible: votes that it does not remember would silence it.
   */
  certificate(
    kind: VoteKind,
    view: number,
    of: { digest?: Digest; signers?: readonly number[] } = {},
  ): Certificate {
    const all = this.config.members.map((_, index) => index)
    const spare = all.length > this.quorum ? this.#underTest : undefined
    const quorum = all.filter((index) => index !== spare).slice(0, this.quorum)
    const signers = of.signers ?? quorum
    const digest = kind === 'nullify' ? undefined : of.digest
    const votes = signers.map((signer) =>
      this.vote(kind, view, digest === undefined ? { signer } : { signer, digest }),
    )
    return { kind, view, digest, signers, signatures: votes.map((vote) => vote.signature) }
  }

  block(
    view: number,
    of: { parent?: Block; items?: readonly Uint8Array[]; timeMs?: number } = {},
  ): Block {
    const payload = payloadOf(this.crypto, of.items ?? [makeItem(view, 5)])
    return blockOf(this.crypto, this.context, {
      header: {
        view,
        parentView: of.parent?.header.view ?? 0,
        parentDigest: of.parent?.digest ?? this.config.genesis,
        payloadHash: payloadHashOf(this.crypto, payload),
        timeMs: of.timeMs ?? wallMs,
        flags: 0,
      },
      payload,
    })
  }

  /** Blocks of the views 1 to `count`, each on the one before. */
  chain(count: number): Block[] {
    const blocks: Block[] = []
    for (let view = 1; view <= count; view++) {
      const parent = blocks.at(-1)
      blocks.push(this.block(view, parent === undefined ? {} : { parent }))
    }
    return blocks
  }
}

/** One machine under test. */
export class Member {
  readonly group: Group
  readonly self: number
  readonly machine: Machine
  nowMs = 0
  wallMs = wallMs
  effects: readonly Effect[] = []

  constructor(group: Group, self: number, restored?: Restored, baseHeight = 0) {
    this.group = group
    this.self = self
    this.machine = createMachine(group.setup(self), restored, baseHeight)
    this.input({ kind: 'start' })
    for (const peer of this.others) this.machine.up[peer] = true
  }

  get others(): number[] {
    return this.group.config.members.map((_, index) => index).filter((at) => at !== this.self)
  }

  input(input: Input): readonly Effect[] {
    this.effects = step(this.machine, input, {
      monotonicMs: this.nowMs,
      wallMs: this.wallMs,
    })
    return this.effects
  }

  hear(from: number, message: Message): readonly Effect[] {
    return this.input({ kind: 'message', from, message })
  }

  submit(item: Uint8Array): boolean {
    const taken = admit(this.machine, item)
    this.input({ kind: 'pooled' })
    return taken
  }

  /** Hear the same kind of vote of several members. */
  hearVotes(
    kind: VoteKind,
    view: number,
    of: { signers: readonly number[]; digest?: Digest },
  ): readonly Effect[] {
    const all: Effect[] = []
    const { digest } = of
    for (const signer of of.signers) {
      const vote = this.group.vote(
        kind,
        view,
        digest === undefined ? { signer } : { signer, digest },
      )
      all.push(...this.hear(signer, { kind: 'vote', vote }))
    }
    this.effects = all
    return all
  }

  hearCertificate(certificate: Certificate, from = this.others[0]!): readonly Effect[] {
    return this.hear(from, { kind: 'certificates', certificates: [certificate] })
  }

  /** A proposal of the view's leader. */
  hearProposal(block: Block, justification: readonly Certificate[] = []): readonly Effect[] {
    return this.hear(this.group.leader(block.header.view), {
      kind: 'propose',
      block,
      justification,
    })
  }

  /** Fire the timer that the machine set last under this name. */
  timer(id: Extract<Input, { kind: 'timer' }>['id'], view = this.machine.view): readonly Effect[] {
    return this.input({ kind: 'timer', id, view })
  }

  sent(kind: Message['kind']): Message[] {
    return this.effects.flatMap((effect) =>
      effect.kind === 'send' && effect.message.kind === kind ? [effect.message] : [],
    )
  }

  /** `kind view` of the votes that the last input made it send. */
  votes(): string[] {
    return this.sent('vote').map((message) =>
      message.kind === 'vote' ? `${message.vote.kind} ${message.vote.view}` : '',
    )
  }

  records(): JournalRecord[] {
    return this.effects.flatMap((effect) => (effect.kind === 'write' ? [effect.record] : []))
  }

  timers(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'timer' ? [effect.id] : []))
  }

  commits(): number[] {
    return this.effects.flatMap((effect) => (effect.kind === 'commit' ? [effect.height] : []))
  }

  ofKind<Kind extends Effect['kind']>(kind: Kind): Extract<Effect, { kind: Kind }>[] {
    return this.effects.filter(
      (effect): effect is Extract<Effect, { kind: Kind }> => effect.kind === kind,
    )
  }
}

/** Machines side by side: messages arrive at once unless lost on purpose; timers fire by hand. */
export class Table {
  readonly members: Member[]
  /** True for messages that get lost. */
  lose: (from: number, to: number, message: Message) => boolean = () => false
  /** What each member executed, by height. */
  readonly executed: { block: Block; certificate: Certificate | undefined }[][]
  sentCount = 0
  readonly #queue: { from: number; to: number; message: Message }[] = []

  constructor(group: Group, restored: readonly (Restored | undefined)[] = []) {
    this.members = group.config.members.map((_, self) => group.member(self, restored[self]))
    this.executed = this.members.map(() => [])
    for (const member of this.members) this.#take(member)
  }

  #take(member: Member): void {
    for (const effect of member.effects) {
      if (effect.kind === 'commit') this.executed[member.self]!.push(effect)
      if (effect.kind === 'serve') this.#serve(member.self, effect)
      if (effect.kind !== 'send') continue
      for (const to of member.others)
        if (effect.to === 'all' || effect.to === to)
          this.#queue.push({ from: member.self, to, message: effect.message })
    }
  }

  /** As a driver answers from its journal. */
  #serve(from: number, serve: Extract<Effect, { kind: 'serve' }>): void {
    const { fromHeight } = serve.request
    const stored = this.executed[from]!.slice(fromHeight - 1)
    const last = stored.findLastIndex((one) => one.certificate !== undefined)
    const blocks = stored.slice(0, last + 1).map((one) => one.block)
    const certificate = stored[last]?.certificate
    if (certificate === undefined) return
    const message: Message = { kind: 'range', fromHeight, blocks, tail: [], certificate }
    this.#queue.push({ from, to: serve.to, message })
  }

  /** The digests that a member executed, in order. */
  log(self: number): string {
    return this.executed[self]!.map((one) => one.block.digest).join(' ')
  }

  /** Give an input to one member, and deliver all that follows from it. */
  input(self: number, input: Input): void {
    const member = this.members[self]!
    member.input(input)
    this.#take(member)
    this.deliver()
  }

  submit(self: number, item: Uint8Array): void {
    const member = this.members[self]!
    member.submit(item)
    this.#take(member)
    this.deliver()
  }

  /** Fire a timer of the current view on some members. */
  fire(
    id: Extract<Input, { kind: 'timer' }>['id'],
    on = this.members.map((one) => one.self),
  ): void {
    for (const self of on) {
      const member = this.members[self]!
      member.timer(id)
      this.#take(member)
    }
    this.deliver()
  }

  deliver(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (++this.sentCount > 100_000) throw new Error('a storm')
      if (this.lose(next.from, next.to, next.message)) continue
      const member = this.members[next.to]!
      member.hear(next.from, next.message)
      this.#take(member)
    }
  }
}
