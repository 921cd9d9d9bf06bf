/**
 * The one binary encoding of UnoSys, for the wire, for disks and for everything that is signed.
 *
 * Canonical: a value has exactly one encoding, so that hashes and signatures over encodings mean
 * what they say. Integers are big-endian and of fixed width; variable parts carry a length first;
 * there are no optional orders, no floats and no maps (lists are written sorted where order has no
 * meaning). Decoding is bounded: every variable read names its maximum and is refused before
 * anything is allocated. `Reader` does not copy: what it returns are views into its input.
 */
import { assert } from './assert.ts'
import { fromHex, fromUtf8, toHex, utf8 } from './bytes.ts'
import { UnosysError } from './error.ts'

/** Bytes from outside are not what the format says. React: drop them and count the sender. */
export class CodecError extends UnosysError<'base/malformed', { offset: number }> {}

const textLengthMax = 0xffff
const smallestBuffer = 64

/** Appends to a growing buffer. Arguments are our own: a value out of range is an assertion. */
export class Writer {
  #buffer: Uint8Array
  #view: DataView
  #length = 0

  constructor(expectedBytes: number = smallestBuffer) {
    this.#buffer = new Uint8Array(Math.max(smallestBuffer, expectedBytes))
    this.#view = new DataView(this.#buffer.buffer)
  }

  get length(): number {
    return this.#length
  }

  /** Room for `count` bytes. Take `#buffer` or `#view` after it only: it may replace both. */
  #reserve(count: number): number {
    const offset = this.#length
    this.#length += count
    if (this.#length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, offset))
      this.#buffer = grown
      this.#view = new DataView(grown.buffer)
    }
    return offset
  }

  u8(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xff, 'u8 out of range')
    const offset = this.#reserve(1)
    this.#view.setUint8(offset, value)
    return this
  }

  u16(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, 'u16 out of range')
    const offset = this.#reserve(2)
    this.#view.setUint16(offset, value)
    return this
  }

  u32(value: number): this {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, 'u32 out of range')
    const offset = this.#reserve(4)
    this.#view.setUint32(offset, value)
    return this
  }

  /** A non-negative safe integer (at most 2^53 − 1) in eight bytes. */
  u64(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0, 'u64 out of range')
    const offset = this.#reserve(8)
    this.#view.setUint32(offset, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(offset + 4, value % 0x1_0000_0000)
    return this
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  /** Bytes whose length the reader knows. */
  fixed(bytes: Uint8Array): this {
    const offset = this.#reserve(bytes.length)
    this.#buffer.set(bytes, offset)
    return this
  }

  /** Bytes behind their length as u32. */
  blob(bytes: Uint8Array): this {
    return this.u32(bytes.length).fixed(bytes)
  }

  /** Bytes of an id or digest that we hold as hexadecimal text; the reader knows the length. */
  hex(text: string): this {
    return this.fixed(fromHex(text))
  }

  /** UTF-8 behind its length in bytes as u16. */
  text(text: string): this {
    const bytes = utf8(text)
    assert(bytes.length <= textLengthMax, 'text longer than 65,535 bytes')
    return this.u16(bytes.length).fixed(bytes)
  }

  /** A count as u32, then each item. */
  list<Item>(items: readonly Item[], write: (writer: this, item: Item) => void): this {
    this.u32(items.length)
    for (const item of items) write(this, item)
    return this
  }

  /** One byte for presence, then the value. */
  option<Value>(value: Value | undefined, write: (writer: this, value: Value) => void): this {
    this.bool(value !== undefined)
    if (value !== undefined) write(this, value)
    return this
  }

  /** What was written: a view, valid until the next write. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }
}

/** Reads what `Writer` wrote, from bytes that anybody may have sent. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remainingBytes(): number {
    return this.#bytes.length - this.#offset
  }

  /** @throws CodecError always. For a value that decodes but that the format forbids. */
  refuse(what: string): never {
    throw new CodecError('base/malformed', `malformed: ${what}`, {
      offset: this.#offset,
    })
  }

  #take(count: number): number {
    if (count > this.#bytes.length - this.#offset) this.refuse('ends too early')
    const offset = this.#offset
    this.#offset += count
    return offset
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  u64(): number {
    const offset = this.#take(8)
    const value = this.#view.getUint32(offset) * 0x1_0000_0000 + this.#view.getUint32(offset + 4)
    if (!Number.isSafeInteger(value)) this.refuse('integer above 2^53 - 1')
    return value
  }

  bool(): boolean {
    const value = this.u8()
    if (value > 1) this.refuse('boolean is neither 0 nor 1')
    return value === 1
  }

  fixed(length: number): Uint8Array {
    const offset = this.#take(length)
    return this.#bytes.subarray(offset, offset + length)
  }

  blob(lengthMax: number): Uint8Array {
    const length = this.u32()
    if (length > lengthMax) this.refuse(`${length} bytes where at most ${lengthMax} may be`)
    return this.fixed(length)
  }

  hex(length: number): string {
    return toHex(this.fixed(length))
  }

  text(bytesMax: number): string {
    const length = this.u16()
    if (length > bytesMax) this.refuse(`text of ${length} bytes where at most ${bytesMax} may be`)
    const text = fromUtf8(this.fixed(length))
    return text ?? this.refuse('text is not UTF-8')
  }

  list<Item>(countMax: number, read: (reader: this) => Item): Item[] {
    const count = this.u32()
    if (count > countMax) this.refuse(`${count} items where at most ${countMax} may be`)
    const items: Item[] = []
    for (let index = 0; index < count; index++) items.push(read(this))
    return items
  }

  option<Value>(read: (reader: this) => Value): Value | undefined {
    return this.bool() ? read(this) : undefined
  }

  /** One of `allowed`, as a byte. */
  oneOf<Value extends number>(allowed: readonly Value[]): Value {
    const value = this.u8()
    const found = allowed.find((candidate) => candidate === value)
    return found ?? this.refuse(`unknown kind ${value}`)
  }

  /** The input must end here: an encoding with a tail is not canonical. */
  end(): void {
    if (this.remainingBytes !== 0) this.refuse(`${this.remainingBytes} bytes too many`)
  }
}

/** Decode a whole byte string with `read`; a tail is refused. @throws CodecError */
export function decode<Value>(bytes: Uint8Array, read: (reader: Reader) => Value): Value {
  const reader = new Reader(bytes)
  const value = read(reader)
  reader.end()
  return value
}

/** Encode with `write` into a fresh array. */
export function encode(write: (writer: Writer) => void, expectedBytes?: number): Uint8Array {
  const writer = new Writer(expectedBytes)
  write(writer)
  return writer.finish()
}
