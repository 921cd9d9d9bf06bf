/**
 * The keyring's file, format 1: `unosys/keyring/1` and a zero byte; node seed, consensus seed, link
 * secret (32 bytes each); storage keys, computer keys (count as u32, then epoch as u64 and 32
 * bytes each, newest last); SHA-256 over all before it, which tells a torn file from a whole one.
 */
import { createHash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { decode, encode, type Reader, type Writer } from '../base/codec.ts'
import { domainPrefix, domains } from '../base/domains.ts'
import type { NodeKeys } from '../ports/keyring.ts'

type EpochKey = { readonly epoch: number; readonly key: Uint8Array }

const keyBytes = 32
const checkBytes = 32

/** Epochs that a keyring can hold, old ones for data still sealed under them included. */
export const keyringEpochCountMax = 4_096

/** Largest file of this format. Unit: bytes. */
export const keyringBytesMax = 1_024 + 2 * keyringEpochCountMax * (8 + keyBytes)

const checkOf = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest())

function areOrdered(keys: readonly EpochKey[]): boolean {
  return (
    keys.length > 0 && keys.every(({ epoch }, i) => i === 0 || epoch > (keys[i - 1]?.epoch ?? -1))
  )
}

function writeKey(writer: Writer, key: Uint8Array): void {
  assert(key.length === keyBytes, 'a key has 32 bytes')
  writer.fixed(key)
}

function writeEpochs(writer: Writer, keys: readonly EpochKey[]): void {
  assert(areOrdered(keys) && keys.length <= keyringEpochCountMax, 'epochs grow, newest last')
  writer.list(keys, (each, { epoch, key }) => {
    each.u64(epoch)
    writeKey(each, key)
  })
}

function readEpochs(reader: Reader): EpochKey[] {
  const keys = reader.list(keyringEpochCountMax, (each) => ({
    epoch: each.u64(),
    key: each.fixed(keyBytes).slice(),
  }))
  return areOrdered(keys) ? keys : reader.refuse('epochs do not grow')
}

/** The file's bytes. The keys are our own: a wrong length is an assertion. */
export function encodeKeyring(keys: NodeKeys): Uint8Array {
  return encode((writer) => {
    writer.fixed(domainPrefix(domains.keyring))
    writeKey(writer, keys.nodeSeed)
    writeKey(writer, keys.consensusSeed)
    writeKey(writer, keys.linkSecret)
    writeEpochs(writer, keys.storageKeys)
    writeEpochs(writer, keys.computerKeys)
    writer.fixed(checkOf(writer.finish()))
  })
}

/** @throws CodecError the bytes are not a whole keyring of format 1. */
export function decodeKeyring(bytes: Uint8Array): NodeKeys {
  return decode(bytes, (reader) => {
    const prefix = domainPrefix(domains.keyring)
    if (!equalBytes(reader.fixed(prefix.length), prefix)) reader.refuse('not a keyring of format 1')
    const keys = {
      nodeSeed: reader.fixed(keyBytes).slice(),
      consensusSeed: reader.fixed(keyBytes).slice(),
      linkSecret: reader.fixed(keyBytes).slice(),
      storageKeys: readEpochs(reader),
      computerKeys: readEpochs(reader),
    }
    const whole = bytes.subarray(0, bytes.length - checkBytes)
    if (!equalBytes(reader.fixed(checkBytes), checkOf(whole))) reader.refuse('checksum differs')
    return keys
  })
}
