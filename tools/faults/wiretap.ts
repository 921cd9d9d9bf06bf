/** An eavesdropper on all wires: looks for texts in what passes, and keeps some of it. */
import type { Needle } from '../tour/search.ts'
import type { Heard } from './wires.ts'

export type WiretapOptions = {
  readonly needles: readonly Needle[]
  /** Kept of each talk: its beginning. */
  readonly keptBytesMax?: number
}

/** One direction of one connection. */
export type Talk = { readonly heard: Heard; readonly parts: readonly Buffer[] }

const talksMax = 256

export class Wiretap {
  readonly #options: WiretapOptions
  /** What stands at the end of the bytes so far, as long as a needle may have begun there. */
  readonly #tails = new Map<string, Buffer>()
  readonly #kept = new Map<string, { readonly heard: Heard; readonly parts: Buffer[] }>()
  readonly #tailBytes: number
  readonly hits: string[] = []
  byteCount = 0

  constructor(options: WiretapOptions) {
    this.#options = options
    this.#tailBytes = Math.max(0, ...options.needles.map(({ bytes }) => bytes.length - 1))
  }

  readonly hear = (heard: Heard, bytes: Uint8Array): void => {
    const name = nameOf(heard)
    this.byteCount += bytes.length
    const text = Buffer.concat([this.#tails.get(name) ?? Buffer.alloc(0), bytes])
    for (const { what, bytes: needle } of this.#options.needles) {
      if (text.indexOf(needle) >= 0) this.hits.push(`${what}, from ${heard.from} to ${heard.to}`)
    }
    this.#tails.set(name, Buffer.from(text.subarray(Math.max(0, text.length - this.#tailBytes))))
    this.#keep(heard, bytes)
  }

  /** What was kept, by connection and direction, as it was read. */
  talks(): readonly Talk[] {
    return [...this.#kept.values()]
  }

  #keep(heard: Heard, bytes: Uint8Array): void {
    const name = nameOf(heard)
    const { keptBytesMax = 64 * 1024 } = this.#options
    const talk = this.#kept.get(name) ?? { heard, parts: [] }
    if (!this.#kept.has(name) && this.#kept.size === talksMax) return
    this.#kept.set(name, talk)
    const length = talk.parts.reduce((sum, part) => sum + part.length, 0)
    if (length + bytes.length <= keptBytesMax) talk.parts.push(Buffer.from(bytes))
  }
}

const nameOf = ({ from, to, dialler, connection }: Heard): string =>
  `${from}-${to}-${dialler}-${connection}`
