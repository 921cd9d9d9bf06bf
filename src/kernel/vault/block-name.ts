/**
 * The name of a block file. White paper 1.7.1; format in docs/spec/vault.md.
 *
 *   <id>-<version>-<epoch>-<pages>-<content hash>-<name hash>          each field in base32
 *
 * The name hash is SHA-256 over the name as it reads with the placeholder in the place of the name
 * hash; the placeholder is HMAC-SHA-256 under the world's block-name key over id and version. So
 * nobody who has disk and source but no key can write a name that is accepted, all replicas compute
 * the same placeholder, and neither is kept anywhere.
 *
 * Base32 in lower case survives file systems that fold case, and a field has exactly one spelling
 * (`parseBase32` refuses stray bits), so that any changed character changes a field or is refused.
 */
import { assert } from '../../base/assert.ts'
import { equalBytes, parseBase32, toBase32, toHex, utf8 } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains, separated } from '../../base/domains.ts'
import { type BlockId, blockIdBytes, blockIdOf, digestBytes, digestOf } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { BlockKey } from './interface.ts'
import { nameCharactersMax, versionMax } from './limits.ts'

/** What a name says. */
export type NameFields = BlockKey & {
  /** Of the storage key that sealed the file. */
  readonly keyEpoch: number
  /** Length of the file in pages of 4 KiB: the space used is known from the names alone. */
  readonly pageCount: number
}

const versionBytes = 6
const epochBytes = 4
const pagesBytes = 2
const fieldBytes = [
  blockIdBytes,
  versionBytes,
  epochBytes,
  pagesBytes,
  digestBytes,
  digestBytes,
] as const
const charactersOf = (bytes: number): number => Math.ceil((bytes * 8) / 5)

/** Characters of every name. */
export const nameCharacters =
  fieldBytes.reduce((sum, bytes) => sum + charactersOf(bytes), 0) + fieldBytes.length - 1
const hashStart = nameCharacters - charactersOf(digestBytes)

assert(nameCharacters <= nameCharactersMax, 'names fit every common file system')

/** Makes and checks names; knows the block-name key. */
export class BlockNames {
  readonly #crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>
  readonly #key: Uint8Array

  constructor(crypto: Pick<Crypto, 'sha256' | 'hmacSha256'>, blockNameKey: Uint8Array) {
    assert(blockNameKey.length === 32, 'the block-name key has 32 bytes')
    this.#crypto = crypto
    this.#key = blockNameKey
  }

  /** Stands in the place of the name hash while that is computed; 32 bytes, never stored. */
  placeholderOf(id: BlockId, version: number): Uint8Array {
    const input = new Writer(64)
      .fixed(domainPrefix(domains.blockPlaceholder))
      .hex(id)
      .u64(version)
      .finish()
    return this.#crypto.hmacSha256(this.#key, input)
  }

  nameOf(fields: NameFields): string {
    const stem = stemOf(fields)
    return stem + toBase32(this.#nameHash(stem, fields))
  }

  /**
   * What the name says, when its own hash holds; undefined for any other text. Constant-time
   * comparison is not needed: whoever can rename files sees their names.
   */
  parse(name: string): NameFields | undefined {
    const parsed = parseFields(name)
    if (parsed === undefined) return undefined
    const expected = this.#nameHash(name.slice(0, hashStart), parsed.fields)
    return equalBytes(parsed.nameHash, expected) ? parsed.fields : undefined
  }

  #nameHash(stem: string, { id, version }: BlockKey): Uint8Array {
    const withPlaceholder = stem + toBase32(this.placeholderOf(id, version))
    return this.#crypto.sha256(separated(domains.blockName, utf8(withPlaceholder)))
  }
}

/** The name up to and with the separator before the name hash. */
function stemOf({ id, version, keyEpoch, pageCount, hash }: NameFields): string {
  assert(Number.isInteger(version) && version >= 1 && version <= versionMax, 'version in range')
  assert(Number.isInteger(keyEpoch) && keyEpoch >= 0, 'a key epoch is a whole number')
  const numbers = new Writer().u64(version).u32(keyEpoch).u16(pageCount).hex(id).hex(hash).finish()
  const version48 = numbers.subarray(2, 8)
  const idStart = 14
  const hashAt = idStart + blockIdBytes
  return `${[
    numbers.subarray(idStart, hashAt),
    version48,
    numbers.subarray(8, 12),
    numbers.subarray(12, idStart),
    numbers.subarray(hashAt),
  ]
    .map(toBase32)
    .join('-')}-`
}

/** Form only: field lengths, alphabet, no stray bits, a version from 1. */
function parseFields(name: string): { fields: NameFields; nameHash: Uint8Array } | undefined {
  if (name.length !== nameCharacters) return undefined
  const texts = name.split('-')
  if (texts.length !== fieldBytes.length) return undefined
  const [id, version, epoch, pages, hash, nameHash] = texts.map((text, index) =>
    text.length === charactersOf(fieldBytes[index] ?? 0) ? parseBase32(text) : undefined,
  )
  if (!id || !version || !epoch || !pages || !hash || !nameHash) return undefined
  const fields = {
    id: blockIdOf(toHex(id)),
    version: numberOf(version),
    keyEpoch: numberOf(epoch),
    pageCount: numberOf(pages),
    hash: digestOf(toHex(hash)),
  }
  return fields.version >= 1 ? { fields, nameHash } : undefined
}

const numberOf = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0)

/**
 * True when `name` looks like what became of `expected`: somebody kept one of its long fields
 * (id, content hash or name hash), in whatever case.
 */
export function resembles(name: string, expected: string): boolean {
  const folded = name.toLowerCase()
  const texts = expected.split('-')
  return [texts[0], texts[4], texts[5]].some((text) => text !== undefined && folded.includes(text))
}
