/** From what the section knows (sealed base, sealed deltas) to what a reader needs. */
import { isUnosysError } from '../../base/error.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { openAttributes, openBase, openDelta } from '../keys/index.ts'
import type { ObjectKeys } from '../keys/interface.ts'
import type { BlockRef, Delta, ObjectView } from '../section/interface.ts'
import { ObjectCode, ObjectError } from './errors.ts'
import {
  type Attributes,
  decodeAttributes,
  decodeBase,
  decodeDelta,
  type FileBase,
  type FileDelta,
} from './format.ts'
import type { FileState } from './interface.ts'
import { treeOf } from './tree.ts'

const damaged = (what: string): ObjectError =>
  new ObjectError(ObjectCode.Damaged, `the object is damaged: ${what}`, {})

function parsed<Value>(
  what: string,
  sealed: Uint8Array | undefined,
  read: (plain: Uint8Array) => Value,
): Value {
  if (sealed === undefined) throw damaged(`${what} does not open`)
  try {
    return read(sealed)
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) throw damaged(`${what} is malformed`)
    throw error
  }
}

/** @throws ObjectError `objects/damaged` */
export function attributesOf(crypto: Crypto, view: ObjectView, keys: ObjectKeys): Attributes {
  return parsed('attributes', openAttributes(crypto, keys, view.attributes), decodeAttributes)
}

/** @throws ObjectError `objects/damaged` */
export function fileStateOf(crypto: Crypto, view: ObjectView, keys: ObjectKeys): FileState {
  const attributes = attributesOf(crypto, view, keys)
  const base: FileBase =
    view.base === undefined
      ? { size: 0, depth: 0, inline: [] }
      : parsed('base', openBase(crypto, keys, view.base.sealed), decodeBase)
  const fold = new Fold(base.size, attributes.blockBytes)
  for (const delta of view.deltas) {
    const change = parsed('a delta', openDelta(crypto, keys, delta.sealed), decodeDelta)
    fold.add(delta, change)
  }
  return {
    view,
    keys,
    attributes,
    size: fold.size,
    tree: treeOf(base, view.base?.root),
    overlay: fold.overlay,
    baseLimit: fold.baseLimit,
  }
}

/** Lays deltas over each other in their order. */
class Fold {
  readonly overlay = new Map<number, BlockRef | undefined>()
  readonly #blockBytes: number
  size: number
  baseLimit = Number.MAX_SAFE_INTEGER

  constructor(size: number, blockBytes: number) {
    this.size = size
    this.#blockBytes = blockBytes
  }

  add(delta: Delta, change: FileDelta): void {
    const refs = delta.added.map((block): BlockRef => {
      const { id, version, hash, sealedBytes } = block
      return { id, version, hash, sealedBytes, keyEpoch: delta.keyEpoch }
    })
    if (change.kind === 'write') {
      if (refs.length !== change.indexes.length) throw damaged('a delta names other blocks')
      for (const [place, index] of change.indexes.entries()) this.overlay.set(index, refs[place])
      this.size = Math.max(this.size, change.end)
      return
    }
    const blockCount = Math.ceil(change.size / this.#blockBytes)
    for (const index of [...this.overlay.keys()]) {
      if (index >= blockCount) this.overlay.delete(index)
    }
    this.baseLimit = Math.min(this.baseLimit, blockCount)
    if (change.cutIndex !== undefined) this.overlay.set(change.cutIndex, refs[0])
    this.size = change.size
  }
}
