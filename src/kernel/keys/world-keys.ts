/** What every Processor of a world derives from the computer key, or opens with it. */
import { Reader, Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { type AeadKey, aeadKeyBytes, type Crypto } from '../../ports/crypto.ts'
import type { ComputerKey } from '../../ports/keyring.ts'
import { deriveKey } from './derive.ts'
import type { SealPorts } from './interface.ts'
import { openBytes, sealBytes, sealedBytesOf } from './seal.ts'

const epochBytes = 8

/** The key under which domain keys are wrapped for `everyone`. @param computerKey 32 raw bytes */
export const everyoneKeyOf = (crypto: Crypto, computerKey: Uint8Array): AeadKey =>
  crypto.aeadKey(deriveKey(crypto, { secret: computerKey, domain: domains.everyone }))

const blockNameWrapKey = (crypto: Crypto, computerKey: Uint8Array): AeadKey =>
  crypto.aeadKey(deriveKey(crypto, { secret: computerKey, domain: domains.blockNameKey }))

const associatedOf = (epoch: number): Uint8Array =>
  new Writer(64).fixed(domainPrefix(domains.blockNameKey)).u64(epoch).finish()

/** The world's block-name key under a computer key, whose epoch stands before it in clear. */
export const sealBlockNameKey = (
  ports: SealPorts,
  computerKey: ComputerKey,
  blockNameKey: Uint8Array,
): Uint8Array =>
  sealBytes(ports, {
    key: blockNameWrapKey(ports.crypto, computerKey.key),
    plain: blockNameKey,
    associated: associatedOf(computerKey.epoch),
    head: new Writer(epochBytes).u64(computerKey.epoch).finish(),
  })

/** The block-name key, 32 bytes; undefined when no computer key at hand opens these bytes. */
export function openBlockNameKey(
  crypto: Crypto,
  computerKeys: readonly ComputerKey[],
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length !== epochBytes + sealedBytesOf(aeadKeyBytes)) return undefined
  for (const { epoch, key } of computerKeys) {
    if (!hasEpoch(sealed, epoch)) continue
    return openBytes(crypto, {
      key: blockNameWrapKey(crypto, key),
      sealed: sealed.subarray(epochBytes),
      associated: associatedOf(epoch),
    })
  }
  return undefined
}

/** Compared in halves: hostile bytes may hold more than a safe integer. */
function hasEpoch(sealed: Uint8Array, epoch: number): boolean {
  const reader = new Reader(sealed)
  return reader.u32() === Math.floor(epoch / 2 ** 32) && reader.u32() === epoch % 2 ** 32
}
