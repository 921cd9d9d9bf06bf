/**
 * The driver: feeds the machine with messages, timers and items, and carries out its effects with
 * links, clock, journal and application. One input at a time, each to its end; nothing here decides
 * anything about agreement.
 */

import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import { CodecError } from '../../base/codec.ts'
import { messageOf } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import { channels, type IncomingMessage, type OutgoingMessage } from '../links/index.ts'
import { vouchedOf } from './checkpoint.ts'
import { type Epoch, epochAfter, firstEpoch, openEpoch } from './epoch.ts'
import type { LaterEpoch } from './epoch-claims.ts'
import { EpochTalk } from './epoch-talk.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import type {
  CommittedBlock,
  Consensus,
  ConsensusConfig,
  ConsensusMember,
  ConsensusStatus,
  Snapshot,
} from './interface.ts'
import { loadEnded, loadIdentity, loadJournal, readStoredBlocks } from './journal.ts'
import { step } from './machine.ts'
import type { Mutation } from './mutations.ts'
import type { ConsensusOptions } from './options.ts'
import { Outbox } from './outbox.ts'
import { checkConfig } from './quorum.ts'
import { endedWrite, epochWrites, ownKeyWrite, writesOf } from './records.ts'
import { committed, replay } from './replay.ts'
import { Reports, safetyViolated } from './reports.ts'
import { Serving } from './serving.ts'
import { Shown } from './shown.ts'
import {
  admit,
  createMachine,
  emptyRestored,
  leaderOf,
  type Machine,
  nodeOf,
  ownVotesIn,
  takeBack,
} from './state.ts'
import { StateTransfer } from './state-transfer.ts'
import { TimerSet } from './timer-set.ts'
import type {
  Block,
  Effect,
  EpochStart,
  FetchRequest,
  Input,
  MemberIndex,
  Message,
  VouchedCheckpoint,
} from './types.ts'
import { decodeMessage, type EncodedMessage, encodeMessage, kindOf } from './wire.ts'

/** Build a member. Call before the links start; messages that come before `start` are dropped. */
export const createConsensus = (options: ConsensusOptions): Consensus =>
  new Driver(options, undefined)

/** A member that breaks a rule on purpose, for tests; the layer's door does not export it. */
export const createMutant = (options: ConsensusOptions, mutation: Mutation): Consensus =>
  new Driver(options, mutation)

class Driver implements Consensus {
  readonly #options: ConsensusOptions
  readonly #self: MemberIndex
  readonly #indexes = new Map<NodeId, MemberIndex>()
  readonly #outbox: Outbox
  readonly #shown: Shown
  readonly #mutation: Mutation | undefined
  readonly #timers: TimerSet
  readonly #serving = new Serving()
  readonly #reports: Reports
  readonly #inputs: Input[] = []
  readonly #talk: EpochTalk
  #epoch: Epoch
  #machine: Machine
  /** Made by this member for its readmission. */
  #freshKey: KeyPair | undefined
  #running = false
  #busy = false
  /** Executed in this process or before. */
  #height = 0
  #commitAfter = 0
  /** Of the executed state, as the machine knows it. */
  #expiryMs: number | undefined
  #failed = false
  #forgetLinks: () => void = () => undefined
  readonly #stateTransfer: StateTransfer

