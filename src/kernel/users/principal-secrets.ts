/**
 * A principal's private half, as its public record carries it sealed.
 *
 *   head (kind of record, see the callers) ‖ nonce ‖ sealed: format u8 = 1 ‖ sign seed (32)
 *   ‖ wrap secret (32) ‖ owner's wrap secret? (one byte for presence, 32)
 *
 * The associated data hold the head and everything public that the keys rest on, so that nobody can
 * put another wrap key or owner into a record. What opens is checked against the public keys.
 */
import { CodecError, decode, encode, Writer } from '../../base/codec.ts'
import { type Domain, domainPrefix, domains } from '../../base/domains.ts'
import {
  type AeadKey,
  aeadKeyBytes,
  type Crypto,
  type KeyPair,
  signSeedBytes,
} from '../../ports/crypto.ts'
import {
  freshKey,
  openBytes,
  type PrincipalKeys,
  type SealPorts,
  sealBytes,
} from '../keys/index.ts'
import { type PrincipalView, principalIdOfKey } from '../section/index.ts'

const format = 1

export type PrincipalSecrets = {
  readonly signSeed: Uint8Array
  readonly wrapSecret: Uint8Array
  /** Wrap secret of the owning user: in a full token only. */
  readonly ownerWrapSecret: Uint8Array | undefined
}

/** The public part of a record that its seal is bound to. */
export type SecretsOwner = Pick<PrincipalView, 'principal' | 'kind' | 'owner' | 'wrapKey'>

/** Fresh secrets of a new principal. */
export const drawSecrets = (ports: SealPorts, ownerWrapSecret?: Uint8Array): PrincipalSecrets => ({
  signSeed: ports.random.bytes(signSeedBytes),
  wrapSecret: freshKey(ports),
  ownerWrapSecret,
})

/** Both key pairs of the secrets, and the principal that they are. */
export function publicHalf(
  crypto: Crypto,
  secrets: PrincipalSecrets,
): {
  readonly principal: PrincipalView['principal']
  readonly sign: KeyPair
  readonly wrap: KeyPair
} {
  const sign = crypto.signKeyPair(secrets.signSeed)
  const wrap = crypto.boxKeyPair(secrets.wrapSecret)
  return { principal: principalIdOfKey(crypto, sign.publicKey), sign, wrap }
}

/** Domain of the seal: a user's record never opens as a token's. */
const domainOf = (kind: PrincipalView['kind']): Domain =>
  kind === 'user' ? domains.user : domains.principal

function associatedOf(
  { principal, kind, owner, wrapKey }: SecretsOwner,
  head: Uint8Array,
): Uint8Array {
  const writer = new Writer(192).fixed(domainPrefix(domainOf(kind)))
  return writer.hex(principal).hex(owner).fixed(wrapKey).blob(head).finish()
}

/** @param record.key derived from the token's secret or the passphrase. */
export function sealSecrets(
  ports: SealPorts,
  secrets: PrincipalSecrets,
  record: { readonly of: SecretsOwner; readonly key: AeadKey; readonly head: Uint8Array },
): Uint8Array {
  const plain = encode((writer) => {
    writer.u8(format).fixed(secrets.signSeed).fixed(secrets.wrapSecret)
    writer.option(secrets.ownerWrapSecret, (inner, secret) => inner.fixed(secret))
  }, 128)
  const { of, key, head } = record
  const sealed = sealBytes(ports, { key, plain, associated: associatedOf(of, head), head })
  plain.fill(0)
  return sealed
}

function parsePlain(plain: Uint8Array): PrincipalSecrets | undefined {
  try {
    return decode(plain, (reader) => {
      reader.oneOf([format])
      return {
        signSeed: reader.fixed(signSeedBytes).slice(),
        wrapSecret: reader.fixed(aeadKeyBytes).slice(),
        ownerWrapSecret: reader.option((inner) => inner.fixed(aeadKeyBytes).slice()),
      }
    })
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}

/** Undefined when the key is wrong, or the record contradicts itself. */
export function openSecrets(
  crypto: Crypto,
  view: PrincipalView,
  { key, headBytes }: { readonly key: AeadKey; readonly headBytes: number },
): PrincipalKeys | undefined {
  const head = view.sealed.subarray(0, headBytes)
  const sealed = view.sealed.subarray(headBytes)
  const plain = openBytes(crypto, { key, sealed, associated: associatedOf(view, head) })
  const secrets = plain === undefined ? undefined : parsePlain(plain)
  plain?.fill(0)
  if (secrets === undefined) return undefined
  const { principal, sign, wrap } = publicHalf(crypto, secrets)
  const fits =
    principal === view.principal &&
    crypto.equal(sign.publicKey, view.signKey) &&
    crypto.equal(wrap.publicKey, view.wrapKey)
  return fits ? principalKeysOf(crypto, view, secrets) : undefined
}

/** What the holder of the secrets can do. */
export function principalKeysOf(
  crypto: Crypto,
  view: Pick<PrincipalView, 'principal' | 'owner'>,
  secrets: PrincipalSecrets,
): PrincipalKeys {
  const { principal, owner } = view
  const { sign, wrap } = publicHalf(crypto, secrets)
  const own = { principal, pair: wrap }
  const { ownerWrapSecret } = secrets
  if (ownerWrapSecret === undefined) return { principal, owner, sign, wraps: [own] }
  const owners = { principal: owner, pair: crypto.boxKeyPair(ownerWrapSecret) }
  return { principal, owner, sign, wraps: [own, owners] }
}
