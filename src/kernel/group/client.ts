/**
 * Asking all members and counting equal answers. A write is done, and a read is linearizable, when
 * q members gave the same answer: any q share a correct member with any other q. The links sign
 * every envelope, so an answer needs no signature of its own.
 */
import { emptyBytes } from '../../base/bytes.ts'
import { isUnosysError, type UnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  channels,
  LinkCode,
  type Links,
  type Room,
  roomHere,
  smallReplyBytes,
} from '../links/index.ts'
import { GroupCode, GroupError } from './errors.ts'
import type { CallOptions } from './interface.ts'
import { answerBytesMax, reachWaitMs, retryFirstMs, retryLongestMs } from './limits.ts'
import { type Member, MemberRefused } from './member.ts'
import { pack, unpack } from './packing.ts'
import { Tally } from './tally.ts'
import {
  decodeGroupRequest,
  encodeAddedReply,
  encodeReadReply,
  encodeReadsReply,
  type GroupRequest,
} from './wire.ts'

export type ClientOptions = {
  readonly self: NodeId
  readonly members: readonly NodeId[]
  readonly quorum: number
  readonly clock: Clock
  readonly crypto: Crypto
  readonly links: Links
  /** This node's own member, if it is one. */
  readonly member: Member | undefined
}

/** What the asked one says is wrong, or what is wrong on the way to it. */
export function reasonOf(error: UnosysError): string {
  const { detail } = error
  const says = typeof detail === 'object' && detail !== null && 'peerCode' in detail
  return says && typeof detail.peerCode === 'string' ? detail.peerCode : error.code
}

/** A call with its deadline turned into a signal that is listened to once. */
export class Call {
  /** Fires when the call is over, for whatever reason. */
  readonly signal: AbortSignal
  /** Fires when it is over without an answer: then peers are told, too. */
  readonly givenUp: AbortSignal
  readonly deadlineAtMs: number
  readonly #clock: Clock
  readonly #abort = new AbortController()
  readonly #giveUp = new AbortController()
  readonly #cancelTimer: () => void
  readonly #outer: AbortSignal | undefined
  readonly #onOuter = (): void => this.#over('cancelled')

  constructor(clock: Clock, options: CallOptions) {
    this.#clock = clock
    this.signal = this.#abort.signal
    this.givenUp = this.#giveUp.signal
    this.deadlineAtMs = clock.monotonicMs() + options.deadlineMs
    this.#outer = options.signal
    this.#cancelTimer = clock.after(options.deadlineMs, () => this.#over('deadline'))
    if (this.#outer?.aborted) this.#onOuter()
    this.#outer?.addEventListener('abort', this.#onOuter, { once: true })
  }

  #over(reason: 'cancelled' | 'deadline'): void {
    this.#abort.abort(reason)
    this.#giveUp.abort(reason)
  }

  get leftMs(): number {
    return Math.max(1, this.deadlineAtMs - this.#clock.monotonicMs())
  }

  get cancelled(): boolean {
    return this.signal.reason === 'cancelled'
  }

  /** Resolves after `delayMs`, or at once when the call ends. */
  pause(delayMs: number): Promise<void> {
    if (this.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel()
        this.signal.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = this.#clock.after(delayMs, finish)
      this.signal.addEventListener('abort', finish, { once: true })
    })
  }

  /** The call has its answer: stop its timer and what waits on this node. */
  end(): void {
    this.#cancelTimer()
    this.#outer?.removeEventListener('abort', this.#onOuter)
    if (!this.signal.aborted) this.#abort.abort('done')
  }
}

export type AskFailure = {
  /** What the asked one says is wrong, or what is wrong on the way to it. */
  readonly code: string
  /** False when it is certain that the request never left this node. */
  readonly wasSent: boolean
}

export type Ask = {
  readonly request: Uint8Array
  /** Ask a member again that failed to answer, until the call ends. */
  readonly persist: boolean
  /** Hears each time that a member is about to be asked. */
  readonly onAsk?: (member: NodeId) => void
  /** Hears each member's answer once; true ends the asking. */
  readonly onAnswer: (member: NodeId, answer: Uint8Array) => boolean
  /** Hears of each failure. */
  readonly onFailure?: (member: NodeId, failure: AskFailure) => void
  /** Ends the asking when it resolves, whoever has not answered. */
  readonly enough?: Promise<void>
}

export class GroupClient {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  get reachable(): readonly NodeId[] {
    const { members, self, links } = this.#options
    return members.filter((member) => member === self || links.isUp(member))
  }

