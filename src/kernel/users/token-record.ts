/**
 * A token's record: a principal of its own, owned by a user. Its sign key certifies sessions, and
 * its private keys rest sealed under HKDF(secret), so that any Processor can open it with the
 * secret and nobody without. The full token of an owner also seals the owner's wrap key: it opens
 * what the owner's grants open, now and later.
 */
import { assert } from '../../base/assert.ts'
import { Writer } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import type { AeadKey, Crypto } from '../../ports/crypto.ts'
import { deriveKey, type PrincipalKeys, type SealPorts } from '../keys/index.ts'
import type { PrincipalView } from '../section/interface.ts'
import {
  drawSecrets,
  openSecrets,
  principalKeysOf,
  publicHalf,
  sealSecrets,
} from './principal-secrets.ts'
import { type Token, tokenSecretBytes } from './token.ts'

const recordFormat = 1
const saltBytes = 16
const head = new Writer().u8(recordFormat).finish().slice()

function keyOf(
  crypto: Crypto,
  { secret, salt }: { readonly secret: Uint8Array; readonly salt: Uint8Array },
): AeadKey {
  return crypto.aeadKey(deriveKey(crypto, { secret, salt, domain: domains.token }))
}

/** The owner's own wrap secret among his keys. */
function wrapSecretOf(owner: PrincipalKeys): Uint8Array {
  const wrap = owner.wraps.find(({ principal }) => principal === owner.owner)
  assert(wrap !== undefined, 'a full token is made by who holds the owner’s wrap key')
  return wrap.pair.secretKey
}

/** A full token of `owner`: the record to publish, the token to hand out, and what it opens. */
export function createToken(
  ports: SealPorts,
  input: {
    readonly owner: PrincipalKeys
    /** Sum of the section's `Rights`: an upper bound on what the token may do. */
    readonly rights: number
    readonly expiryMs: number
  },
): { readonly view: PrincipalView; readonly token: Token; readonly keys: PrincipalKeys } {
  const { crypto, random } = ports
  const { owner } = input.owner
  const secrets = drawSecrets(ports, wrapSecretOf(input.owner))
  const { principal, sign, wrap } = publicHalf(crypto, secrets)
  const token = { principal, secret: random.bytes(tokenSecretBytes) }
  const salt = random.bytes(saltBytes)
  const of = { principal, kind: 'token', owner, wrapKey: wrap.publicKey } as const
  const key = keyOf(crypto, { secret: token.secret, salt })
  const view: PrincipalView = {
    ...of,
    signKey: sign.publicKey,
    rights: input.rights,
    expiryMs: input.expiryMs,
    revoked: false,
    sealed: sealSecrets(ports, secrets, { of, key, head }),
    salt,
  }
  return { view, token, keys: principalKeysOf(crypto, view, secrets) }
}

/** Undefined for a wrong secret, another principal's record, or a record of another kind. */
export function openToken(
  crypto: Crypto,
  view: PrincipalView,
  token: Token,
): PrincipalKeys | undefined {
  if (view.kind !== 'token' || view.principal !== token.principal) return undefined
  if (view.sealed[0] !== recordFormat || view.salt.length !== saltBytes) return undefined
  if (token.secret.length !== tokenSecretBytes) return undefined
  const key = keyOf(crypto, { secret: token.secret, salt: view.salt })
  return openSecrets(crypto, view, { key, headBytes: head.length })
}
