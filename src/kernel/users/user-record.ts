/**
 * A user's record: sign and wrap key, sealed under the passphrase, so that a name (the principal)
 * and the passphrase open them on any Processor. Any Processor can also fetch the record and guess:
 * hence Argon2id, and no short passphrases.
 */
import { assert } from '../../base/assert.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { PrincipalKeys, SealPorts } from '../keys/index.ts'
import type { PrincipalView } from '../section/interface.ts'
import {
  encodeCost,
  isPassphraseFit,
  parseCost,
  passphraseCost,
  passphraseKey,
  userHeadBytes,
} from './passphrase.ts'
import {
  drawSecrets,
  openSecrets,
  principalKeysOf,
  publicHalf,
  sealSecrets,
} from './principal-secrets.ts'

const saltBytes = 16

/** A new user. @param input.passphrase one for which `isPassphraseFit` holds. */
export async function createUser(
  ports: SealPorts,
  input: {
    readonly passphrase: string
    readonly rights: number
    readonly expiryMs: number
  },
): Promise<{ readonly view: PrincipalView; readonly keys: PrincipalKeys }> {
  const { passphrase, rights, expiryMs } = input
  assert(isPassphraseFit(passphrase), 'the caller refused unfit passphrases')
  const { crypto, random } = ports
  const secrets = drawSecrets(ports)
  const { principal, sign, wrap } = publicHalf(crypto, secrets)
  const salt = random.bytes(saltBytes)
  const of = { principal, kind: 'user', owner: principal, wrapKey: wrap.publicKey } as const
  const key = await passphraseKey(crypto, { passphrase, salt, cost: passphraseCost })
  const head = encodeCost(passphraseCost)
  const sealed = sealSecrets(ports, secrets, { of, key, head })
  const view: PrincipalView = {
    ...of,
    signKey: sign.publicKey,
    rights,
    expiryMs,
    revoked: false,
    sealed,
    salt,
  }
  return { view, keys: principalKeysOf(crypto, view, secrets) }
}

/** Undefined for a wrong passphrase, and for a record that is no user's or asks for too little. */
export async function openUser(
  crypto: Crypto,
  view: PrincipalView,
  passphrase: string,
): Promise<PrincipalKeys | undefined> {
  const cost = parseCost(view.sealed)
  if (view.kind !== 'user' || cost === undefined || view.salt.length !== saltBytes) return undefined
  const key = await passphraseKey(crypto, { passphrase, salt: view.salt, cost })
  return openSecrets(crypto, view, { key, headBytes: userHeadBytes })
}