  tally(needed: number): Tally {
    return new Tally(this.#options.crypto, needed)
  }

  /**
   * Waits until a quorum is reachable. @throws GroupError `group/unavailable`: nothing was sent.
   */
  async requireQuorum(call: Call): Promise<void> {
    const { quorum, clock } = this.#options
    const startMs = clock.monotonicMs()
    for (let pauseMs = retryFirstMs; this.reachable.length < quorum; pauseMs *= 2) {
      const waitedMs = clock.monotonicMs() - startMs
      if (call.signal.aborted || waitedMs >= reachWaitMs) throw this.unavailable(call)
      await call.pause(Math.min(pauseMs, retryLongestMs, reachWaitMs - waitedMs))
    }
  }

  unavailable(call: Call): GroupError {
    if (call.cancelled) return new GroupError(GroupCode.Cancelled, 'the caller gave up', {})
    const { quorum, members } = this.#options
    const reachable = this.reachable.length
    const message = `${reachable} of ${members.length} group members answer, ${quorum} are needed`
    return new GroupError(GroupCode.Unavailable, message, { needed: quorum, reachable })
  }

  /**
   * Ask all members at once; resolves when `onAnswer` said so, when nobody is left to ask, or when
   * the call ends. Members that were not needed may still answer: taking questions back would cost
   * a message each, more than the answers that are under way.
   */
  async askAll(call: Call, ask: Ask): Promise<boolean> {
    if (call.signal.aborted) return false
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    let isOver = false
    let isSatisfied = false
    const finish = (): void => {
      isOver = true
      end()
    }
    call.signal.addEventListener('abort', finish, { once: true })
    const one = async (member: NodeId): Promise<void> => {
      for (let pauseMs = retryFirstMs; !isOver; pauseMs *= 2) {
        ask.onAsk?.(member)
        const answer = await this.#askOne(member, ask, call)
        if (isOver) return
        if (answer !== undefined) {
          isSatisfied = ask.onAnswer(member, answer)
          if (isSatisfied) finish()
          return
        }
        if (!ask.persist) return
        await call.pause(Math.min(pauseMs, retryLongestMs))
      }
    }
    const all = Promise.all(this.#options.members.map(one))
    await Promise.race([all, ended, ...(ask.enough === undefined ? [] : [ask.enough])])
    call.signal.removeEventListener('abort', finish)
    isOver = true
    return isSatisfied
  }

  /** One member's answer, within `lateMs`. @throws LinkError, MemberRefused */
  async ask(
    member: NodeId,
    request: Uint8Array,
    limit: { readonly call: Call; readonly lateMs: number },
  ): Promise<Uint8Array> {
    const { call, lateMs } = limit
    const deadlineMs = Math.min(call.leftMs, lateMs)
    return this.#request(member, request, { deadlineMs, signal: call.signal })
  }

  async #askOne(member: NodeId, ask: Ask, call: Call): Promise<Uint8Array | undefined> {
    const { links, self } = this.#options
    const signal = member === self ? call.signal : call.givenUp
    const isReachable = member === self || links.isUp(member)
    try {
      return await this.#request(member, ask.request, { deadlineMs: call.leftMs, signal })
    } catch (error) {
      if (call.signal.aborted) return undefined
      if (!isUnosysError(error)) throw error
      const wasSent = isReachable && !isUnosysError(error, LinkCode.Overloaded)
      ask.onFailure?.(member, { code: reasonOf(error), wasSent })
      return undefined
    }
  }

  async #request(
    member: NodeId,
    request: Uint8Array,
    limit: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    const { self, links } = this.#options
    if (member === self) return this.answerHere(request, limit.signal)
    const message = { channel: channels.group, ...pack(this.#options.crypto, request) }
    return unpack(await links.request(member, message, limit))
  }

  /**
   * What this node's member says; the links' handler for others uses it too. What waits for other
   * members does so before it takes room, or an answer that never comes would hold it.
   */
  async answerHere(
    request: Uint8Array,
    signal: AbortSignal,
    room: Room = roomHere,
  ): Promise<Uint8Array> {
    const { member } = this.#options
    if (member === undefined) {
      throw new GroupError(GroupCode.Unavailable, 'this node is not a member of the group', {})
    }
    const decoded = decodeGroupRequest(request)
    if (decoded.kind === 'submit') {
      const results = await member.submit(decoded.batch, signal)
      if (results.length > smallReplyBytes) await room()
      return results
    }
    if (decoded.kind === 'read') await member.reached(decoded.atBlock)
    await room()
    return answerOf(member, decoded)
  }
}

/** The answer to what waits for nothing but the disk. */
async function answerOf(
  member: Member,
  decoded: Exclude<GroupRequest, { kind: 'submit' }>,
): Promise<Uint8Array> {
  switch (decoded.kind) {
    case 'read':
      return encodeReadReply(await member.read(decoded.queries, decoded.atBlock))
    case 'page':
      return member.page(decoded.page)
    case 'added':
      return encodeAddedReply(await member.added(decoded.fromHeight, decoded.countMax))
    case 'manifest':
      return member.manifest(decoded.height)
    case 'chunk':
      return member.chunk(decoded.height, decoded.index)
    case 'epoch':
      return member.epoch()
    case 'readmit':
      member.readmit(decoded.item)
      return emptyBytes
    case 'reads':
      return readsHere(member, decoded)
  }
}

/**
 * What does not fit beside the others is refused: it is asked for again, alone. From the first that
 * does not fit on nothing is read: a short request could have megabytes encoded for each of its
 * reads, and one of them sent.
 */
async function readsHere(
  member: Member,
  { reads }: Extract<GroupRequest, { kind: 'reads' }>,
): Promise<Uint8Array> {
  const replies: (Uint8Array | undefined)[] = []
  let leftBytes = answerBytesMax
  for (const queries of reads) {
    if (leftBytes < 0) {
      replies.push(undefined)
      continue
    }
    try {
      const reply = encodeReadReply(await member.read(queries))
      leftBytes -= reply.length
      replies.push(leftBytes < 0 ? undefined : reply)
    } catch (error) {
      if (!(error instanceof MemberRefused)) throw error
      replies.push(undefined)
    }
  }
  return encodeReadsReply(replies)
}
