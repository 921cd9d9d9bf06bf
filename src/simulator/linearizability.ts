/**
 * Could one computer, doing one thing after another, have given these answers?
 *
 * A history of calls is linearizable (Herlihy and Wing 1990) if each call can be given one moment
 * between its start and its end, so that the calls in the order of their moments are a run of the
 * model. The question is NP-complete; the search of Wing and Gong (1993) with Lowe's memory of
 * what was tried (2017) answers it quickly for what real systems give: upon each state, try each
 * call that no unfinished call precedes, the one that ends first first; never come twice to the
 * same state with the same calls done.
 *
 * Three things keep it small. Calls on different things are judged apart: the history is
 * linearizable if and only if each part is (Herlihy and Wing, theorem 1); `touches` says which
 * calls belong together. A call without an answer may happen at any time after its start, or
 * never: it is tried last; if some answer proves that it happened, that answer's end is its own
 * end; and if no answer could be owed to it, it is left out. And what does not come to an end
 * within a number of steps is an error, never a pass.
 *
 * Times are any numbers that order starts and ends. At equal times calls count as concurrent.
 *
 * @pure
 */
import { UnosysError } from '../base/error.ts'

export type Call<Input, Output> = {
  readonly input: Input
  /** Undefined: no answer came, or one that leaves open whether it happened. */
  readonly output: Output | undefined
  readonly startedAt: number
  /** Not looked at without an output. */
  readonly endedAt: number
  /** Who called: for people. */
  readonly by?: string
}

/** What the thing under test should do, one call at a time. States are values, never changed. */
export type Model<State, Input, Output> = {
  readonly initial: State
  /**
   * The state after the call has taken effect. Undefined: it cannot have, with this answer, in this
   * state; without an output: it would have changed nothing.
   */
  apply(state: State, call: Call<Input, Output>): State | undefined
  /** Equal for equal states only. */
  keyOf(state: State): string
  /**
   * What an answer says about a call without one. `proof`: it took effect before this answer came;
   * `maybe`: this answer could be owed to it; `no`: the answer is possible without it, in every
   * history in which it is possible with it.
   */
  explains(open: Call<Input, Output>, answered: Call<Input, Output>): 'proof' | 'maybe' | 'no'
  /** The independent things that a call is about; `all`: it joins everything. */
  touches(input: Input): readonly string[] | 'all'
  /** A call in words. */
  print(call: Call<Input, Output>): string
}

/** The search did not end within its bound: nothing is known. */
export class HistoryTooHard extends UnosysError<
  'simulator/history-too-hard',
  { readonly stepCountMax: number; readonly callCount: number }
> {}

/** Calls tried, over all parts of a history. */
const stepCountMaxDefault = 2_000_000
const shownCallCount = 60

/**
 * What is wrong with the history, in words; undefined when it is linearizable.
 *
 * @throws HistoryTooHard when the search does not end within `stepCountMax` tried calls.
 */
export function linearizabilityFault<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Call<Input, Output>[],
  options: { readonly stepCountMax?: number } = {},
): string | undefined {
  const budget = { left: options.stepCountMax ?? stepCountMaxDefault }
  for (const part of partsOf(model, history)) {
    const placed = new Search(model, part, budget).run()
    if (placed === undefined) continue
    if (placed === 'gave up') {
      const stepCountMax = options.stepCountMax ?? stepCountMaxDefault
      const message = `no verdict on ${part.length} calls within ${stepCountMax} steps`
      throw new HistoryTooHard('simulator/history-too-hard', message, {
        stepCountMax,
        callCount: part.length,
      })
    }
    return faultOf(model, part, placed)
  }
  return undefined
}

/** Calls that have something in common, directly or through others. */
function partsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Call<Input, Output>[],
): Call<Input, Output>[][] {
  const touched = history.map(({ input }) => model.touches(input))
  if (touched.includes('all')) return [[...history]]
  const parents = new Map<string, string>()
  const rootOf = (name: string): string => {
    let root = name
    for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root))
      root = up
    parents.set(name, root)
    return root
  }
  for (const names of touched) {
    if (names === 'all') continue
    for (const name of names) parents.set(rootOf(name), rootOf(names[0] ?? name))
  }
  const parts = new Map<string, Call<Input, Output>[]>()
  for (const [index, call] of history.entries()) {
    const names = touched[index]
    const root = rootOf(names === undefined || names === 'all' ? '' : (names[0] ?? ''))
    const part = parts.get(root)
    if (part === undefined) parts.set(root, [call])
    else part.push(call)
  }
  return [...parts.values()]
}

/** A call with the end that the search reckons with. */
type Timed<Input, Output> = {
  readonly call: Call<Input, Output>
  readonly startedAt: number
  readonly endedAt: number
}

/** Where the search stands: `low` calls and those in `ahead` are done, and those in `opened`. */
type Frame<State> = {
  readonly state: State
  readonly low: number
  readonly ahead: readonly number[]
  readonly opened: readonly number[]
  /** What to try next, last one first: calls that must end, then (from 2^32 on) open ones. */
  readonly next: number[]
  readonly took: number
}

