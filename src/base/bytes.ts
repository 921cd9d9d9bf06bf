/** Byte strings: comparison, joining and the three text forms (hex, base32, UTF-8). */
import { assert } from './assert.ts'

export const emptyBytes: Uint8Array = new Uint8Array(0)

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', {
  fatal: true,
  ignoreBOM: true,
})

/** UTF-8 of `text`. An unpaired surrogate becomes U+FFFD: refuse it before (`isWellFormed`). */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** Text of well-formed UTF-8, undefined for anything else. Keeps a byte-order mark. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** One new array with all parts. Copies: keep block bodies away from it. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Below this, giving memory back early saves nothing. */
const discardBytesMin = 16 * 1024

/**
 * Give the memory of `bytes` back now instead of at the next collection. Only its sole owner may:
 * every view of it is empty afterwards. Without effect for small arrays and for parts of larger
 * ones, whose other parts may have other owners.
 *
 * Why: bodies of blocks pass at hundreds of megabytes a second, in memory outside the heap. Left to
 * the collector they make the process grow, and make it mark the whole heap anew for every few
 * megabytes that pass; given back at once, the same few pages serve all of them
 * (docs/performance.md).
 */
export function discard(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (bytes.length < discardBytesMin || bytes.length < buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Equality that stops at the first difference: for public values (secrets: `Crypto.equal`). */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Lexicographic order of bytes, shorter first on a shared prefix. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Order of two strings by UTF-16 code units: the same on every machine and in every locale. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Character code of each hexadecimal digit. */
const hexDigits = encoder.encode('0123456789abcdef')

/** Digits on their way to a text: reused, since every call is synchronous. */
const hexScratch = new Uint8Array(2_048)
const hexPartBytes = hexScratch.length / 2

/**
 * Lower-case hexadecimal.
 *
 * Made of all digits at once: text that is grown pair by pair stays a tree of its parts, ten times
 * as large, until somebody uses it as a key, and most ids rest in lists. The decoder makes it in a
 * quarter of the time.
 */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length <= hexPartBytes) return hexOfPart(bytes)
  let text = ''
  for (let start = 0; start < bytes.length; start += hexPartBytes) {
    text += hexOfPart(bytes.subarray(start, start + hexPartBytes))
  }
  return text
}

function hexOfPart(bytes: Uint8Array): string {
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0
    hexScratch[2 * index] = hexDigits[byte >> 4] ?? 0
    hexScratch[2 * index + 1] = hexDigits[byte & 15] ?? 0
  }
  return strictDecoder.decode(hexScratch.subarray(0, 2 * bytes.length))
}

/** Value of a hexadecimal digit by its character code; 255 for all others. */
const nibbles = new Uint8Array(128).fill(255)
for (let value = 0; value < 16; value++) nibbles[value.toString(16).charCodeAt(0)] = value

/** Bytes of lower-case hexadecimal text, undefined for anything else (odd length, upper case). */
export function parseHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  // Any digit that is none sets a bit above the four of a nibble.
  let seen = 0
  for (let index = 0, at = 0; index < bytes.length; index++, at += 2) {
    const high = nibbles[text.charCodeAt(at)] ?? 255
    const low = nibbles[text.charCodeAt(at + 1)] ?? 255
    seen |= high | low
    bytes[index] = (high << 4) | low
  }
  return seen > 15 ? undefined : bytes
}

/** Bytes of hexadecimal text that our own code made. */
export function fromHex(text: string): Uint8Array {
  const bytes = parseHex(text)
  assert(bytes !== undefined, 'not lower-case hexadecimal')
  return bytes
}

const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 base32, lower case, no padding: safe in names on case-insensitive file systems. */
export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let heldBits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    heldBits += 8
    while (heldBits >= 5) {
      heldBits -= 5
      text += base32Alphabet[(held >>> heldBits) & 31]
    }
    held &= (1 << heldBits) - 1
  }
  if (heldBits > 0) text += base32Alphabet[(held << (5 - heldBits)) & 31]
  return text
}

function base32Value(code: number): number {
  if (code >= 97 && code <= 122) return code - 97
  if (code >= 50 && code <= 55) return code - 24
  return -1
}

/** The one byte string that `toBase32` writes so; undefined for any other text (canonical). */
export function parseBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8))
  let held = 0
  let heldBits = 0
  let offset = 0
  for (let index = 0; index < text.length; index++) {
    const value = base32Value(text.charCodeAt(index))
    if (value < 0) return undefined
    held = (held << 5) | value
    heldBits += 5
    if (heldBits >= 8) {
      heldBits -= 8
      bytes[offset++] = held >>> heldBits
      held &= (1 << heldBits) - 1
    }
  }
  if (heldBits >= 5 || held !== 0) return undefined
  return bytes
}
