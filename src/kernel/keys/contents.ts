/**
 * The small sealed parts of objects that the section keeps: deltas, bases, attributes, names of
 * entries.
 *
 *   part = key epoch u32 ‖ nonce ‖ ciphertext ‖ tag
 *
 * All are sealed by the object's newest content key and stay as they are when it changes: so each
 * says by which epoch it opens, in clear and in its associated data.
 */
import { assert } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/codec.ts'
import { type Domain, domainPrefix, domains } from '../../base/domains.ts'
import type { ObjectId, Tag } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ContentKey, ObjectKeys, SealPorts } from './interface.ts'
import { partOverheadBytes } from './limits.ts'
import { openBytes, sealBytes } from './seal.ts'

const epochBytes = 4

/** The content key that seals now. */
export function newestContentKey(keys: Pick<ObjectKeys, 'content'>): ContentKey {
  const newest = keys.content.at(-1)
  assert(newest !== undefined, 'an object has a content key')
  return newest
}

/** The content key of an epoch; undefined when it is newer than these keys, or dropped. */
export const contentKeyOf = (
  keys: Pick<ObjectKeys, 'content'>,
  epoch: number,
): ContentKey | undefined => keys.content.find((candidate) => candidate.epoch === epoch)

/** What a part is and where: begins its associated data, the key epoch ends them. */
type Place = (writer: Writer) => Writer

const placeOf =
  (domain: Domain, keys: ObjectKeys): Place =>
  (writer) =>
    writer.fixed(domainPrefix(domain)).hex(keys.object)

function sealPart(
  ports: SealPorts,
  keys: ObjectKeys,
  part: { readonly place: Place; readonly plain: Uint8Array },
): Uint8Array {
  const { epoch, key } = newestContentKey(keys)
  const associated = part.place(new Writer(128)).u32(epoch).finish()
  const head = new Writer(epochBytes).u32(epoch).finish()
  return sealBytes(ports, { key, plain: part.plain, associated, head })
}

function openPart(
  crypto: Crypto,
  keys: ObjectKeys,
  part: { readonly place: Place; readonly sealed: Uint8Array },
): Uint8Array | undefined {
  const { place, sealed } = part
  if (sealed.length < partOverheadBytes) return undefined
  const epoch = new Reader(sealed).u32()
  const content = contentKeyOf(keys, epoch)
  if (content === undefined) return undefined
  const associated = place(new Writer(128)).u32(epoch).finish()
  return openBytes(crypto, { key: content.key, sealed: sealed.subarray(epochBytes), associated })
}

/** One change of an object; `partOverheadBytes` longer. @throws KeyError `keys/exhausted` */
export const sealDelta = (ports: SealPorts, keys: ObjectKeys, plain: Uint8Array): Uint8Array =>
  sealPart(ports, keys, { place: placeOf(domains.delta, keys), plain })

/** Undefined when the bytes are no delta of this object, or of an epoch that `keys` lack. */
export const openDelta = (
  crypto: Crypto,
  keys: ObjectKeys,
  sealed: Uint8Array,
): Uint8Array | undefined => openPart(crypto, keys, { place: placeOf(domains.delta, keys), sealed })

/** The sealed part of a base root; `partOverheadBytes` longer. @throws KeyError `keys/exhausted` */
export const sealBase = (ports: SealPorts, keys: ObjectKeys, plain: Uint8Array): Uint8Array =>
  sealPart(ports, keys, { place: placeOf(domains.objectBase, keys), plain })

/** Undefined as `openDelta`. */
export const openBase = (
  crypto: Crypto,
  keys: ObjectKeys,
  sealed: Uint8Array,
): Uint8Array | undefined =>
  openPart(crypto, keys, { place: placeOf(domains.objectBase, keys), sealed })

/** What was chosen at an object's creation; `partOverheadBytes` longer. @throws KeyError */
export const sealAttributes = (ports: SealPorts, keys: ObjectKeys, plain: Uint8Array): Uint8Array =>
  sealPart(ports, keys, { place: placeOf(domains.objectAttributes, keys), plain })

/** Undefined as `openDelta`. */
export const openAttributes = (
  crypto: Crypto,
  keys: ObjectKeys,
  sealed: Uint8Array,
): Uint8Array | undefined =>
  openPart(crypto, keys, { place: placeOf(domains.objectAttributes, keys), sealed })

/** Where a sealed name stands: it opens nowhere else and for no other object. */
export type EntryPlace = {
  readonly directory: ObjectId
  readonly tag: Tag
  readonly object: ObjectId
}

const entryPlace =
  ({ directory, tag, object }: EntryPlace): Place =>
  (writer) =>
    writer.fixed(domainPrefix(domains.directoryEntry)).hex(directory).hex(tag).hex(object)

/** @param keys of the directory. @throws KeyError `keys/exhausted` */
export const sealEntryName = (
  ports: SealPorts,
  keys: ObjectKeys,
  entry: EntryPlace & { readonly name: string },
): Uint8Array => sealPart(ports, keys, { place: entryPlace(entry), plain: utf8(entry.name) })

/**
 * The name's bytes: they may be no UTF-8, and the name another one than the tag says; the caller
 * checks both. Undefined when it does not open here.
 *
 * @param keys of the directory.
 */
export const openEntryName = (
  crypto: Crypto,
  keys: ObjectKeys,
  entry: EntryPlace & { readonly sealed: Uint8Array },
): Uint8Array | undefined =>
  openPart(crypto, keys, { place: entryPlace(entry), sealed: entry.sealed })
