/**
 * A 128-bit hash for names of random streams and for traces. Quick and well spread, and fit for
 * nothing that an opponent could touch: the simulator has no opponent but itself.
 *
 * Four lanes of the xxHash kind (multiply, rotate), each fed every word, crossed at the end. All
 * arithmetic is on 32-bit integers, so that every machine gets the same answer.
 */
export type Mixed = readonly [number, number, number, number]

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))

function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 15), 0x85ebca77)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae3d)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

export class Mixer {
  #a = 0x9e3779b1
  #b = 0x85ebca77
  #c = 0xc2b2ae3d
  #d = 0x27d4eb2f
  readonly #number = new DataView(new ArrayBuffer(8))

  word(word: number): this {
    this.#a = Math.imul(rotate(this.#a ^ word, 13), 0x9e3779b1)
    this.#b = Math.imul(rotate(this.#b + word, 17), 0x85ebca77) ^ this.#a
    this.#c = Math.imul(rotate(this.#c ^ word, 5), 0xc2b2ae3d) + this.#b
    this.#d = Math.imul(rotate(this.#d + word, 11), 0x165667b1) ^ this.#c
    return this
  }

  /** Any number, fractions and negative ones included. */
  number(value: number): this {
    this.#number.setFloat64(0, value)
    return this.word(this.#number.getUint32(0)).word(this.#number.getUint32(4))
  }

  text(text: string): this {
    this.word(text.length)
    for (let index = 0; index < text.length; index++) this.word(text.charCodeAt(index))
    return this
  }

  /** Every byte counts. */
  bytes(bytes: Uint8Array): this {
    this.word(bytes.length)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let offset = 0
    for (; offset + 4 <= bytes.length; offset += 4) this.word(view.getUint32(offset))
    for (; offset < bytes.length; offset++) this.word(view.getUint8(offset))
    return this
  }

  /** The hash of everything so far; more may follow. */
  digest(): Mixed {
    const a = avalanche(this.#a ^ rotate(this.#d, 7))
    const b = avalanche(this.#b ^ rotate(a, 11))
    const c = avalanche(this.#c ^ rotate(b, 17))
    const d = avalanche(this.#d ^ rotate(c, 23))
    return [avalanche(a ^ d), b, c, d]
  }

  /** The hash as 32 hexadecimal digits. */
  hex(): string {
    return this.digest()
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('')
  }
}
