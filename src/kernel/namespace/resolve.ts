/**
 * From a path to what is there, confirmed by a quorum. Members know tags, not names, so a path is
 * walked one directory at a time by whoever has the keys; what was walked before is remembered and
 * confirmed in a single read of all entries on the way, at one state of the section.
 */
import { assert } from '../../base/assert.ts'
import type { ObjectId, Tag } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Group } from '../group/interface.ts'
import { entryTag } from '../keys/index.ts'
import type { ObjectKeys } from '../keys/interface.ts'
import {
  type Answer,
  type Entry,
  ObjectKind,
  type ObjectView,
  type Query,
} from '../section/index.ts'
import { NameCode, NameError } from './errors.ts'
import type { KeyCache } from './key-cache.ts'
import { joinPath } from './paths.ts'

/** A directory that the caller can read. */
export type OpenDirectory = { readonly view: ObjectView; readonly keys: ObjectKeys }

/** An object that a path names. */
export type OpenObject = { readonly view: ObjectView; readonly keys: ObjectKeys }

export type Resolved = {
  readonly names: readonly string[]
  /** Undefined for `/`. */
  readonly place:
    | { readonly directory: OpenDirectory; readonly tag: Tag; readonly name: string }
    | undefined
  /** Undefined: nothing has that name (at the directory's seq). */
  readonly entry: Entry | undefined
  readonly target: OpenObject | undefined
}

type Call = { readonly deadlineMs: number; readonly signal: AbortSignal }

type Walk = { readonly ids: readonly ObjectId[]; readonly tags: readonly Tag[] }

export class Resolver {
  readonly #crypto: Crypto
  readonly #group: Group
  readonly #root: ObjectId

  constructor(options: {
    readonly crypto: Crypto
    readonly group: Group
    readonly root: ObjectId
  }) {
    this.#crypto = options.crypto
    this.#group = options.group
    this.#root = options.root
  }

  /** @throws NameError, GroupError */
  async resolve(names: readonly string[], cache: KeyCache, call: Call): Promise<Resolved> {
    const roundsMax = 2 * names.length + 8
    for (let round = 0; round < roundsMax; round++) {
      const walk = this.#follow(names, cache)
      const found = await this.#confirm(names, walk, cache, call)
      if (found !== undefined) return found
    }
    throw new NameError(NameCode.Busy, 'the path kept changing', { path: joinPath(names) })
  }

  /** As far as remembered keys and entries lead. */
  #follow(names: readonly string[], cache: KeyCache): Walk {
    const ids: ObjectId[] = [this.#root]
    const tags: Tag[] = []
    let at: ObjectId = this.#root
    for (const name of names) {
      const keys = cache.keys(at)
      if (keys === undefined) break
      const tag = entryTag(this.#crypto, keys, name)
      tags.push(tag)
      const child = cache.child(at, tag)
      if (child === undefined) break
      ids.push(child)
      at = child
    }
    return { ids, tags }
  }

  /** Read the walk at one state; undefined when it taught something and must be walked again. */
  async #confirm(
    names: readonly string[],
    walk: Walk,
    cache: KeyCache,
    call: Call,
  ): Promise<Resolved | undefined> {
    const { ids, tags } = walk
    const ends = ids.slice(-2)
    const queries: Query[] = [
      ...ends.map((object): Query => ({ kind: 'object', object, sinceSeq: 0 })),
      ...tags.map((tag, index): Query => {
        const directory = ids[index]
        assert(directory !== undefined, 'each tag belongs to a directory of the walk')
        return { kind: 'entry', directory, tag }
      }),
    ]
    const answers = await this.#group.read(queries, call)
    const entries = entriesOf(answers.slice(ends.length))
    const learnt = this.#learnEntries(names, walk, entries, cache)
    if (learnt !== 'confirmed' && learnt !== 'absent') return undefined
    const views = viewsOf(answers.slice(0, ends.length))
    const opened = await Promise.all(views.map((view) => this.#open(view, cache, call)))
    return resolvedFrom({ names, walk, entries, opened, absent: learnt === 'absent' })
  }

  /** Compare what is remembered with what a quorum says; corrections go into the cache. */
  #learnEntries(
    names: readonly string[],
    walk: Walk,
    entries: readonly (Entry | undefined)[],
    cache: KeyCache,
  ): 'confirmed' | 'absent' | 'again' {
    for (const [index, tag] of walk.tags.entries()) {
      const directory = walk.ids[index]
      assert(directory !== undefined, 'each tag belongs to a directory of the walk')
      const entry = entries[index]
      const last = index === names.length - 1
      if (entry === undefined) {
        cache.forgetChild(directory, tag)
        if (!last) throw notFound(names.slice(0, index + 1))
        return walk.ids.length === names.length ? 'absent' : 'again'
      }
      if (!last && entry.kind !== ObjectKind.Directory) {
        const path = joinPath(names.slice(0, index + 1))
        throw new NameError(NameCode.NotDirectory, `${path} is not a directory`, { path })
      }
      if (entry.object !== walk.ids[index + 1]) {
        cache.setChild({ directory, tag, object: entry.object })
        return 'again'
      }
    }
    // A walk that ended early for want of keys learns them from the opened views.
    return 'confirmed'
  }

  async #open(
    view: ObjectView | undefined,
    cache: KeyCache,
    call: Call,
  ): Promise<OpenObject | undefined> {
    if (view === undefined) return undefined
    return { view, keys: await cache.keysOf(view, call) }
  }
}

function resolvedFrom(input: {
  readonly names: readonly string[]
  readonly walk: Walk
  readonly entries: readonly (Entry | undefined)[]
  readonly opened: readonly (OpenObject | undefined)[]
  readonly absent: boolean
}): Resolved | undefined {
  const { names, walk, opened, absent } = input
  const target = opened.at(-1)
  if (names.length === 0) {
    return target === undefined ? undefined : { names, place: undefined, entry: undefined, target }
  }
  const name = names.at(-1)
  const tag = walk.tags.at(-1)
  const complete = walk.tags.length === names.length
  if (!complete || name === undefined || tag === undefined) return undefined
  const directory = absent ? opened.at(-1) : opened.at(-2)
  if (directory === undefined) return undefined
  const place = { directory, tag, name }
  if (absent) return { names, place, entry: undefined, target: undefined }
  if (target === undefined || walk.ids.length !== names.length + 1) return undefined
  return { names, place, entry: input.entries.at(-1), target }
}

const notFound = (names: readonly string[]): NameError => {
  const path = joinPath(names)
  return new NameError(NameCode.NotFound, `${path} does not exist`, { path })
}

function entriesOf(answers: readonly Answer[]): readonly (Entry | undefined)[] {
  return answers.map((answer) => {
    assert(answer.kind === 'entry', 'an answer is of its query’s kind')
    return answer.entry
  })
}

function viewsOf(answers: readonly Answer[]): readonly (ObjectView | undefined)[] {
  return answers.map((answer) => {
    assert(answer.kind === 'object', 'an answer is of its query’s kind')
    return answer.object
  })
}
