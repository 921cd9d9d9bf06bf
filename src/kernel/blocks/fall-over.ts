/**
 * Asking one after another for what only one needs to have.
 *
 * Obvious ways are worse: asking all costs r answers for one block, and asking the next only when
 * the former has failed lets one silent holder cost its whole deadline. Chosen way: the next is
 * asked at once when an answer is no use, and beside the former when that is late; each passes the
 * question on once. A late one may still answer, and win.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { BlockCode, BlockError } from './errors.ts'
import type { HolderReport } from './interface.ts'

export type Outcome<Value> = { readonly value: Value } | { readonly report: HolderReport }

export type FallOver<Value> =
  | { readonly kind: 'found'; readonly value: Value }
  /** `all`: each was asked and none had it. The others: some may have had it. */
  | { readonly kind: 'all' | 'deadline' | 'cancelled'; readonly reports: readonly HolderReport[] }

export type FallOverOptions<Value> = {
  /** In the order in which to ask them. */
  readonly holders: readonly NodeId[]
  readonly clock: Clock
  readonly lateMs: number
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** Must not reject. `signal` fires when its answer is not wanted any more. */
  readonly ask: (holder: NodeId, signal: AbortSignal) => Promise<Outcome<Value>>
  readonly onLate: (holder: NodeId) => void
}

/** Why the others need not answer any more. One for all: making an error walks the stack. */
const enough = new BlockError(BlockCode.Cancelled, 'another holder answered, or nobody waits', {})

export function fallOver<Value>(options: FallOverOptions<Value>): Promise<FallOver<Value>> {
  const { holders, clock, signal } = options
  const abort = new AbortController()
  const reports: HolderReport[] = []
  const { promise, resolve } = Promise.withResolvers<FallOver<Value>>()
  const timers = new Set<() => void>()
  let askedCount = 0
  let isOver = false
  const end = (result: FallOver<Value>): void => {
    if (isOver) return
    isOver = true
    for (const cancel of timers) cancel()
    signal?.removeEventListener('abort', onAbort)
    abort.abort(enough)
    resolve(result)
  }
  const askNext = (): void => {
    const holder = holders[askedCount]
    if (holder === undefined || isOver) return
    askedCount++
    let isPassedOn = false
    const passOn = (): void => {
      cancelLate()
      timers.delete(cancelLate)
      if (isPassedOn) return
      isPassedOn = true
      askNext()
    }
    const cancelLate = clock.after(options.lateMs, () => {
      options.onLate(holder)
      passOn()
    })
    timers.add(cancelLate)
    void options.ask(holder, abort.signal).then((outcome) => {
      if ('value' in outcome) return end({ kind: 'found', value: outcome.value })
      reports.push(outcome.report)
      passOn()
      if (reports.length === holders.length) end({ kind: 'all', reports })
    })
  }
  const onAbort = (): void => end({ kind: 'cancelled', reports })
  timers.add(clock.after(options.deadlineMs, () => end({ kind: 'deadline', reports })))
  if (holders.length === 0) end({ kind: 'all', reports })
  if (signal?.aborted === true) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  askNext()
  return promise
}
