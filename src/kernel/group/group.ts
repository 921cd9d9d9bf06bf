import { compareText } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import type { Consensus } from '../consensus/interface.ts'
import { channels, type Links } from '../links/index.ts'
import {
  type Answer,
  type CommandResult,
  decodePage,
  decodeResults,
  encodeSignedBatch,
  type Page,
  type PageRequest,
  type Query,
  type SignedBatch,
  verifyPage,
} from '../section/index.ts'
import { askAdded } from './added-asking.ts'
import { Call, GroupClient, reasonOf } from './client.ts'
import { GroupCode, GroupError } from './errors.ts'
import type { AddedList, CallOptions, Group } from './interface.ts'
import type { KnownEpoch } from './known-epoch.ts'
import { pageLateMs, retryFirstMs, retryLongestMs, settleMs } from './limits.ts'
import type { Member } from './member.ts'
import { pack, unpack } from './packing.ts'
import type { ReadRound } from './read-round.ts'
import { ReadWatch } from './read-watch.ts'
import { Readmission, type ReadmissionOptions } from './readmission.ts'
import { SharedReads } from './shared-reads.ts'
import { fetchState } from './state-fetch.ts'
import { Takers } from './takers.ts'
import { decodeAddedList, decodeAddedReply, encodeGroupRequest } from './wire.ts'

export type GroupOptions = {
  readonly self: NodeId
  /** Sorted by node id. */
  readonly members: readonly NodeId[]
  /** Of consensus' configuration: `quorumOf`, and the liars it allows, `byzBound`. */
  readonly quorum: number
  readonly liarsMax: number
  /** What a proof of finality proves, as the group's configuration has it. */
  readonly epoch: Pick<KnownEpoch, 'finalBlockOf' | 'refresh'>
  readonly clock: Clock
  readonly crypto: Crypto
  readonly links: Links
  readonly log: Log
  /** Both set on a member of the group, both absent elsewhere. */
  readonly member: Member | undefined
  readonly consensus: Consensus | undefined
  /** Of a member: with what it asks to be readmitted, should it lose its memory. */
  readonly identity?: Pick<ReadmissionOptions, 'world' | 'nodeSecretKey' | 'random'>
}

/** @see Group. Answers the links' channel `group` from the moment it is made. */
export function createGroup(options: GroupOptions): Group {
  const client = new GroupClient(options)
  const { clock, crypto, log, member } = options
  member?.connect((parts, wanted) => fetchState({ client, crypto, clock, log, ...parts }, wanted))
  options.links.handle(channels.group, {
    asksForRoom: true,
    onRequest: async (message, signal, room) =>
      pack(options.crypto, await client.answerHere(unpack(message), signal, room)),
  })
  return new GroupCalls(options, client)
}

class GroupCalls implements Group {
  readonly #options: GroupOptions
  readonly #client: GroupClient
  readonly #readmission: Readmission | undefined
  readonly #shared: SharedReads
  #heightSeen = 0

