/**
 * Reads that are asked for in one turn go to the members in one request, and each of them is
 * counted by itself: what a quorum must agree on is one read's answers, whoever asked for more.
 * A read costs three messages there and three back; of 64 at once that is most of what they cost.
 *
 * This is a first round only: who gets no agreement settles by itself, as if it had been alone.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Query } from '../section/index.ts'
import { Call, type GroupClient } from './client.ts'
import { queriesMax, readsMax } from './limits.ts'
import { parse, type ReadRound, type ReadRoundOptions } from './read-round.ts'
import { ReadWatch } from './read-watch.ts'
import { decodeReadsReply, encodeGroupRequest } from './wire.ts'

type Waiting = {
  readonly queries: readonly Query[]
  readonly call: Call
  readonly resolve: (result: ReadRound | 'alone') => void
  readonly reject: (error: unknown) => void
}

export class SharedReads {
  readonly #clock: Clock
  readonly #client: GroupClient
  readonly #counting: Omit<ReadRoundOptions, 'tally'>
  #waiting: Waiting[] = []

  constructor(
    options: Omit<ReadRoundOptions, 'tally'> & {
      readonly clock: Clock
      readonly client: GroupClient
    },
  ) {
    this.#clock = options.clock
    this.#client = options.client
    const { finalBlockOf, liarsMax, memberCount, quorum } = options
    this.#counting = { finalBlockOf, liarsMax, memberCount, quorum }
  }

  /** The first round of a read; `alone`: nobody else asked in this turn, or it is a large one. */
  first(queries: readonly Query[], call: Call): Promise<ReadRound | 'alone'> {
    if (queries.length > queriesMax / 16) return Promise.resolve('alone')
    return new Promise((resolve, reject) => {
      this.#waiting.push({ queries, call, resolve, reject })
      if (this.#waiting.length === 1) this.#clock.after(0, () => this.#flush())
    })
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    if (waiting.length === 1) {
      waiting[0]?.resolve('alone')
      return
    }
    for (let from = 0; from < waiting.length; from += readsMax) {
      const part = waiting.slice(from, from + readsMax)
      this.#ask(part).catch((error: unknown) => {
        for (const one of part) one.reject(error)
      })
    }
  }

  async #ask(waiting: readonly Waiting[]): Promise<void> {
    const rounds = waiting.map((one) => this.#watchOf(one))
    const leftMs = waiting.reduce((most, { call }) => Math.max(most, call.leftMs), 1)
    const call = new Call(this.#clock, { deadlineMs: leftMs })
    const areOver = (): boolean => rounds.every(({ isOver }) => isOver)
    const failed = (member: NodeId, code: string): boolean => {
      for (const round of rounds) round.failed(member, code)
      return areOver()
    }
    try {
      await this.#client.askAll(call, {
        request: encodeGroupRequest({
          kind: 'reads',
          reads: waiting.map(({ queries }) => queries),
        }),
        persist: false,
        enough: Promise.all(rounds.map(({ ended }) => ended)).then(() => undefined),
        onAnswer: (member, bytes) => {
          const replies = parse(() => decodeReadsReply(bytes))
          if (replies?.length !== rounds.length) return failed(member, 'base/malformed')
          for (const [index, reply] of replies.entries()) {
            if (reply === undefined) rounds[index]?.failed(member, 'group/behind')
            else rounds[index]?.answered(member, reply)
          }
          return areOver()
        },
        onFailure: (member, { code }) => failed(member, code),
      })
    } finally {
      call.end()
      for (const round of rounds) round.finish()
    }
  }

  /** One read's round: its caller hears of it as soon as it is over, or gives up by itself. */
  #watchOf({ call, resolve }: Waiting): ReadWatch {
    const tally = this.#client.tally(this.#counting.quorum)
    const watch = new ReadWatch(this.#clock, { ...this.#counting, tally }, { once: true })
    const onAbort = (): void => watch.finish()
    call.signal.addEventListener('abort', onAbort, { once: true })
    void watch.ended.then(() => {
      call.signal.removeEventListener('abort', onAbort)
      resolve(watch.round)
    })
    if (call.signal.aborted) watch.finish()
    return watch
  }
}
