/** What a fault proxy does to the bytes that go one way between two ends. */

export type Rule = {
  /** How long a unit is on its way: at least so long, and up to `jitterMs` longer. */
  readonly delayMs: number
  readonly jitterMs: number
  /** Nothing moves. What is on its way waits, and its sender is held up once that is too much. */
  readonly stalled: boolean
  /** Read and thrown away: the sender believes that it arrives. */
  readonly swallowed: boolean
  /** Chances of one unit, from 0 to 1. */
  readonly lost: number
  readonly duplicated: number
  /** One bit is turned. */
  readonly corrupted: number
  /** It changes places with the one behind it. */
  readonly swapped: number
  /** A unit of an earlier time, perhaps of an earlier connection, comes first. */
  readonly replayed: number
  /** One that nobody sent comes first: in form like the next one, and its payload is made up. */
  readonly forged: number
  /** The connection breaks, and what is on its way is lost. */
  readonly cut: number
}

/** Everything arrives at once, as it was sent. */
export const calm: Rule = {
  delayMs: 0,
  jitterMs: 0,
  stalled: false,
  swallowed: false,
  lost: 0,
  duplicated: 0,
  corrupted: 0,
  swapped: 0,
  replayed: 0,
  forged: 0,
  cut: 0,
}

/** One rule of several: the longest delay, the highest chance, and whatever one of them says. */
export function worstOf(changes: readonly Partial<Rule>[]): Rule {
  const worst = { ...calm }
  for (const change of changes) {
    for (const name of Object.keys(calm) as (keyof Rule)[]) {
      const value = change[name]
      if (value === undefined) continue
      if (name === 'stalled' || name === 'swallowed') worst[name] ||= value === true
      else worst[name] = Math.max(worst[name], Number(value))
    }
  }
  return worst
}

/** What happens to units, connections and doors, as it is counted. */
export type WireFault =
  | Exclude<keyof Rule, 'delayMs' | 'jitterMs'>
  | 'delayed'
  | Exclude<Door, 'open'>
  | 'overtaken'
  | 'vanished'

/** What becomes of a new connection. `silent`: accepted, and then nothing ever comes. */
export type Door = 'open' | 'refused' | 'silent'
