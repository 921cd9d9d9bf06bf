/**
 * The driver: feeds the machine with messages, timers and items, and carries out its effects with
 * links, clock, journal and application. One input at a time, each to its end; nothing here decides
 * anything about agreement.
 */

import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { CodecError } from '../../base/codec.ts'
import { messageOf } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import { channels, type IncomingMessage, type OutgoingMessage } from '../links/index.ts'
import { encodeCertificate, type GroupContext } from './encoding.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import type { CommittedBlock, Consensus, ConsensusEvidence, ConsensusStatus } from './interface.ts'
import { type JournalReader, loadJournal, readProvedRange, readStoredBlocks } from './journal.ts'
import { consensusLimitsOf } from './limits.ts'
import { step } from './machine.ts'
import type { Mutation } from './mutations.ts'
import type { ConsensusOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import { checkConfig, leaderOrder } from './quorum.ts'
import { writesOf } from './records.ts'
import { Shown } from './shown.ts'
import { VoteSigner } from './signer.ts'
import { admit, createMachine, leaderOf, type Machine, nodeOf, type Setup } from './state.ts'
import type { Block, Effect, FetchRequest, Input, MemberIndex, Message } from './types.ts'
import { contextOf } from './verify.ts'
import { decodeMessage, encodeMessage, kindOf, type WireContext } from './wire.ts'

const delta0MsDefault = 300
/** Blocks executed again at a restart, per read. */
const replayCount = 64

/** Build a member. Call before the links start; messages that come before `start` are dropped. */
export const createConsensus = (options: ConsensusOptions): Consensus =>
  new Driver(options, undefined)

/** A member that breaks a rule on purpose, for tests; the layer's door does not export it. */
export const createMutant = (options: ConsensusOptions, mutation: Mutation): Consensus =>
  new Driver(options, mutation)

class Driver implements Consensus {
  readonly #options: ConsensusOptions
  readonly #self: MemberIndex
  readonly #setup: Setup
  readonly #wire: WireContext
  readonly #reader: JournalReader
  readonly #indexes = new Map<NodeId, MemberIndex>()
  readonly #outbox: Outbox
  readonly #shown: Shown
  readonly #mutation: Mutation | undefined
  readonly #timers = new Map<string, () => void>()
  readonly #serving = new Set<MemberIndex>()
  readonly #inputs: Input[] = []
  #machine: Machine
  #running = false
  #busy = false
  /** Executed in this process or before. */
  #height = 0
  #commitAfter = 0
  /** Of the executed state, as the machine knows it. */
  #expiryMs: number | undefined
  #failed = false
  #forgetLinks: () => void = () => undefined

  constructor(options: ConsensusOptions, mutation: Mutation | undefined) {
    checkConfig(options.config)
    this.#options = options
    const { config, crypto } = options
    const limits = consensusLimitsOf(options.limits)
    for (const [index, member] of config.members.entries()) this.#indexes.set(member.node, index)
    const self = this.#indexes.get(options.self)
    assert(self !== undefined, 'only members run consensus')
    this.#self = self
    const context = mutatedContext(contextOf(config), mutation)
    const { secretKey } = options.consensusKeyPair
    this.#setup = {
      config,
      context,
      crypto,
      self,
      limits,
      signer: new VoteSigner({
        crypto,
        secretKey,
        context,
        self,
        unguarded: mutation !== undefined,
      }),
      mutation,
      order: leaderOrder(config, crypto),
      delta0Ms: options.delta0Ms ?? delta0MsDefault,
      application: options.application,
    }
    this.#wire = { crypto, context, limits }
    this.#reader = { journal: options.journal, crypto, context, limits }
    this.#machine = createMachine(this.#setup)
    this.#mutation = mutation
    this.#shown = new Shown(config, options.application)
    this.#outbox = new Outbox(options.journal, {
      onDurable: (done) => this.#onDurable(done),
      onFailed: (error) => this.#onJournalFailed(error),
    })
    options.links.handle(channels.consensus, { onMessage: (message) => this.#onMessage(message) })
  }

  async start(): Promise<void> {
    const { links, restoredHeight } = this.#options
    const restored = await loadJournal(this.#reader, this.#self)
    const height = restored.executed?.height ?? 0
    if (restoredHeight > height) {
      const what = `the application is at height ${restoredHeight}, its log at ${height}`
      throw new ConsensusError(ConsensusCode.JournalDamaged, what, { what })
    }
    const { executed, final } = restored
    if (executed !== undefined && final?.digest === executed.digest)
      this.#shown.executed(height, final)
    await this.#replay(restoredHeight, height)
    // Without anything to replay, too, the newest height is shown with its proof.
    if (height > 0 && restoredHeight === height) this.#shown.durable([height])
    this.#machine = createMachine(this.#setup, restored)
    this.#height = height
    this.#running = true
    this.#run({ kind: 'start' })
    this.#noteExpiry()
    this.#forgetLinks = links.onChange((peer, up) => this.#onLink(peer, up))
    for (const link of links.peers()) if (link.up) this.#onLink(link.peer, true)
  }

  async #replay(fromHeight: number, toHeight: number): Promise<void> {
    let done = fromHeight
    while (done < toHeight) {
      const countMax = Math.min(replayCount, toHeight - done)
      const { rangeBytesMax } = this.#setup.limits
      const range = { fromHeight: done + 1, countMax, bytesMax: rangeBytesMax }
      const stored = await readStoredBlocks(this.#reader, range)
      if (stored.length === 0) {
        const what = `block ${done + 1} is missing`
        throw new ConsensusError(ConsensusCode.JournalDamaged, what, { what })
      }
      const writes = stored.flatMap(({ block, height }) =>
        this.#options.application.execute(committed(block, height)),
      )
      if (writes.length > 0) await this.#options.journal.commit(writes)
      for (const { height, certificate } of stored) this.#shown.executed(height, certificate)
      this.#shown.durable(stored.map(({ height }) => height))
      done += stored.length
    }
  }

  async stop(): Promise<void> {
    this.#halt()
    this.#outbox.close()
    await this.#outbox.settled()
  }

  #halt(): void {
    this.#running = false
    this.#forgetLinks()
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  submit(item: Uint8Array): boolean {
    if (!this.#running) return false
    const before = this.#machine.pool.count
    if (!admit(this.#machine, item)) return false
    if (this.#machine.pool.count > before) this.#run({ kind: 'pooled' })
    return true
  }

  status(): ConsensusStatus {
    const { view, final, pool, fetch } = this.#machine
    return {
      view,
      finalView: final.view,
      height: this.#height,
      leader: nodeOf(this.#setup, leaderOf(this.#setup, view)),
      pendingItemCount: pool.count,
      catchingUp: fetch !== undefined,
    }
  }

  async blocks(input: {
    readonly fromHeight: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly CommittedBlock[]> {
    const stored = await readStoredBlocks(this.#reader, input)
    return stored.map(({ block, height }) => committed(block, height))
  }

  #onMessage(message: IncomingMessage): void {
    if (!this.#running) return
    const from = this.#indexes.get(message.from)
    if (from === undefined || from === this.#self) return
    // Blocks are the only large thing to decode: not for those who were not asked.
    const kind = kindOf(message.head)
    const isBlocks = kind === 'range' || kind === 'block'
    if (isBlocks && this.#machine.fetch?.asked.has(from) !== true) return
    let decoded: Message
    try {
      decoded = decodeMessage(message, from, this.#wire)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#options.metrics.count('consensus.malformed_messages')
      return
    }
    this.#run({ kind: 'message', from, message: decoded })
  }

  #onLink(peer: NodeId, up: boolean): void {
    const index = this.#indexes.get(peer)
    if (index === undefined || !this.#running) return
    this.#run({ kind: up ? 'linkUp' : 'linkDown', peer: index })
  }

  #onDurable(done: { readonly ownVote: number; readonly heights: readonly number[] }): void {
    this.#guarded(() => {
      this.#shown.durable(done.heights)
    })
    if (done.ownVote > 0 && this.#running) this.#run({ kind: 'durable', ownVote: done.ownVote })
  }

  #onJournalFailed(cause: unknown): void {
    const what = messageOf(cause)
    const message = `the consensus journal could not be made durable: ${what}`
    this.#fail(new ConsensusError(ConsensusCode.JournalFailed, message, { what }, { cause }))
  }

  #fail(error: unknown): void {
    this.#halt()
    this.#outbox.close()
    if (this.#failed) return
    this.#failed = true
    this.#options.onFatal(error instanceof Error ? error : new Error(messageOf(error)))
  }

  /** Things that waited for the disk run outside of any step. */
  #guarded(task: () => void): void {
    if (!this.#running) return
    try {
      task()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** One input after the other: what an effect causes waits until the effect's step has ended. */
  #run(input: Input): void {
    this.#inputs.push(input)
    if (this.#busy) return
    this.#busy = true
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift())
        this.#step(next)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#busy = false
      this.#inputs.length = 0
    }
  }

  #step(input: Input): void {
    const { clock, metrics } = this.#options
    const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() }
    for (const effect of step(this.#machine, input, now)) {
      if (!this.#running) return
      this.#carryOut(effect)
    }
    this.#outbox.flush()
    metrics.gauge('consensus.pooled_items', this.#machine.pool.count)
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'write':
        if (effect.record.kind === 'myVote' && this.#mutation === 'votes-not-written') return
        this.#outbox.write(writesOf(effect.record, this.#wire.context), effect.ownVote)
        return
      case 'send':
        this.#send(effect)
        return
      case 'timer':
        this.#setTimer(effect.id, effect.delayMs, () => {
          this.#run({ kind: 'timer', id: effect.id, view: effect.view })
        })
        return
      case 'timerOff':
        this.#timers.get(effect.id)?.()
        this.#timers.delete(effect.id)
        return
      case 'commit':
        // In order, whatever each of them waits for.
        this.#commitAfter = Math.max(this.#commitAfter, this.#afterOf(effect))
        this.#outbox.leave(this.#commitAfter, () => this.#guarded(() => this.#commit(effect)))
        return
      case 'serve':
        this.#serve(effect.to, effect.request)
        return
      case 'evidence':
        this.#publish(effect)
        return
      case 'alarm':
        this.#alarm(effect)
        return
      case 'amnesia':
        this.#options.log.error(
          'a vote of this node was seen that its journal does not know: it votes no more in this epoch',
          { view: effect.view },
        )
        return
      case 'demerit':
        this.#options.metrics.count('consensus.demerits')
        this.#options.log.warn('a member sent what no correct member sends', {
          member: nodeOf(this.#setup, effect.peer),
          what: effect.what,
        })
        return
    }
  }

  #send(effect: Extract<Effect, { kind: 'send' }>): void {
    const after = this.#afterOf(effect)
    this.#outbox.leave(after, () => this.#guarded(() => this.#sendNow(effect)))
  }

  #afterOf(effect: { readonly after: number }): number {
    const atOnce = this.#mutation === 'send-before-sync' || this.#mutation === 'votes-not-written'
    return atOnce ? 0 : effect.after
  }

  #sendNow(effect: Extract<Effect, { kind: 'send' }>): void {
    const { links, config, metrics } = this.#options
    let encoded: OutgoingMessage | undefined
    for (const [index, { node }] of config.members.entries()) {
      if (index === this.#self || (effect.to !== 'all' && effect.to !== index)) continue
      if (!links.isUp(node)) continue
      encoded ??= { channel: channels.consensus, ...encodeMessage(effect.message, this.#wire) }
      if (links.send(node, encoded)) continue
      // Its queue is full. When it has room again, compare where we are.
      metrics.count('consensus.dropped_messages')
      this.#setTimer(`owed ${index}`, this.#setup.delta0Ms, () => {
        if (links.isUp(node)) this.#run({ kind: 'linkUp', peer: index })
      })
    }
  }

  #setTimer(name: string, delayMs: number, task: () => void): void {
    this.#timers.get(name)?.()
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(name)
      if (this.#running) task()
    })
    this.#timers.set(name, cancel)
  }

  #commit(effect: Extract<Effect, { kind: 'commit' }>): void {
    const { block, certificate, height } = effect
    const { application, metrics } = this.#options
    this.#outbox.write(application.execute(committed(block, height)))
    this.#outbox.write(
      writesOf({ kind: 'executed', height, block, certificate }, this.#wire.context),
    )
    this.#outbox.executed(height)
    this.#shown.executed(height, certificate)
    this.#height = height
    this.#noteExpiry()
    metrics.count('consensus.executed_blocks')
    metrics.count('consensus.executed_items', block.payload.items.length)
    metrics.gauge('consensus.height', height)
    metrics.gauge('consensus.view', this.#machine.view)
  }

  #noteExpiry(): void {
    const atMs = this.#options.application.nextExpiryMs?.()
    if (atMs === this.#expiryMs) return
    this.#expiryMs = atMs
    this.#run({ kind: 'expiry', atMs })
  }

  /** One answer under way for each peer: more questions of the same peer are not heard. */
  #serve(to: MemberIndex, request: FetchRequest): void {
    if (this.#serving.has(to)) return
    this.#serving.add(to)
    this.#answer(to, request).then(
      () => this.#serving.delete(to),
      (error: unknown) => {
        if (this.#running) this.#fail(error)
      },
    )
  }

  async #answer(to: MemberIndex, request: FetchRequest): Promise<void> {
    const { fromHeight, digest } = request
    const range = await readProvedRange(this.#reader, fromHeight)
    if (!this.#running) return
    const message: Message =
      range === undefined ? { kind: 'lacking', fromHeight, digest } : { kind: 'range', ...range }
    this.#send({ kind: 'send', to, message, after: 0 })
  }

  #publish(pair: Pick<ConsensusEvidence, 'first' | 'second'>): void {
    const { config, log, metrics, onEvidence } = this.#options
    const member = nodeOf(this.#setup, pair.first.signer)
    const { view } = pair.first
    metrics.count('consensus.evidence')
    log.warn('a member voted twice', { member, view })
    const { first, second } = pair
    onEvidence?.({ member, group: config.group, epoch: config.epoch, first, second })
  }

  #alarm(effect: Extract<Effect, { kind: 'alarm' }>): void {
    const proofs = effect.certificates.map((one) =>
      toHex(encodeCertificate(one, this.#wire.context)),
    )
    const what = [effect.what, ...proofs].join(' ')
    this.#fail(new ConsensusError(ConsensusCode.SafetyViolated, effect.what, { what }))
  }
}

const mutatedContext = (context: GroupContext, mutation: Mutation | undefined): GroupContext =>
  mutation === 'quorum-too-small' ? { ...context, quorum: context.quorum - 1 } : context

const committed = (block: Block, height: number): CommittedBlock => ({
  height,
  view: block.header.view,
  digest: block.digest,
  timeMs: block.header.timeMs,
  items: block.payload.items,
})
