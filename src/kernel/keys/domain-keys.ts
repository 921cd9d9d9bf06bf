/**
 * Access domains: one random key per epoch, wrapped once for each principal that may read.
 *
 * For a principal: a sealed box. An X25519 pair is drawn for this one box; the secret that it
 * shares with the principal's wrap key gives, by HKDF over both public keys, domain, epoch and
 * principal, the key that seals the domain key. Nobody need be online, and the box tells nothing
 * about who made it: that the group accepted the grant does.
 *
 *   box = format u8 = 1 ‖ public key of the drawn pair (32) ‖ nonce ‖ sealed domain key ‖ tag
 *
 * For everyone: sealed under a key that every Processor of the world derives from the computer key.
 */
import { concat } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import type { DomainId, PrincipalId } from '../../base/ids.ts'
import { type AeadKey, aeadKeyBytes, type Crypto, type KeyPair } from '../../ports/crypto.ts'
import { deriveKey } from './derive.ts'
import type { DomainKey, PrincipalKeys, SealPorts, WrappedDomain } from './interface.ts'
import { freshKey, openBytes, sealBytes, sealedBytesOf } from './seal.ts'

const format = 1
const publicKeyBytes = 32
const boxHeadBytes = 1 + publicKeyBytes
const boxBytes = boxHeadBytes + sealedBytesOf(aeadKeyBytes)

type Epoch = Pick<DomainKey, 'domain' | 'epoch'>

function domainKeyOf(crypto: Crypto, { domain, epoch }: Epoch, raw: Uint8Array): DomainKey {
  return { domain, epoch, key: crypto.aeadKey(raw), raw }
}

/** A random key for a new domain: epoch 1. */
export const createDomainKey = (ports: SealPorts, domain: DomainId): DomainKey =>
  domainKeyOf(ports.crypto, { domain, epoch: 1 }, freshKey(ports))

/** A random key for the domain's next epoch. */
export const nextDomainKey = (ports: SealPorts, { domain, epoch }: Epoch): DomainKey =>
  domainKeyOf(ports.crypto, { domain, epoch: epoch + 1 }, freshKey(ports))

function boxContext({ domain, epoch }: Epoch, principal: PrincipalId): Uint8Array {
  return new Writer(64).hex(domain).u32(epoch).hex(principal).finish()
}

/** Key and associated data of one box, from either side's shared secret. */
function boxSeal(
  crypto: Crypto,
  box: {
    readonly shared: Uint8Array
    readonly drawn: Uint8Array
    readonly recipient: Uint8Array
    readonly context: Uint8Array
  },
): { readonly key: AeadKey; readonly associated: Uint8Array } {
  const salt = concat([box.drawn, box.recipient])
  const { shared, context } = box
  const raw = deriveKey(crypto, { secret: shared, domain: domains.keyWrap, salt, context })
  return {
    key: crypto.aeadKey(raw),
    associated: concat([domainPrefix(domains.domainKey), context]),
  }
}

/**
 * The domain key for one principal. Undefined when its wrap key is no usable public key (a
 * low-order point): such a principal can be given nothing.
 */
export function wrapDomainKey(
  ports: SealPorts,
  domainKey: DomainKey,
  to: { readonly principal: PrincipalId; readonly wrapKey: Uint8Array },
): Uint8Array | undefined {
  const { crypto } = ports
  const drawn = crypto.boxKeyPair(freshKey(ports))
  const shared = crypto.sharedSecret(drawn.secretKey, to.wrapKey)
  if (shared === undefined) return undefined
  const { key, associated } = boxSeal(crypto, {
    shared,
    drawn: drawn.publicKey,
    recipient: to.wrapKey,
    context: boxContext(domainKey, to.principal),
  })
  const head = new Writer(boxHeadBytes).u8(format).fixed(drawn.publicKey).finish()
  return sealBytes(ports, { key, plain: domainKey.raw, associated, head })
}