  constructor(options: GroupOptions, client: GroupClient) {
    this.#options = options
    this.#client = client
    const { consensus, identity } = options
    if (consensus !== undefined && identity !== undefined)
      this.#readmission = new Readmission({ ...options, ...identity, consensus, client })
    this.#shared = new SharedReads({
      ...options,
      client,
      memberCount: options.members.length,
      finalBlockOf: options.epoch.finalBlockOf,
    })
  }

  async start(): Promise<void> {
    const { consensus, member } = this.#options
    await consensus?.start()
    member?.open()
    if (member?.snapshot !== undefined) consensus?.snapshot(member.snapshot)
    this.#readmission?.start()
  }

  async stop(): Promise<void> {
    this.#readmission?.stop()
    await this.#options.consensus?.stop()
    await this.#options.member?.close()
  }

  async submit(batch: SignedBatch, options: CallOptions): Promise<readonly CommandResult[]> {
    return this.#within(options, async (call) => {
      await this.#client.requireQuorum(call)
      const request = encodeGroupRequest({ kind: 'submit', batch: encodeSignedBatch(batch) })
      const tally = this.#client.tally(this.#options.quorum)
      const takers = new Takers(this.#options)
      let results: readonly CommandResult[] | undefined
      await this.#client.askAll(call, {
        request,
        persist: true,
        onAnswer: (member, answer) => {
          if (!tally.add(member, answer)) return false
          results = decodeResults(answer)
          return true
        },
        onAsk: (member) => takers.asked(member),
        onFailure: (member, failure) => takers.failed(member, failure),
      })
      if (results !== undefined) return results
      if (call.cancelled) throw new GroupError(GroupCode.Cancelled, 'the caller gave up', {})
      if (!takers.any) {
        throw new GroupError(GroupCode.Overloaded, 'the group has more to do than it takes', {})
      }
      const { quorum } = this.#options
      const message = `only ${tally.largest} of ${quorum} needed members confirmed in time`
      throw new GroupError(GroupCode.Unconfirmed, message, {
        needed: quorum,
        reachable: tally.largest,
      })
    })
  }

  async read(queries: readonly Query[], options: CallOptions): Promise<readonly Answer[]> {
    return this.#within(options, async (call) => {
      await this.#client.requireQuorum(call)
      const shared = await this.#shared.first(queries, call)
      let first = shared === 'alone' ? undefined : shared
      let atBlock: Digest | undefined
      while (!call.signal.aborted) {
        const round = first ?? (await this.#readRound(queries, atBlock, call))
        first = undefined
        if (round.agreed !== undefined) {
          this.#heightSeen = Math.max(this.#heightSeen, round.heightSeen)
          return round.agreed
        }
        if (round.isTooLarge) {
          throw new GroupError(GroupCode.TooLarge, 'the answer does not fit a message', {})
        }
        // Members executed different heights: settle on the newest, which holds all done writes.
        atBlock = atBlock === undefined ? round.newestBlock : undefined
        if (atBlock !== undefined) continue
        await this.#options.epoch.refresh(this.#client, call)
        await call.pause(settleMs)
      }
      throw this.#client.unavailable(call)
    })
  }

  /** Ask all once: at the newest height of each, or at that of one block. */
  async #readRound(
    queries: readonly Query[],
    atBlock: Digest | undefined,
    call: Call,
  ): Promise<ReadRound> {
    const { clock, epoch, liarsMax, members, quorum } = this.#options
    const { finalBlockOf } = epoch
    const tally = this.#client.tally(quorum)
    const counted = { tally, quorum, liarsMax, finalBlockOf, memberCount: members.length }
    const watch = new ReadWatch(clock, counted, { settles: atBlock !== undefined })
    await this.#client.askAll(call, {
      request: encodeGroupRequest({ kind: 'read', queries, atBlock }),
      // While another one is silent, who failed (its link was down) may be needed: ask again.
      persist: true,
      enough: watch.ended,
      onAnswer: (member, bytes) => watch.answered(member, bytes),
      onFailure: (member, { code }) => watch.failed(member, code),
    })
    watch.finish()
    return watch.round
  }

  async page(request: PageRequest, options: CallOptions): Promise<Page> {
    return this.#within(options, async (call) => {
      await this.#client.requireQuorum(call)
      const bytes = encodeGroupRequest({ kind: 'page', page: request })
      const self = this.#options.self
      const members = [...this.#client.reachable].sort((a, b) =>
        a === self ? -1 : b === self ? 1 : compareText(a, b),
      )
      for (let lateMs = pageLateMs; !call.signal.aborted; lateMs *= 2) {
        const { found, gone } = await this.#pageOnce(request, bytes, { members, call, lateMs })
        if (found !== undefined) return found
        if (gone > this.#options.liarsMax) {
          throw new GroupError(GroupCode.RootGone, 'that listing is too old: begin a newer one', {})
        }
        await call.pause(settleMs)
      }
      throw this.#client.unavailable(call)
    })
  }

  /** Ask one member after the other; a late one is passed over. */
  async #pageOnce(
    request: PageRequest,
    bytes: Uint8Array,
    round: { readonly members: readonly NodeId[]; readonly call: Call; readonly lateMs: number },
  ): Promise<{ found: Page | undefined; gone: number }> {
    const { members, call } = round
    let gone = 0
    for (const member of members) {
      if (call.signal.aborted) break
      try {
        const found = decodePage(await this.#client.ask(member, bytes, round))
        if (verifyPage(this.#options.crypto, request, found)) return { found, gone }
      } catch (error) {
        if (call.signal.aborted) break
        if (!isUnosysError(error)) throw error
        if (reasonOf(error) === 'group/root-gone') gone++
      }
    }
    return { found: undefined, gone }
  }

  async addedLists(
    input: { readonly fromHeight: number; readonly countMax: number },
    options: CallOptions,
  ): Promise<{ readonly lists: readonly AddedList[]; readonly nextHeight: number }> {
    const { member } = this.#options
    if (member !== undefined && !member.lacksAdded(input.fromHeight)) {
      const { lists, nextHeight } = await member.added(input.fromHeight, input.countMax)
      return { lists: lists.map(decodeAddedList), nextHeight }
    }
    return this.#within(options, async (call) => {
      for (let pauseMs = retryFirstMs; !call.signal.aborted; pauseMs *= 2) {
        const agreed = await askAdded({ ...this.#options, client: this.#client, call }, input)
        if (agreed !== undefined) {
          const reply = decodeAddedReply(agreed)
          const { nextHeight } = reply
          this.#heightSeen = Math.max(this.#heightSeen, nextHeight - 1)
          const lists = reply.lists.map(decodeAddedList)
          await member?.keepAdded(input.fromHeight, reply, lists)
          return { lists, nextHeight }
        }
        await call.pause(Math.min(pauseMs, retryLongestMs))
      }
      throw this.#client.unavailable(call)
    })
  }

  status(): ReturnType<Group['status']> {
    const { members, quorum, member, consensus } = this.#options
    const status = consensus?.status()
    return {
      memberCount: members.length,
      quorum,
      reachableCount: this.#client.reachable.length,
      height: member?.height ?? this.#heightSeen,
      view: status?.view ?? 0,
      catchingUp: status?.catchingUp ?? false,
      votes: status?.votes ?? false,
      epoch: status?.epoch ?? 0,
      stableHeight: status?.stableHeight ?? 0,
      freedBytes: member?.freedBytes ?? 0,
    }
  }

  async #within<Value>(options: CallOptions, work: (call: Call) => Promise<Value>): Promise<Value> {
    const call = new Call(this.#options.clock, options)
    try {
      return await work(call)
    } finally {
      call.end()
    }
  }
}
