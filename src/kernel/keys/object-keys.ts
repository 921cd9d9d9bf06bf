/**
 * An object's keys: a content key for each epoch, a tag key and a release key. They rest in the
 * section's state wrapped under the key of the object's domain:
 *
 *   format u8 = 1 ‖ domain epoch u32 ‖ key epoch u32
 *   ‖ sealed under the domain key: newest content key ‖ tag key ‖ release key
 *   ‖ count u32, then each earlier content key, newest first, sealed under the next newer one
 *
 * Every epoch's key is random, so a former owner cannot compute the next; each carries the one
 * before, so a new reader gets the old ones. The associated data of the first seal cover all the
 * rest, so that nobody without the domain key can leave out an epoch unseen. docs/spec/keys.md.
 */
import { assert } from '../../base/assert.ts'
import { CodecError, decode, encode, type Reader, Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import type { ObjectId } from '../../base/ids.ts'
import { aeadKeyBytes, type Crypto } from '../../ports/crypto.ts'
import { newestContentKey } from './contents.ts'
import { KeyCode, KeyError } from './errors.ts'
import type { ContentKey, DomainKey, ObjectKeys, SealPorts } from './interface.ts'
import { objectKeyEpochsMax, wrappedKeysBytesMax } from './limits.ts'
import { freshKey, openBytes, sealBytes, sealedBytesOf } from './seal.ts'

const format = 1
const firstEpoch = 1
const keyCount = 3
const wrappedKeyBytes = sealedBytesOf(aeadKeyBytes)
const wrappedNewestBytes = sealedBytesOf(keyCount * aeadKeyBytes)

function contentKey(crypto: Crypto, epoch: number, raw: Uint8Array): ContentKey {
  return { epoch, key: crypto.aeadKey(raw), raw }
}

/** Random keys of a new object, epoch 1, also wrapped. @throws KeyError `keys/exhausted` */
export function createObjectKeys(
  ports: SealPorts,
  input: { readonly object: ObjectId; readonly domainKey: DomainKey },
): { readonly keys: ObjectKeys; readonly wrapped: Uint8Array } {
  const keys = {
    object: input.object,
    epoch: firstEpoch,
    content: [contentKey(ports.crypto, firstEpoch, freshKey(ports))],
    tagKey: freshKey(ports),
    releaseKey: freshKey(ports),
  }
  return { keys, wrapped: wrapObjectKeys(ports, keys, input.domainKey) }
}

/** With a fresh content key of the next epoch; tag and release key stay. */
export function nextObjectKeys(ports: SealPorts, keys: ObjectKeys): ObjectKeys {
  const epoch = keys.epoch + 1
  const next = contentKey(ports.crypto, epoch, freshKey(ports))
  return { ...keys, epoch, content: [...keys.content, next] }
}

/** Without the content keys before `epoch`: only when nothing is sealed under them any more. */
export function dropEpochsBefore(keys: ObjectKeys, epoch: number): ObjectKeys {
  assert(epoch <= keys.epoch, 'the newest epoch stays')
  return { ...keys, content: keys.content.filter((content) => content.epoch >= epoch) }
}

function newestAssociated(
  crypto: Crypto,
  input: {
    readonly object: ObjectId
    readonly domainKey: DomainKey
    readonly epoch: number
    readonly previous: readonly Uint8Array[]
  },
): Uint8Array {
  const { object, domainKey, epoch, previous } = input
  return new Writer(160)
    .fixed(domainPrefix(domains.contentKey))
    .hex(object)
    .hex(domainKey.domain)
    .u32(domainKey.epoch)
    .u32(epoch)
    .fixed(crypto.sha256(...previous))
    .finish()
}

/** For the content key of `epoch`, sealed under that of the next. */
const previousAssociated = (object: ObjectId, epoch: number): Uint8Array =>
  new Writer(96)
    .fixed(domainPrefix(domains.previousKey))
    .fixed(domainPrefix(domains.contentKey))
    .hex(object)
    .u32(epoch)
    .finish()

function sealPrevious(ports: SealPorts, keys: ObjectKeys): Uint8Array[] {
  const sealed: Uint8Array[] = []
  for (let index = keys.content.length - 2; index >= 0; index--) {
    const previous = keys.content[index]
    const next = keys.content[index + 1]
    assert(previous !== undefined && next?.epoch === previous.epoch + 1, 'epochs without gaps')
    const associated = previousAssociated(keys.object, previous.epoch)
    sealed.push(sealBytes(ports, { key: next.key, plain: previous.raw, associated }))
  }
  return sealed
}

/**
 * The keys as the section keeps them; at most `wrappedKeysBytesMax`.
 *
 * @throws KeyError `keys/too-many-epochs`, `keys/exhausted` (of the domain key).
 */
export function wrapObjectKeys(
  ports: SealPorts,
  keys: ObjectKeys,
  domainKey: DomainKey,
): Uint8Array {
  if (keys.content.length > objectKeyEpochsMax) {
    const message = `an object carries at most ${objectKeyEpochsMax} content keys`
    throw new KeyError(KeyCode.TooManyEpochs, message, { countMax: objectKeyEpochsMax })
  }
  const newest = newestContentKey(keys)
  assert(newest.epoch === keys.epoch, 'the last content key is the newest')
  const previous = sealPrevious(ports, keys)
  const plain = new Writer(keyCount * aeadKeyBytes)
    .fixed(newest.raw)
    .fixed(keys.tagKey)
    .fixed(keys.releaseKey)
    .finish()
  const { object, epoch } = keys
  const associated = newestAssociated(ports.crypto, { object, domainKey, epoch, previous })
  const sealed = sealBytes(ports, { key: domainKey.key, plain, associated })
  plain.fill(0)
  return encode((writer) => {
    writer.u8(format).u32(domainKey.epoch).u32(epoch).fixed(sealed)
    writer.list(previous, (inner, each) => inner.fixed(each))
  }, wrappedKeysBytesMax)
}

type Wrapped = {
  readonly domainEpoch: number
  readonly epoch: number
  readonly sealed: Uint8Array
  /** Newest first. */
  readonly previous: readonly Uint8Array[]
}

function readWrapped(reader: Reader): Wrapped {
  reader.oneOf([format])
  const domainEpoch = reader.u32()
  const epoch = reader.u32()
  const sealed = reader.fixed(wrappedNewestBytes)
  const previous = reader.list(objectKeyEpochsMax - 1, (inner) => inner.fixed(wrappedKeyBytes))
  if (previous.length >= epoch) reader.refuse('more keys than epochs')
  return { domainEpoch, epoch, sealed, previous }
}

function parseWrapped(wrapped: Uint8Array): Wrapped | undefined {
  if (wrapped.length > wrappedKeysBytesMax) return undefined
  try {
    return decode(wrapped, readWrapped)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}

/** Epoch of the domain key that wrapped them; undefined for bytes that are no wrapped keys. */
export const domainEpochOfWrapped = (wrapped: Uint8Array): number | undefined =>
  parseWrapped(wrapped)?.domainEpoch

/** Undefined when the bytes are no wrapped keys of this object under this domain key. */
export function unwrapObjectKeys(
  crypto: Crypto,
  input: {
    readonly object: ObjectId
    readonly domainKey: DomainKey
    readonly wrapped: Uint8Array
  },
): ObjectKeys | undefined {
  const { object, domainKey } = input
  const wrapped = parseWrapped(input.wrapped)
  if (wrapped?.domainEpoch !== domainKey.epoch) return undefined
  const { epoch, previous, sealed } = wrapped
  const associated = newestAssociated(crypto, { object, domainKey, epoch, previous })
  const plain = openBytes(crypto, { key: domainKey.key, sealed, associated })
  if (plain === undefined) return undefined
  const part = (index: number): Uint8Array =>
    plain.slice(index * aeadKeyBytes, (index + 1) * aeadKeyBytes)
  const newest = contentKey(crypto, epoch, part(0))
  const content = openChain(crypto, object, { newest, previous })
  if (content === undefined) return undefined
  return { object, epoch, content, tagKey: part(1), releaseKey: part(2) }
}

/** All content keys, oldest first. */
function openChain(
  crypto: Crypto,
  object: ObjectId,
  chain: { readonly newest: ContentKey; readonly previous: readonly Uint8Array[] },
): readonly ContentKey[] | undefined {
  const keys = [chain.newest]
  let next = chain.newest
  for (const sealed of chain.previous) {
    const epoch = next.epoch - 1
    const associated = previousAssociated(object, epoch)
    const raw = openBytes(crypto, { key: next.key, sealed, associated })
    if (raw === undefined) return undefined
    next = contentKey(crypto, epoch, raw)
    keys.unshift(next)
  }
  return keys
}