function openBox(
  crypto: Crypto,
  of: Epoch,
  box: { readonly principal: PrincipalId; readonly pair: KeyPair; readonly wrapped: Uint8Array },
): DomainKey | undefined {
  const { principal, pair, wrapped } = box
  if (wrapped.length !== boxBytes || wrapped[0] !== format) return undefined
  const drawn = wrapped.subarray(1, boxHeadBytes)
  const shared = crypto.sharedSecret(pair.secretKey, drawn)
  if (shared === undefined) return undefined
  const { key, associated } = boxSeal(crypto, {
    shared,
    drawn,
    recipient: pair.publicKey,
    context: boxContext(of, principal),
  })
  const raw = openBytes(crypto, { key, sealed: wrapped.subarray(boxHeadBytes), associated })
  return raw === undefined ? undefined : domainKeyOf(crypto, of, raw)
}

const everyoneAssociated = ({ domain, epoch }: Epoch): Uint8Array =>
  new Writer(64).fixed(domainPrefix(domains.everyone)).hex(domain).u32(epoch).finish()

/** The domain key for all users of the world. @param everyoneKey see `everyoneKeyOf` */
export const wrapDomainKeyForEveryone = (
  ports: SealPorts,
  domainKey: DomainKey,
  everyoneKey: AeadKey,
): Uint8Array =>
  sealBytes(ports, {
    key: everyoneKey,
    plain: domainKey.raw,
    associated: everyoneAssociated(domainKey),
  })

function openForEveryone(
  crypto: Crypto,
  of: Epoch,
  { key, wrapped }: { readonly key: AeadKey; readonly wrapped: Uint8Array },
): DomainKey | undefined {
  if (wrapped.length !== sealedBytesOf(aeadKeyBytes)) return undefined
  const raw = openBytes(crypto, { key, sealed: wrapped, associated: everyoneAssociated(of) })
  return raw === undefined ? undefined : domainKeyOf(crypto, of, raw)
}

/** The domain's key by any of its grants that these keys open; undefined: no right to read. */
export function openDomainKey(
  crypto: Crypto,
  input: {
    readonly view: WrappedDomain
    readonly keys: Pick<PrincipalKeys, 'wraps'>
    readonly everyoneKey: AeadKey
  },
): DomainKey | undefined {
  const { view, keys, everyoneKey } = input
  for (const { principal, wrapped } of view.grants) {
    if (principal === 'everyone') {
      const opened = openForEveryone(crypto, view, { key: everyoneKey, wrapped })
      if (opened !== undefined) return opened
      continue
    }
    for (const wrap of keys.wraps) {
      if (wrap.principal !== principal) continue
      const opened = openBox(crypto, view, { principal, pair: wrap.pair, wrapped })
      if (opened !== undefined) return opened
    }
  }
  return undefined
}

/** For the key of `epoch`, sealed under that of the next. */
const previousAssociated = ({ domain, epoch }: Epoch): Uint8Array =>
  new Writer(96)
    .fixed(domainPrefix(domains.previousKey))
    .fixed(domainPrefix(domains.domainKey))
    .hex(domain)
    .u32(epoch)
    .finish()

/** The key of the epoch before, sealed under `domainKey`, so that new readers get old objects. */
export const sealPreviousDomainKey = (
  ports: SealPorts,
  domainKey: DomainKey,
  previous: DomainKey,
): Uint8Array =>
  sealBytes(ports, {
    key: domainKey.key,
    plain: previous.raw,
    associated: previousAssociated({ domain: domainKey.domain, epoch: domainKey.epoch - 1 }),
  })

/** The key of the epoch before `domainKey`; undefined when the bytes are something else. */
export function openPreviousDomainKey(
  crypto: Crypto,
  domainKey: DomainKey,
  sealed: Uint8Array,
): DomainKey | undefined {
  if (sealed.length !== sealedBytesOf(aeadKeyBytes)) return undefined
  const of = { domain: domainKey.domain, epoch: domainKey.epoch - 1 }
  const raw = openBytes(crypto, { key: domainKey.key, sealed, associated: previousAssociated(of) })
  return raw === undefined ? undefined : domainKeyOf(crypto, of, raw)
}