const openBase = 2 ** 32

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>
  /** Calls that must be placed, by start. */
  readonly #closed: Timed<Input, Output>[]
  /** Calls that may be. */
  readonly #open: Timed<Input, Output>[]
  readonly #budget: { left: number }
  readonly #seen = new Set<string>()
  #best: readonly number[] = []

  constructor(
    model: Model<State, Input, Output>,
    part: readonly Call<Input, Output>[],
    budget: { left: number },
  ) {
    this.#model = model
    this.#budget = budget
    const answered = part.filter(({ output }) => output !== undefined)
    const closed: Timed<Input, Output>[] = answered.map((call) => ({ ...timesOf(call), call }))
    this.#open = []
    for (const call of part) {
      if (call.output !== undefined) continue
      const endedAt = endOf(model, call, answered)
      if (endedAt === undefined) continue
      const timed = { call, startedAt: call.startedAt, endedAt }
      if (endedAt === Number.POSITIVE_INFINITY) this.#open.push(timed)
      else closed.push(timed)
    }
    this.#closed = closed.sort((a, b) => a.startedAt - b.startedAt)
  }

  /** Undefined: a good order was found. Otherwise the longest one that could be built. */
  run(): readonly Call<Input, Output>[] | 'gave up' | undefined {
    const stack: Frame<State>[] = []
    const enter = (place: Omit<Frame<State>, 'next'>): void => {
      stack.push({ ...place, next: this.#candidates(place) })
      if (stack.length > this.#best.length + 1) this.#best = stack.slice(1).map(({ took }) => took)
    }
    enter({ state: this.#model.initial, low: 0, ahead: [], opened: [], took: -1 })
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.low === this.#closed.length) return undefined
      const took = top.next.pop()
      if (took === undefined) {
        stack.pop()
        continue
      }
      if (this.#budget.left-- <= 0) return 'gave up'
      const state = this.#model.apply(top.state, this.#callOf(took))
      if (state === undefined) continue
      const place = this.#after(top, took, state)
      const key = `${place.low} ${place.ahead} ${place.opened} ${this.#model.keyOf(state)}`
      if (this.#seen.has(key)) continue
      this.#seen.add(key)
      enter(place)
    }
    return this.#best.map((index) => this.#callOf(index))
  }

  #callOf(index: number): Call<Input, Output> {
    const timed = index >= openBase ? this.#open[index - openBase] : this.#closed[index]
    if (timed === undefined) throw new RangeError(`there is no call ${index}`)
    return timed.call
  }

  #after(frame: Frame<State>, took: number, state: State): Omit<Frame<State>, 'next'> {
    const { low, ahead, opened } = frame
    if (took >= openBase) {
      return { state, low, ahead, opened: [...opened, took].sort((a, b) => a - b), took }
    }
    const done = new Set([...ahead, took])
    let from = low
    while (done.delete(from)) from++
    return { state, low: from, ahead: [...done].sort((a, b) => a - b), opened, took }
  }

  /** Calls that no call still to be done precedes; the best one last. */
  #candidates(place: Omit<Frame<State>, 'next'>): number[] {
    const { low, ahead, opened } = place
    let bound = Number.POSITIVE_INFINITY
    const found: number[] = []
    for (let index = low; index < this.#closed.length; index++) {
      const timed = this.#closed[index]
      if (timed === undefined || timed.startedAt > bound) break
      if (ahead.includes(index)) continue
      found.push(index)
      bound = Math.min(bound, timed.endedAt)
    }
    const endOfIndex = (index: number): number => this.#closed[index]?.endedAt ?? 0
    const isStarted = (index: number): boolean => (this.#closed[index]?.startedAt ?? 0) <= bound
    const next = found.filter(isStarted).sort((a, b) => endOfIndex(b) - endOfIndex(a))
    const mayOpen: number[] = []
    for (const [index, { startedAt }] of this.#open.entries()) {
      const name = openBase + index
      if (startedAt <= bound && !opened.includes(name)) mayOpen.push(name)
    }
    return [...mayOpen, ...next]
  }
}

const timesOf = ({
  startedAt,
  endedAt,
}: Call<unknown, unknown>): Omit<Timed<never, never>, 'call'> => ({
  startedAt,
  endedAt,
})

/** When a call without an answer must have happened; undefined: it may be left out. */
function endOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  open: Call<Input, Output>,
  answered: readonly Call<Input, Output>[],
): number | undefined {
  let end: number | undefined
  for (const other of answered) {
    const says = model.explains(open, other)
    if (says === 'proof') end = Math.min(end ?? other.endedAt, other.endedAt)
    else if (says === 'maybe') end ??= Number.POSITIVE_INFINITY
  }
  return end
}

function faultOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  part: readonly Call<Input, Output>[],
  placed: readonly Call<Input, Output>[],
): string {
  const isPlaced = new Set(placed)
  const line = (call: Call<Input, Output>): string => {
    const end = call.output === undefined ? 'open' : call.endedAt.toFixed(1)
    const mark = isPlaced.has(call) ? ' ' : '?'
    return `${mark} ${call.startedAt.toFixed(1)} … ${end} ${call.by ?? ''} ${model.print(call)}`
  }
  const rest = [...part].filter((call) => !isPlaced.has(call))
  rest.sort((a, b) => a.startedAt - b.startedAt)
  const order = placed.slice(-shownCallCount).map(line)
  const unplaced = rest.slice(0, shownCallCount).map(line)
  const head = `no order explains these ${part.length} calls; ${placed.length} can be put in order:`
  return [head, ...order, 'and then none of:', ...unplaced].join('\n')
}
