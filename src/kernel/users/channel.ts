/**
 * One token's way to the group, from this Processor: commands of one turn of the event loop go
 * together in signed batches, through a session that is opened before the first of them, renewed
 * beside the work, and replaced when the section does not know it (any more).
 *
 * A caller who gives up, or whose deadline passes, stops waiting; the batch goes on. What a result
 * of `session` means is that the command was not executed: it goes again, once, in a new session.
 * That is safe because no session is used that could end while a command is under way
 * (`sessionLeftMinMs`), so the same command cannot have run before in the old one.
 */
import { assert } from '../../base/assert.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Random } from '../../ports/random.ts'
import { type Group, GroupCode, GroupError } from '../group/index.ts'
import {
  type CommandResult,
  commandsPerBatchMax,
  type Operation,
  RejectCode,
} from '../section/index.ts'
import { UserCode, UserError } from './errors.ts'
import type { SubmitOptions } from './interface.ts'
import {
  batchCommandBytesMax,
  commandsInFlightMax,
  commandsWaitingMax,
  openDeadlineMs,
  renewPauseMs,
  sessionLeftMinMs,
  sessionLifeMs,
  sessionRenewMs,
} from './limits.ts'
import { type Certifier, type NumberedCommand, SessionKey } from './session-key.ts'
import { Waiting } from './waiting.ts'

export type ChannelOptions = Certifier & {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly group: Pick<Group, 'submit'>
  /** The group says that the principal is not good any more: look at its record again. */
  readonly onRefused: () => void
}

type Batch = { readonly numbered: NumberedCommand[]; readonly waiting: Waiting[]; bytes: number }

const lengthBytes = 4

export class Channel {
  readonly #options: ChannelOptions
  #key: SessionKey | undefined
  #opening: Promise<SessionKey> | undefined
  /** Not numbered yet, oldest first. */
  #queue: Waiting[] = []
  #inFlight = 0
  #isArmed = false
  #isRenewing = false
  #renewNotBeforeMs = 0

  constructor(options: ChannelOptions) {
    this.#options = options
  }

