/**
 * Tags: keyed hashes by which the section compares names and places without knowing them. Equality
 * is all that they tell, and only within one object: each has its own tag key.
 */
import { toHex, utf8 } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { type Domain, domainPrefix, domains } from '../../base/domains.ts'
import type { Tag } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectKeys } from './interface.ts'

type TagKeys = Pick<ObjectKeys, 'tagKey'>

const tagOf = (crypto: Crypto, keys: TagKeys, [domain, data]: [Domain, Uint8Array]): Tag =>
  toHex(crypto.hmacSha256(keys.tagKey, domainPrefix(domain), data)) as Tag

/** Of an entry's name in its directory. The name as it is: who wants names folded folds before. */
export const entryTag = (crypto: Crypto, keys: TagKeys, name: string): Tag =>
  tagOf(crypto, keys, [domains.entryTag, utf8(name)])

/** Of a file's block, by its index from 0. */
export const fileBlockTag = (crypto: Crypto, keys: TagKeys, index: number): Tag =>
  tagOf(crypto, keys, [domains.fileBlockTag, new Writer().u64(index).finish()])

/** Of something else of an object that writers can collide on, by a name of our own. */
export const namedTag = (crypto: Crypto, keys: TagKeys, name: string): Tag =>
  tagOf(crypto, keys, [domains.objectTag, utf8(name)])

/** Written by who moves a file's end outward; read by who appends. */
export const endTag = (crypto: Crypto, keys: TagKeys): Tag => namedTag(crypto, keys, 'end')

/** Written by who cuts a file; read by who writes into it. */
export const truncateTag = (crypto: Crypto, keys: TagKeys): Tag =>
  namedTag(crypto, keys, 'truncate')
