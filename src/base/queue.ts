import { assert } from './assert.ts'

/** First in, first out, bounded by count and by weight; refuses rather than grows. */
export class BoundedQueue<Item> {
  readonly #countMax: number
  readonly #weightMax: number
  readonly #weigh: (item: Item) => number
  #items: (Item | undefined)[] = []
  #head = 0
  #weight = 0

  constructor(options: {
    countMax: number
    weightMax?: number
    weigh?: (item: Item) => number
  }) {
    this.#countMax = options.countMax
    this.#weightMax = options.weightMax ?? Number.MAX_SAFE_INTEGER
    this.#weigh = options.weigh ?? ((): number => 0)
  }

  get count(): number {
    return this.#items.length - this.#head
  }

  get weight(): number {
    return this.#weight
  }

  /** False, and nothing changed, when full. An empty queue takes one item of any weight. */
  push(item: Item): boolean {
    const weight = this.#weigh(item)
    if (this.count >= this.#countMax) return false
    if (this.count > 0 && this.#weight + weight > this.#weightMax) return false
    this.#items.push(item)
    this.#weight += weight
    return true
  }

  peek(): Item | undefined {
    return this.#items[this.#head]
  }

  shift(): Item | undefined {
    if (this.count === 0) return undefined
    const item = this.#items[this.#head]
    assert(item !== undefined, 'queue holds no undefined')
    this.#items[this.#head++] = undefined
    this.#weight -= this.#weigh(item)
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Take everything, oldest first. */
  drain(): Item[] {
    const taken: Item[] = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) taken.push(item)
    return taken
  }
}
