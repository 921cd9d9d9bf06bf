/** Looking for known text on a disk, and measuring how random bytes are. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export type Needle = { readonly what: string; readonly bytes: Uint8Array }

export type Hit = { readonly path: string; readonly what: string; readonly offset: number }

/** A text as it could stand in a file: UTF-8, UTF-16, in hexadecimal, in base64. */
export function spellingsOf(what: string, bytes: Uint8Array): Needle[] {
  const plain = Buffer.from(bytes)
  const needles = [
    { what, bytes: plain },
    { what: `${what} (UTF-16)`, bytes: Buffer.from(plain.toString('latin1'), 'utf16le') },
    { what: `${what} (hexadecimal)`, bytes: Buffer.from(plain.toString('hex')) },
  ]
  // Base64 looks different at each of three offsets; whole groups in the middle do not change.
  for (const skip of [0, 1, 2]) {
    const length = Math.floor((plain.length - skip) / 3) * 3
    const text = plain.subarray(skip, skip + length).toString('base64')
    if (text.length >= 8) needles.push({ what: `${what} (base64)`, bytes: Buffer.from(text) })
  }
  return needles
}

/** All ordinary files under a folder. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/**
 * Where any of the needles stands in the contents or the paths of files under the folders. Each
 * file is read whole: the largest here are journals of some megabytes.
 */
export function searchFolders(
  folders: readonly string[],
  needles: readonly Needle[],
): { readonly hits: readonly Hit[]; readonly fileCount: number; readonly byteCount: number } {
  const index = new NeedleIndex(needles)
  const hits: Hit[] = []
  let fileCount = 0
  let byteCount = 0
  for (const folder of folders) {
    for (const path of filesUnder(folder)) {
      const bytes = readIfThere(path)
      if (bytes === undefined) continue
      fileCount++
      byteCount += bytes.length
      hits.push(...index.find(path, bytes))
      const inFolder = Buffer.from(path.slice(folder.length))
      hits.push(
        ...index.find(path, inFolder).map((hit) => ({ ...hit, what: `${hit.what}, in its path` })),
      )
    }
  }
  return { hits, fileCount, byteCount }
}

/** A Processor that runs may have removed it since it was listed. */
function readIfThere(path: string): Buffer | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  return readFileSync(path)
}

const needleBytesMin = 8

/** Many needles in one pass over a file: positions are told apart by two bytes first. */
class NeedleIndex {
  readonly #byStart = new Map<number, Needle[]>()
  readonly #isStart = new Uint8Array(65_536)

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) {
      if (needle.bytes.length < needleBytesMin) {
        throw new RangeError(`"${needle.what}" is too short to be looked for`)
      }
      const start = startOf(needle.bytes, 0)
      this.#isStart[start] = 1
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), needle])
    }
  }

  find(path: string, bytes: Buffer): Hit[] {
    const hits: Hit[] = []
    const isStart = this.#isStart
    let start = bytes[0] ?? 0
    for (let offset = 0; offset + needleBytesMin <= bytes.length; offset++) {
      start = ((start & 0xff) << 8) | (bytes[offset + 1] ?? 0)
      if (isStart[start] === 0) continue
      for (const needle of this.#byStart.get(start) ?? []) {
        const { length } = needle.bytes
        if (offset + length > bytes.length) continue
        if (bytes.compare(needle.bytes, 0, length, offset, offset + length) === 0) {
          hits.push({ path, what: needle.what, offset })
        }
      }
    }
    return hits
  }
}

const startOf = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

export type Randomness = {
  /** Bits a byte; 8 is all that fits. */
  readonly entropyBits: number
  /** Chi-square of the 256 byte values, 255 degrees of freedom: about 255 for random bytes. */
  readonly chiSquare: number
  readonly byteCount: number
}

/**
 * Random bytes stay below this except once in 10^11: mean 255, deviation 22.6, and the tail of the
 * distribution is a little heavier than the normal one's.
 */
export const chiSquareMax = 430

export function randomnessOf(parts: readonly Uint8Array[]): Randomness {
  const counts = new Float64Array(256)
  let byteCount = 0
  for (const part of parts) {
    for (const byte of part) counts[byte] = (counts[byte] ?? 0) + 1
    byteCount += part.length
  }
  const expected = byteCount / 256
  let chiSquare = 0
  let entropyBits = 0
  for (const count of counts) {
    chiSquare += (count - expected) ** 2 / expected
    if (count > 0) entropyBits -= (count / byteCount) * Math.log2(count / byteCount)
  }
  return { entropyBits, chiSquare, byteCount }
}