  /** @see Sessions.submit */
  async submit(operations: readonly Operation[], options: SubmitOptions): Promise<CommandResult> {
    if (this.#queue.length >= commandsWaitingMax) {
      throw new GroupError(GroupCode.Overloaded, 'this token has too many unanswered commands', {})
    }
    const waiting = new Waiting(this.#options.clock, { ...options, operations })
    this.#queue.push(waiting)
    this.#arm()
    return waiting.result
  }

  /** Whatever is asked for in this turn leaves together at its end. */
  #arm(): void {
    if (this.#isArmed || this.#queue.length === 0) return
    this.#isArmed = true
    this.#options.clock.after(0, () => {
      this.#flush().catch((error: unknown) => this.#failQueue(error))
    })
  }

  async #flush(): Promise<void> {
    try {
      this.#queue = this.#queue.filter(({ isSettled }) => !isSettled)
      if (this.#queue.length === 0 || this.#inFlight >= commandsInFlightMax) return
      const key = await this.#openKey()
      this.#renewWhenDue(key)
      for (const batch of this.#batches(key)) void this.#send(key, batch)
    } finally {
      this.#isArmed = false
    }
    // What found no room waits for an answer to make some.
    if (this.#inFlight === 0 && !this.#isRenewing) this.#arm()
  }

  /** No session for anybody who waits. */
  #failQueue(error: unknown): void {
    const queue = this.#queue
    this.#queue = []
    for (const waiting of queue) waiting.reject(error)
  }

  /** The session to use: the present one while it is good, else another, opened first. */
  async #openKey(): Promise<SessionKey> {
    const key = this.#goodKey()
    if (key.isOpen) return key
    this.#opening ??= this.#open(key).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** The present session, or a fresh one that is not opened yet. */
  #goodKey(): SessionKey {
    const { clock, random } = this.#options
    const nowMs = clock.wallMs()
    const known = this.#key
    if (known !== undefined && known.expiryMs - nowMs >= sessionLeftMinMs && !known.isSpent) {
      return known
    }
    const fresh = new SessionKey(this.#options, { random, expiryMs: nowMs + sessionLifeMs })
    this.#key = fresh
    return fresh
  }

  async #open(key: SessionKey): Promise<SessionKey> {
    const { group } = this.#options
    const [result] = await group.submit(key.opening, { deadlineMs: openDeadlineMs })
    if (result?.ok === true) {
      key.isOpen = true
      return key
    }
    this.#forget(key)
    throw this.#refusal(result)
  }

  /** Why the group opens no session. */
  #refusal(result: CommandResult | undefined): Error {
    if (result?.ok === false && result.code === RejectCode.Session) {
      this.#options.onRefused()
      const message =
        'the group refuses this token: it is revoked or expired, or this clock is hours behind'
      return new UserError(UserCode.Revoked, message, {})
    }
    const code = result?.ok === false ? result.code : 'no result'
    const message = `the group opens no session for this token: ${code}`
    return new GroupError(GroupCode.Overloaded, message, {})
  }

  #forget(key: SessionKey): void {
    if (this.#key === key) this.#key = undefined
  }

  /** Number what waits, as far as there is room, in batches that fit. */
  #batches(key: SessionKey): Batch[] {
    const batches: Batch[] = []
    let room = Math.min(key.room, commandsInFlightMax - this.#inFlight)
    while (room > 0) {
      const waiting = this.#queue.shift()
      if (waiting === undefined) break
      if (waiting.isSettled) continue
      room--
      const one = key.number(waiting.operations, waiting.request)
      const bytes = one.encoded.length + lengthBytes
      assert(bytes <= batchCommandBytesMax, 'a command fits into a batch')
      const last = batches.at(-1)
      const fits =
        last !== undefined &&
        last.numbered.length < commandsPerBatchMax &&
        last.bytes + bytes <= batchCommandBytesMax
      if (fits) {
        last.numbered.push(one)
        last.waiting.push(waiting)
        last.bytes += bytes
      } else batches.push({ numbered: [one], waiting: [waiting], bytes })
      waiting.isSent = true
    }
    return batches
  }

  async #send(key: SessionKey, batch: Batch): Promise<void> {
    const { clock } = this.#options
    const { numbered, waiting } = batch
    const latestMs = Math.max(...waiting.map(({ deadlineAtMs }) => deadlineAtMs))
    const deadlineMs = Math.max(1, latestMs - clock.monotonicMs())
    this.#inFlight += waiting.length
    try {
      const results = await this.#submitRun(key, { numbered, deadlineMs })
      for (const [index, one] of waiting.entries()) this.#settle(key, one, results[index])
    } catch (error) {
      for (const one of waiting) one.reject(error)
    } finally {
      this.#inFlight -= waiting.length
      this.#arm()
    }
  }

  async #submitRun(
    key: SessionKey,
    batch: { readonly numbered: readonly NumberedCommand[]; readonly deadlineMs: number },
  ): Promise<readonly CommandResult[]> {
    const { numbered, deadlineMs } = batch
    const run = { first: numbered[0]?.command.sequence ?? 0, count: numbered.length }
    key.sent(run)
    try {
      const results = await this.#options.group.submit(key.signBatch(numbered), { deadlineMs })
      key.settled(run, 'answered')
      return results
    } catch (error) {
      const isUnsent = isUnosysError(error, GroupCode.Unavailable)
      key.settled(run, isUnsent ? 'unsent' : 'unknown')
      throw error
    }
  }

  #settle(key: SessionKey, waiting: Waiting, result: CommandResult | undefined): void {
    if (result === undefined) {
      waiting.reject(unconfirmed('the group left a command without a result'))
      return
    }
    if (result.ok || !isOfSession(result.code)) {
      waiting.resolve(result)
      return
    }
    this.#forget(key)
    if (result.code === RejectCode.Sequence) {
      // The window has moved past it: whether it ran before is not known any more.
      waiting.reject(unconfirmed('the group does not remember this command'))
    } else if (waiting.isRepeated) {
      this.#options.onRefused()
      waiting.reject(new UserError(UserCode.Revoked, 'the group refuses this token', {}))
    } else {
      waiting.isRepeated = true
      waiting.isSent = false
      this.#queue.push(waiting)
    }
  }

  /** In the background: the session is good for a while yet. */
  #renewWhenDue(key: SessionKey): void {
    const { clock } = this.#options
    const isDue = key.expiryMs - clock.wallMs() < sessionRenewMs
    if (!isDue || this.#isRenewing || clock.monotonicMs() < this.#renewNotBeforeMs) return
    this.#isRenewing = true
    void this.#renew(key).finally(() => {
      this.#isRenewing = false
      this.#arm()
    })
  }

  async #renew(key: SessionKey): Promise<void> {
    const { clock, log } = this.#options
    const expiryMs = clock.wallMs() + sessionLifeMs
    const numbered = [key.renewal(expiryMs)]
    try {
      const [result] = await this.#submitRun(key, { numbered, deadlineMs: openDeadlineMs })
      if (result?.ok === true) {
        key.expiryMs = expiryMs
        return
      }
      const code = result?.ok === false ? result.code : 'no result'
      log.warn('a session was not renewed', { code })
      if (result?.ok === false && isOfSession(result.code)) this.#forget(key)
    } catch (error) {
      log.warn('a session was not renewed', { reason: messageOf(error) })
    }
    this.#renewNotBeforeMs = clock.monotonicMs() + renewPauseMs
  }
}

const isOfSession = (code: RejectCode): boolean =>
  code === RejectCode.Session || code === RejectCode.Sequence

const unconfirmed = (message: string): GroupError =>
  new GroupError(GroupCode.Unconfirmed, message, {})
