/** Passphrases: drawn ones, and the key that Argon2id makes of one. */
import { toBase32, utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import type { AeadKey, Crypto } from '../../ports/crypto.ts'
import type { Random } from '../../ports/random.ts'
import { deriveKey } from '../keys/index.ts'
import {
  passphraseCharactersMax,
  passphraseCharactersMin,
  passphraseMemoryKib,
  passphraseMemoryKibMax,
  passphrasePasses,
  passphrasePassesMax,
} from './limits.ts'

const drawnBytes = 15
const groupCharacters = 4
const argonBytes = 32

/** Six groups of four base32 characters: 120 bits. */
export function drawPassphrase(random: Random): string {
  const text = toBase32(random.bytes(drawnBytes))
  const groups: string[] = []
  for (let at = 0; at < text.length; at += groupCharacters) {
    groups.push(text.slice(at, at + groupCharacters))
  }
  return groups.join('-')
}

/** Spaces around it, and how a keyboard composes accents, do not matter. */
const normalized = (passphrase: string): string => passphrase.normalize('NFKC').trim()

/** Whether it is long enough to withstand guessing by whoever fetched the record. */
export function isPassphraseFit(passphrase: string): boolean {
  const { length } = normalized(passphrase)
  return length >= passphraseCharactersMin && length <= passphraseCharactersMax
}

/** What one try costs; stands in the record, so that it can grow with the machines. */
export type PassphraseCost = { readonly memoryKib: number; readonly passes: number }

export const passphraseCost: PassphraseCost = {
  memoryKib: passphraseMemoryKib,
  passes: passphrasePasses,
}

const recordFormat = 1

/** Bytes of what stands in clear before a user's sealed secrets: format, memory, passes. */
export const userHeadBytes = 9

export const encodeCost = ({ memoryKib, passes }: PassphraseCost): Uint8Array =>
  new Writer().u8(recordFormat).u32(memoryKib).u32(passes).finish()

/** Undefined for another format, for less than today's cost, and for more than a try may take. */
export function parseCost(sealed: Uint8Array): PassphraseCost | undefined {
  if (sealed.length < userHeadBytes || sealed[0] !== recordFormat) return undefined
  const reader = new Reader(sealed.subarray(1))
  const memoryKib = reader.u32()
  const passes = reader.u32()
  const isFair =
    memoryKib >= passphraseMemoryKib &&
    memoryKib <= passphraseMemoryKibMax &&
    passes >= passphrasePasses &&
    passes <= passphrasePassesMax
  return isFair ? { memoryKib, passes } : undefined
}

/** The key of a user's record. Takes about 200 ms, off the event loop. */
export async function passphraseKey(
  crypto: Crypto,
  input: {
    readonly passphrase: string
    /** 16 bytes. */
    readonly salt: Uint8Array
    readonly cost: PassphraseCost
  },
): Promise<AeadKey> {
  const { passphrase, salt, cost } = input
  const password = utf8(normalized(passphrase))
  const secret = await crypto.argon2id({ password, salt, ...cost, length: argonBytes })
  return crypto.aeadKey(deriveKey(crypto, { secret, domain: domains.userSecret }))
}
