/** Tree pages as blocks of the file: sealed with its key, stored like its data, cached here. */

import { toHex } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { blockIdOf } from '../../base/ids.ts'
import type { Random } from '../../ports/random.ts'
import type { Blocks } from '../blocks/interface.ts'
import type { ObjectKeys } from '../keys/interface.ts'
import type { Added, BlockRef } from '../section/interface.ts'
import { ObjectCode, ObjectError } from './errors.ts'
import { decodePage, encodePage, type Page } from './format.ts'
import { pageCacheCount } from './limits.ts'
import type { PageStore } from './tree.ts'

/** Pages read lately, by the hash of their sealed bytes; shared by all files of a Processor. */
export class PageCache {
  readonly #pages = new Map<string, Page>()

  get(ref: BlockRef): Page | undefined {
    const page = this.#pages.get(ref.hash)
    if (page === undefined) return undefined
    this.#pages.delete(ref.hash)
    this.#pages.set(ref.hash, page)
    return page
  }

  set(ref: BlockRef, page: Page): void {
    this.#pages.set(ref.hash, page)
    if (this.#pages.size <= pageCacheCount) return
    const oldest = this.#pages.keys().next()
    if (oldest.done === false) this.#pages.delete(oldest.value)
  }
}

export type PageCall = {
  readonly keys: ObjectKeys
  readonly replicas: number
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** Pages of one file; `onSaved` hears of each block that a save added. */
export function pageStore(
  services: { readonly blocks: Blocks; readonly random: Random; readonly cache: PageCache },
  call: PageCall,
  onSaved: (added: Added) => void | Promise<void>,
): PageStore {
  const { blocks, random, cache } = services
  return {
    load: async (ref) => {
      const cached = cache.get(ref)
      if (cached !== undefined) return cached
      const page = parsePage(await blocks.read(ref, call))
      cache.set(ref, page)
      return page
    },
    save: async (page) => {
      const id = blockIdOf(toHex(random.bytes(16)))
      const plain = encodePage(page)
      const { added, refs } = await blocks.write([{ id, version: 1, plain }], call)
      const ref = refs[0]
      if (ref === undefined) throw new ObjectError(ObjectCode.Damaged, 'no page was stored', {})
      await onSaved(added)
      cache.set(ref, page)
      return ref
    },
  }
}

function parsePage(bytes: Uint8Array): Page {
  try {
    return decodePage(bytes)
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) {
      throw new ObjectError(ObjectCode.Damaged, 'a page of the file is malformed', {})
    }
    throw error
  }
}
