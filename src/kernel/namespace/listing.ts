/**
 * Pages of a directory in tag order. The first page's root is confirmed by a quorum; a page comes
 * from one member with a proof against it. The cursor is the root and the last tag: when members
 * do not keep that root any more, a newer one is confirmed and the walk goes on behind the tag, so
 * that an entry neither renamed nor removed meanwhile appears exactly once.
 */
import { assert } from '../../base/assert.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { type Digest, digestBytes, isHexOf, type Tag, tagBytes } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Group } from '../group/interface.ts'
import { entryTag, openEntryName } from '../keys/index.ts'
import type { Answer, Entry, ObjectView, Page, Query } from '../section/index.ts'
import { NameCode, NameError } from './errors.ts'
import type { ListedChild, ListedPage, NameCall } from './interface.ts'
import type { KeyCache } from './key-cache.ts'
import { pageEntriesMax, statsPerRead } from './limits.ts'
import { checkName } from './paths.ts'
import type { OpenDirectory } from './resolve.ts'

type NamedEntry = { readonly entry: Entry; readonly name: string }

type Cursor = { readonly root: Digest; readonly after: Tag }

const rootsMax = 4

/** @throws NameError `namespace/bad-cursor` */
function parseCursor(text: string): Cursor {
  const [root, after, ...rest] = text.split('.')
  if (root === undefined || after === undefined || rest.length > 0) throw badCursor()
  if (!isHexOf(root, digestBytes) || !isHexOf(after, tagBytes)) throw badCursor()
  return { root: root as Digest, after: after as Tag }
}

const badCursor = (): NameError =>
  new NameError(NameCode.BadCursor, 'the cursor is not one of this listing', {})

export class Lister {
  readonly #crypto: Crypto
  readonly #group: Group

  constructor(options: { readonly crypto: Crypto; readonly group: Group }) {
    this.#crypto = options.crypto
    this.#group = options.group
  }

  /** @param directory as a quorum just confirmed it. */
  async list(
    directory: OpenDirectory,
    page: { readonly cursor?: string; readonly countMax: number },
    cache: KeyCache,
    call: NameCall,
  ): Promise<ListedPage> {
    const cursor = page.cursor === undefined ? undefined : parseCursor(page.cursor)
    const countMax = Math.min(page.countMax, pageEntriesMax)
    const { root, found } = await this.#page(directory.view, cursor, countMax, call)
    const named: NamedEntry[] = []
    for (const entry of found.entries) {
      const name = this.#nameOf(directory, entry)
      if (name !== undefined) named.push({ entry, name })
    }
    const { children, damagedCount } = await this.#open(named, cache, call)
    const last = found.entries.at(-1)
    return {
      children,
      damagedCount: found.entries.length - named.length + damagedCount,
      cursor: found.more && last !== undefined ? `${root}.${last.tag}` : undefined,
    }
  }

  async #page(
    view: ObjectView,
    cursor: Cursor | undefined,
    countMax: number,
    call: NameCall,
  ): Promise<{ root: Digest; found: Page }> {
    let root = cursor?.root ?? view.entriesRoot
    for (let attempt = 0; attempt < rootsMax && root !== undefined; attempt++) {
      try {
        const request = { directory: view.object, root, after: cursor?.after, countMax }
        return { root, found: await this.#group.page(request, call) }
      } catch (error) {
        if (!isUnosysError(error, 'group/root-gone')) throw error
        root = await this.#newestRoot(view, call)
      }
    }
    throw new NameError(NameCode.Busy, 'the directory changes faster than it can be listed', {})
  }

  async #newestRoot(view: ObjectView, call: NameCall): Promise<Digest | undefined> {
    const query: Query = { kind: 'object', object: view.object, sinceSeq: 0 }
    const [answer] = await this.#group.read([query], call)
    assert(answer?.kind === 'object', 'an answer is of its query’s kind')
    return answer.object?.entriesRoot
  }

  /** Undefined for an entry that does not open or whose tag is not its name's. */
  #nameOf(directory: OpenDirectory, entry: Entry): string | undefined {
    const { keys, view } = directory
    const bytes = openEntryName(this.#crypto, keys, {
      directory: view.object,
      tag: entry.tag,
      object: entry.object,
      sealed: entry.sealedName,
    })
    const name = bytes === undefined ? undefined : fromUtf8(bytes)
    if (name === undefined || entryTag(this.#crypto, keys, name) !== entry.tag) return undefined
    try {
      return checkName(name)
    } catch (error) {
      if (isUnosysError(error, NameCode.BadPath)) return undefined
      throw error
    }
  }

  /** The objects behind the names; entries whose keys do not open are counted, never shown. */
  async #open(
    named: readonly NamedEntry[],
    cache: KeyCache,
    call: NameCall,
  ): Promise<{ readonly children: readonly ListedChild[]; readonly damagedCount: number }> {
    const children: ListedChild[] = []
    let damagedCount = 0
    for (let from = 0; from < named.length; from += statsPerRead) {
      const some = named.slice(from, from + statsPerRead)
      const answers = await this.#look(some, call)
      for (const [index, { entry, name }] of some.entries()) {
        const answer = answers[index]
        assert(answer?.kind === 'object', 'an answer is of its query’s kind')
        // Removed between the page and now: not an entry any more.
        if (answer.object === undefined || answer.object.unlinked) continue
        const view = answer.object
        try {
          children.push({ name, entry, view, keys: await cache.keysOf(view, call) })
        } catch (error) {
          if (!isUnosysError(error, NameCode.Denied)) throw error
          damagedCount++
        }
      }
    }
    return { children, damagedCount }
  }

  /** Objects with many changes may be too much for one answer: then in halves. */
  async #look(some: readonly NamedEntry[], call: NameCall): Promise<readonly Answer[]> {
    const queries = some.map(({ entry }): Query => {
      return { kind: 'object', object: entry.object, sinceSeq: 0 }
    })
    try {
      return await this.#group.read(queries, call)
    } catch (error) {
      if (!isUnosysError(error, 'group/too-large') || some.length < 2) throw error
    }
    const half = some.length >> 1
    const first = await this.#look(some.slice(0, half), call)
    return [...first, ...(await this.#look(some.slice(half), call))]
  }
}