  constructor(options: ConsensusOptions, mutation: Mutation | undefined) {
    checkConfig(options.config)
    this.#options = options
    const { config } = options
    for (const [index, member] of config.members.entries()) this.#indexes.set(member.node, index)
    const self = this.#indexes.get(options.self)
    assert(self !== undefined, 'only members run consensus')
    this.#self = self
    this.#mutation = mutation
    this.#timers = new TimerSet(options.clock)
    this.#talk = new EpochTalk({
      ...options,
      send: (to, encoded) => this.#sendEncoded(to, encoded),
      vouched: () => vouchedOf(this.#machine),
      onFailed: (error) => {
        if (this.#running) this.#fail(error)
      },
    })
    this.#epoch = this.#open(firstEpoch(config))
    this.#machine = createMachine(this.#epoch.setup)
    this.#shown = new Shown(options.application)
    this.#reports = new Reports(options)
    this.#outbox = new Outbox(options.journal, {
      onDurable: (done) => this.#onDurable(done),
      onFailed: (error) => this.#onJournalFailed(error),
    })
    this.#stateTransfer = this.#transferOf()
    options.links.handle(channels.consensus, { onMessage: (message) => this.#onMessage(message) })
  }

  async start(): Promise<void> {
    const { crypto, journal, links, restoredHeight } = this.#options
    const isNew = this.#options.mayBeNew || this.#mutation === 'amnesia-ignored'
    const { epoch, keySeed } = await loadIdentity(journal)
    if (keySeed !== undefined) this.#freshKey = crypto.signKeyPair(keySeed)
    if (epoch !== undefined) this.#epoch = this.#open(epoch)
    else if (keySeed !== undefined) this.#epoch = this.#open(this.#epoch.start)
    const restored = await loadJournal(this.#epoch.reader, this.#self, isNew)
    const ended = await loadEnded(this.#epoch.reader)
    this.#talk.restore(ended && { ...ended, epoch: this.#open(ended.start) })
    const height = restored.executed?.height ?? 0
    if (restoredHeight > height) {
      const what = `the application is at height ${restoredHeight}, its log at ${height}`
      throw new ConsensusError(ConsensusCode.JournalDamaged, what, { what })
    }
    const { executed, final } = restored
    const { config, reader } = this.#epoch
    if (executed !== undefined && final?.digest === executed.digest)
      this.#shown.executed(height, { config, certificate: final })
    const heights = { fromHeight: restoredHeight, toHeight: height }
    await replay(this.#options, { reader, config, shown: this.#shown }, heights)
    // Without anything to replay, too, the newest height is shown with its proof.
    if (height > 0 && restoredHeight === height) this.#shown.durable([height])
    const muted = restored.muted || !this.#epoch.hasKey
    const { baseHeight } = this.#epoch.start
    const votes = this.#mutation === 'votes-not-restored' ? [] : restored.votes
    this.#machine = createMachine(this.#epoch.setup, { ...restored, muted, votes }, baseHeight)
    this.#height = height
    this.#running = true
    this.#run({ kind: 'start' })
    this.#noteExpiry()
    this.#forgetLinks = links.onChange((peer, up) => this.#onLink(peer, up))
    this.#greetAll()
  }

  #open(start: EpochStart): Epoch {
    const { consensusKeyPair } = this.#options
    const fresh = this.#freshKey === undefined ? [] : [this.#freshKey]
    return openEpoch(this.#options, start, {
      self: this.#self,
      keys: [consensusKeyPair, ...fresh],
      mutation: this.#mutation,
    })
  }

  #greetAll(): void {
    for (const link of this.#options.links.peers()) if (link.up) this.#onLink(link.peer, true)
  }

  async stop(): Promise<void> {
    this.#halt()
    this.#outbox.close()
    await this.#outbox.settled()
  }

  #halt(): void {
    this.#running = false
    this.#stateTransfer.abort()
    this.#forgetLinks()
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
    const { checkpoints, fetch, final, muted, pool, view } = this.#machine
    const { setup, start } = this.#epoch
    return {
      view,
      finalView: final.view,
      height: this.#height,
      leader: nodeOf(setup, leaderOf(setup, view)),
      pendingItemCount: pool.count,
      catchingUp: fetch !== undefined || checkpoints.transfer !== undefined,
      votes: !muted,
      epoch: start.epoch,
      stableHeight: checkpoints.stable?.height ?? 0,
    }
  }

  config(): ConsensusConfig {
    return this.#epoch.config
  }

  snapshot(snapshot: Snapshot): void {
    if (!this.#running) return
    this.#run({ kind: 'snapshot', snapshot })
    this.#announce()
  }

  /** That we vouch for a state of an epoch which others may have missed. */
  #announce(): void {
    if (this.#epoch.start.epoch > this.#options.config.epoch) this.#talk.announce(this.#epoch)
  }

  async prepareKey(seed: Uint8Array): Promise<{ readonly consensusPair: KeyPair }> {
    const { crypto, journal } = this.#options
    const used = this.#epoch.config.members[this.#self]?.consensusKey
    const known = this.#freshKey
    if (known !== undefined && (used === undefined || !equalBytes(known.publicKey, used)))
      return { consensusPair: known }
    const consensusPair = crypto.signKeyPair(seed)
    await journal.commit([ownKeyWrite(seed)])
    this.#freshKey = consensusPair
    return { consensusPair }
  }

  async blocks(input: {
    readonly fromHeight: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly CommittedBlock[]> {
    const stored = await readStoredBlocks(this.#epoch.reader, input)
    return stored.map(({ block, height }) => committed(block, height))
  }

  #onMessage(message: IncomingMessage): void {
    if (!this.#running) return
    const from = this.#indexes.get(message.from)
    if (from === undefined || from === this.#self) return
    const heard = this.#talk.hear(message, from, this.#epoch)
    if (heard === 'greet') this.#run({ kind: 'linkUp', peer: from })
    else if (heard === 'forged') {
      const what = 'a claim of an epoch with a forged vote'
      this.#reports.demerit(this.#epoch, { peer: from, what })
    } else if (typeof heard === 'object') this.#follow(heard)
    if (heard !== 'ours') return
    // Blocks are the only large thing to decode: not for those who were not asked.
    const kind = kindOf(message.head)
    const isBlocks = kind === 'range' || kind === 'block'
    if (isBlocks && this.#machine.fetch?.asked.has(from) !== true) return
    let decoded: Message
    try {
      decoded = decodeMessage(message, from, this.#epoch.wire)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#options.metrics.count('consensus.malformed_messages')
      return
    }
    this.#run({ kind: 'message', from, message: decoded })
  }

  /** By what the others say: this member missed the end of its epoch, or lost its disk. */
  #follow({ start, votes }: LaterEpoch): void {
    if (start.baseHeight <= this.#height) return
    const { epoch } = start
    this.#options.log.warn('the group is in a later epoch: its state is fetched', { epoch })
    this.#enter(start, { ...this.#machine.executed, height: this.#height, view: 0 })
    for (const vote of votes.filter(({ signer }) => signer !== this.#self))
      this.#run({ kind: 'message', from: vote.signer, message: { kind: 'checkpointVote', vote } })
    this.#outbox.flush()
  }

  /** A new epoch: by the block that ended the last one, or by what the others say. */
  #enter(start: EpochStart, executed: Machine['executed']): void {
    const before = this.#machine
    const used = this.#epoch.config.members[this.#self]?.consensusKey
    this.#epoch = this.#open(start)
    const named = start.members[this.#self]?.consensusKey
    // With a key of before, this member may have voted in the new epoch and lost it.
    const isFresh = used !== undefined && named !== undefined && !equalBytes(used, named)
    const muted = !this.#epoch.hasKey || (before.muted && !isFresh)
    this.#outbox.write(epochWrites(start, muted))
    const restored = {
      ...emptyRestored,
      ...{ executed, muted, prunedHeight: before.checkpoints.prunedHeight },
    }
    this.#machine = createMachine(this.#epoch.setup, restored, start.baseHeight, before)
    this.#commitAfter = 0
    this.#stateTransfer.abort()
    this.#talk.forget()
    this.#timers.clear()
    // What waited was of the epoch before.
    this.#inputs.length = 0
    this.#options.log.info('a consensus epoch begins', { epoch: start.epoch, votes: !muted })
    this.#run({ kind: 'start' })
    this.#expiryMs = undefined
    this.#noteExpiry()
    this.#greetAll()
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
    if (!this.#running) return
    if (done.ownVote > 0) this.#run({ kind: 'durable', ownVote: done.ownVote })
    this.#noteDisk()
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
    const epoch = this.#epoch
    for (const effect of step(this.#machine, input, now)) {
      if (!this.#running) return
      // The rest of an epoch that has just ended counts for nothing.
      const goesOn = this.#mutation === 'executed-behind-epoch' && effect.kind === 'commit'
      if (this.#epoch === epoch || goesOn) this.#carryOut(effect)
      else if (effect.kind === 'commit') takeBack(this.#machine, effect.block)
      // Others may need it to see that their epoch has ended.
      else if (effect.kind === 'write' && effect.record.kind === 'haveBlock')
        this.#outbox.write(writesOf(effect.record, epoch.wire.context))
    }
    this.#outbox.flush()
    this.#noteDisk()
    const { fetchedBytes, heldBytes, pool, rounds } = this.#machine
    metrics.gauge('consensus.pooled_items', pool.count)
    metrics.gauge('consensus.pooled_bytes', pool.bytes)
    metrics.gauge('consensus.open_views', rounds.size)
    metrics.gauge('consensus.held_bytes', heldBytes)
    metrics.gauge('consensus.fetched_bytes', fetchedBytes)
  }

  /** Tell the machine when too much waits for the disk, and when half of that is left. */
  #noteDisk(): void {
    const { diskIsBehind, setup } = this.#machine
    const { unsyncedBytesMax } = setup.limits
    const { unsyncedBytes } = this.#outbox
    this.#options.metrics.gauge('consensus.unsynced_bytes', unsyncedBytes)
    const isBehind = unsyncedBytes > unsyncedBytesMax / (diskIsBehind ? 2 : 1)
    if (isBehind !== diskIsBehind) this.#run({ kind: 'disk', isBehind })
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'write':
        if (effect.record.kind === 'myVote' && this.#mutation === 'votes-not-written') return
        this.#outbox.write(writesOf(effect.record, this.#epoch.wire.context), effect.ownVote)
        return
      case 'send':
        this.#send(effect)
        return
      case 'timer':
        this.#timers.set(effect.id, effect.delayMs, () => {
          this.#run({ kind: 'timer', id: effect.id, view: effect.view })
        })
        return
      case 'timerOff':
        this.#timers.cancel(effect.id)
        return
      case 'commit':
        // In order, whatever each of them waits for.
        this.#commitAfter = Math.max(this.#commitAfter, this.#afterOf(effect))
        this.#leave(
          this.#commitAfter,
          () => this.#commit(effect),
          () => takeBack(this.#machine, effect.block),
        )
        return
      case 'serve':
        this.#serve(effect.to, effect.request)
        return
      case 'stable':
        this.#options.metrics.gauge('consensus.stable_height', effect.checkpoint.height)
        this.#options.application.onStable?.(effect.checkpoint.height)
        return
      case 'transfer':
        this.#transfer(effect.checkpoint)
        return
      case 'diverged':
        this.#options.log.error(
          'the state of this node differs from what a quorum vouches for: it is fetched anew',
          { height: effect.height },
        )
        return
      case 'evidence':
        this.#reports.evidence(this.#epoch, effect)
        return
      case 'alarm':
        this.#fail(safetyViolated(this.#epoch, effect))
        return
      case 'amnesia':
        this.#options.log.error(
          'a vote of this node was seen that its journal does not know: it votes no more in this epoch',
          { view: effect.view },
        )
        return
      case 'demerit':
        this.#reports.demerit(this.#epoch, effect)
        return
    }
  }

  /** When own votes up to `after` are durable, if the epoch is still the same then. */
  #leave(after: number, task: () => void, otherwise: () => void = () => undefined): void {
    const epoch = this.#epoch
    this.#outbox.leave(after, () => this.#guarded(this.#epoch === epoch ? task : otherwise))
  }

  #send(effect: Extract<Effect, { kind: 'send' }>): void {
    const after = this.#afterOf(effect)
    this.#leave(after, () => this.#sendNow(effect))
  }

  #afterOf(effect: { readonly after: number }): number {
    const atOnce = this.#mutation === 'send-before-sync' || this.#mutation === 'votes-not-written'
    return atOnce ? 0 : effect.after
  }

  #sendNow(effect: Extract<Effect, { kind: 'send' }>): void {
    const { links, config, metrics } = this.#options
    const { setup, wire } = this.#epoch
    let encoded: OutgoingMessage | undefined
    for (const [index, { node }] of config.members.entries()) {
      if (index === this.#self || (effect.to !== 'all' && effect.to !== index)) continue
      if (!links.isUp(node)) continue
      encoded ??= { channel: channels.consensus, ...encodeMessage(effect.message, wire) }
      if (links.send(node, encoded)) continue
      // Its queue is full. When it has room again, compare where we are.
      metrics.count('consensus.dropped_messages')
      this.#timers.set(`owed ${index}`, setup.delta0Ms, () => {
        if (links.isUp(node)) this.#run({ kind: 'linkUp', peer: index })
      })
    }
  }

  #sendEncoded(to: MemberIndex, encoded: EncodedMessage): void {
    const { config, links } = this.#options
    const node = config.members[to]?.node
    if (node !== undefined && links.isUp(node))
      links.send(node, { channel: channels.consensus, ...encoded })
  }

  #commit(effect: Extract<Effect, { kind: 'commit' }>): void {
    const { block, certificate, height } = effect
    const { application, metrics } = this.#options
    this.#outbox.write(application.execute(committed(block, height)))
    const record = { kind: 'executed', height, block, certificate } as const
    this.#outbox.write(writesOf(record, this.#epoch.wire.context))
    this.#outbox.executed(height)
    const { config } = this.#epoch
    this.#shown.executed(height, certificate && { config, certificate })
    this.#height = height
    if (this.#mutation === 'answered-before-sync') application.onDurable(height)
    metrics.count('consensus.executed_blocks')
    metrics.count('consensus.executed_items', block.payload.items.length)
    metrics.gauge('consensus.height', height)
    metrics.gauge('consensus.view', this.#machine.view)
    const members = application.membersAfter?.(height)
    if (members === undefined) {
      this.#noteExpiry()
      return
    }
    // No step in between: it would commit the block, and leave its epoch open for a crash.
    this.#shown.endsEpoch(height)
    this.#endEpoch(members, { height, digest: block.digest })
  }

  #endEpoch(
    members: readonly ConsensusMember[],
    end: { readonly height: number; readonly digest: Block['digest'] },
  ): void {
    const epoch = this.#epoch
    const { certificate } = this.#machine.final
    if (certificate !== undefined) {
      this.#outbox.write([endedWrite({ start: epoch.start, certificate }, epoch.wire.context)])
      // It may be newer than what this block rests on, with a vote of ours that is not durable.
      this.#outbox.leave(ownVotesIn(this.#machine, certificate), () =>
        this.#talk.end({ epoch, certificate }),
      )
    }
    this.#enter(epochAfter(this.#epoch.start, end, members), { ...end, view: 0 })
  }

  #transfer(checkpoint: VouchedCheckpoint): void {
    const { log } = this.#options
    log.info('the state of a checkpoint is fetched', { height: checkpoint.height })
    this.#stateTransfer.begin(this.#epoch, checkpoint).catch((error: unknown) => {
      if (this.#running) this.#fail(error)
    })
  }

  #transferOf(): StateTransfer {
    const { application, metrics } = this.#options
    const end = (epoch: Epoch, checkpoint: VouchedCheckpoint, ok: boolean): void => {
      if (this.#epoch === epoch) this.#run({ kind: 'transferred', checkpoint, ok })
    }
    return new StateTransfer({
      application,
      outbox: this.#outbox,
      isCurrent: (epoch) => this.#running && this.#epoch === epoch,
      behindCommits: (task) => this.#leave(this.#commitAfter, task),
      onFailed: (epoch, checkpoint) =>
        this.#timers.set('transfer', epoch.setup.delta0Ms, () => end(epoch, checkpoint, false)),
      onDurable: (epoch, checkpoint, installed) =>
        this.#guarded(() => {
          this.#shown.replaced()
          installed()
          this.#noteExpiry()
          this.#height = checkpoint.height
          metrics.gauge('consensus.height', checkpoint.height)
          end(epoch, checkpoint, true)
          this.#announce()
        }),
    })
  }

  #noteExpiry(): void {
    const atMs = this.#options.application.nextExpiryMs?.()
    if (atMs === this.#expiryMs) return
    this.#expiryMs = atMs
    this.#run({ kind: 'expiry', atMs })
  }

  #serve(to: MemberIndex, request: FetchRequest): void {
    const epoch = this.#epoch
    this.#serving.answer(epoch, to, request).then(
      (message) => {
        if (!this.#running || this.#epoch !== epoch || message === undefined) return
        this.#send({ kind: 'send', to, message, after: 0 })
      },
      (error: unknown) => {
        if (this.#running) this.#fail(error)
      },
    )
  }
}
