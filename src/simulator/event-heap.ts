/** Something due: at `atMs`, and among equals in the order in which it was asked for. */
export type DueEvent = {
  readonly atMs: number
  readonly sequence: number
  readonly label: string
  /** Undefined once cancelled. */
  task: (() => void) | undefined
  /** Real work that must have ended before the task runs. */
  readonly work: Promise<void> | undefined
}

const isEarlier = (a: DueEvent, b: DueEvent): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)

/** A binary heap: the earliest event is at the top. */
export class EventHeap {
  readonly #events: DueEvent[] = []

  peek(): DueEvent | undefined {
    return this.#events[0]
  }

  push(event: DueEvent): void {
    const events = this.#events
    let index = events.length
    events.push(event)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = events[parentIndex]
      if (parent === undefined || isEarlier(parent, event)) break
      events[index] = parent
      index = parentIndex
    }
    events[index] = event
  }

  pop(): DueEvent | undefined {
    const events = this.#events
    const top = events[0]
    const last = events.pop()
    if (last === undefined || events.length === 0) return top
    let index = 0
    for (;;) {
      const left = events[index * 2 + 1]
      const right = events[index * 2 + 2]
      if (left === undefined) break
      const rightWins = right !== undefined && isEarlier(right, left)
      const child = rightWins ? right : left
      if (isEarlier(last, child)) break
      events[index] = child
      index = index * 2 + (rightWins ? 2 : 1)
    }
    events[index] = last
    return top
  }
}
