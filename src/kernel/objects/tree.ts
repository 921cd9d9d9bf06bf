/**
 * A file's copy-on-write tree of block references. The base root names the top page; a page holds
 * up to 4,096 references, of data blocks in a leaf, of pages above. Up to four references need no
 * page at all and rest in the sealed base. Changing a few blocks rewrites the pages on the way to
 * them and nothing else; holes have no reference, so a sparse terabyte costs three small pages.
 */
import { assert } from '../../base/assert.ts'
import type { BlockRef } from '../section/interface.ts'
import type { FileBase, Page } from './format.ts'
import { depthMax, inlineRefsMax, pageRefsMax } from './limits.ts'

/** How pages come and go; the caller seals, stores and caches. */
export type PageStore = {
  readonly load: (ref: BlockRef) => Promise<Page>
  readonly save: (page: Page) => Promise<BlockRef>
}

/** A tree as the base gives it. */
export type Tree = {
  readonly depth: number
  readonly root: BlockRef | undefined
  readonly inline: readonly (readonly [index: number, ref: BlockRef])[]
}

export const emptyTree: Tree = { depth: 0, root: undefined, inline: [] }

/** A change of one index: a reference, or undefined for a hole. */
export type Changes = ReadonlyMap<number, BlockRef | undefined>

const span = (depth: number): number => pageRefsMax ** depth

/** The reference of a block, or undefined for a hole. */
export async function lookup(
  store: PageStore,
  tree: Tree,
  index: number,
): Promise<BlockRef | undefined> {
  if (tree.depth === 0) return tree.inline.find(([at]) => at === index)?.[1]
  if (index >= span(tree.depth)) return undefined
  let ref = tree.root
  for (let level = tree.depth; level > 0 && ref !== undefined; level--) {
    const page: Page = await store.load(ref)
    ref = page.get(Math.floor(index / span(level - 1)) % pageRefsMax)
  }
  return ref
}

/** All references of [from, to), ascending, a leaf at a time. */
export async function* scan(
  store: PageStore,
  tree: Tree,
  range: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly [index: number, ref: BlockRef]> {
  if (tree.depth === 0) {
    const inline = [...tree.inline].sort(([a], [b]) => a - b)
    for (const item of inline) if (item[0] >= range.from && item[0] < range.to) yield item
    return
  }
  if (tree.root === undefined) return
  yield* scanPage(store, { ref: tree.root, level: tree.depth, first: 0 }, range)
}

async function* scanPage(
  store: PageStore,
  at: { readonly ref: BlockRef; readonly level: number; readonly first: number },
  range: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly [index: number, ref: BlockRef]> {
  const page = await store.load(at.ref)
  const width = span(at.level - 1)
  for (const [slot, ref] of page) {
    const first = at.first + slot * width
    if (first + width <= range.from || first >= range.to) continue
    if (at.level === 1) yield [first, ref]
    else yield* scanPage(store, { ref, level: at.level - 1, first }, range)
  }
}

/**
 * The tree after `changes`, with everything from `blockCount` on dropped.
 * Saves the new pages; pages that do not change are shared with the old tree.
 */
export async function rebuild(
  store: PageStore,
  tree: Tree,
  input: { readonly changes: Changes; readonly blockCount: number },
): Promise<Tree> {
  const { changes, blockCount } = input
  if (tree.depth === 0) {
    const all = new Map(tree.inline)
    for (const [index, ref] of changes) {
      if (ref === undefined) all.delete(index)
      else all.set(index, ref)
    }
    for (const index of [...all.keys()]) if (index >= blockCount) all.delete(index)
    if (all.size <= inlineRefsMax)
      return { ...emptyTree, inline: [...all].sort(([a], [b]) => a - b) }
    return grown(store, undefined, { depth: 0, changes: all, blockCount })
  }
  return grown(store, tree.root, { depth: tree.depth, changes, blockCount })
}

const depthFor = (blockCount: number): number => {
  let depth = 1
  while (span(depth) < blockCount) depth++
  assert(depth <= depthMax, 'the size of a file is bounded')
  return depth
}

async function grown(
  store: PageStore,
  oldRoot: BlockRef | undefined,
  input: { readonly depth: number; readonly changes: Changes; readonly blockCount: number },
): Promise<Tree> {
  const { changes, blockCount } = input
  const depth = Math.max(input.depth, depthFor(Math.max(1, blockCount)))
  let root = oldRoot
  // A taller tree: the old root becomes the first slot of a new page on each level above it.
  for (let level = input.depth; level > 0 && level < depth && root !== undefined; level++) {
    root = await store.save(new Map([[0, root]]))
  }
  const sorted = [...changes].filter(([index]) => index < blockCount).sort(([a], [b]) => a - b)
  const edit = { level: depth, first: 0, changes: sorted, blockCount }
  const changed = await rewrite(store, root, edit)
  if (changed === undefined) return emptyTree
  return { depth, root: changed, inline: [] }
}

type Edit = {
  readonly level: number
  /** Index of the first block below this page. */
  readonly first: number
  readonly changes: readonly (readonly [number, BlockRef | undefined])[]
  readonly blockCount: number
}

/** The page with the edit done; the old reference when nothing changes, undefined when empty. */
async function rewrite(
  store: PageStore,
  ref: BlockRef | undefined,
  edit: Edit,
): Promise<BlockRef | undefined> {
  const width = span(edit.level - 1)
  const cuts = edit.blockCount < edit.first + width * pageRefsMax
  if (edit.changes.length === 0 && !cuts) return ref
  const old: Page = ref === undefined ? new Map() : await store.load(ref)
  const page = new Map(old)
  for (const [slot, below] of groupBySlot(edit, width)) {
    const next =
      edit.level === 1
        ? below.at(-1)?.[1]
        : await rewrite(store, old.get(slot), {
            level: edit.level - 1,
            first: edit.first + slot * width,
            changes: below,
            blockCount: edit.blockCount,
          })
    if (next === undefined) page.delete(slot)
    else page.set(slot, next)
  }
  if (cuts) await cut(store, page, { ...edit, width })
  if (page.size === 0) return undefined
  if (page.size === old.size && [...page].every(([slot, next]) => old.get(slot) === next))
    return ref
  return store.save(new Map([...page].sort(([a], [b]) => a - b)))
}

function groupBySlot(edit: Edit, width: number): Map<number, [number, BlockRef | undefined][]> {
  const groups = new Map<number, [number, BlockRef | undefined][]>()
  for (const [index, ref] of edit.changes) {
    const slot = Math.floor((index - edit.first) / width)
    const group = groups.get(slot)
    if (group === undefined) groups.set(slot, [[index, ref]])
    else group.push([index, ref])
  }
  return groups
}

/** Drop what lies at or behind `blockCount`. */
async function cut(
  store: PageStore,
  page: Map<number, BlockRef>,
  edit: Edit & { readonly width: number },
): Promise<void> {
  const { width, first, blockCount, level } = edit
  for (const [slot, ref] of [...page]) {
    const start = first + slot * width
    if (start >= blockCount) page.delete(slot)
    else if (level > 1 && start + width > blockCount) {
      const next = await rewrite(store, ref, {
        level: level - 1,
        first: start,
        changes: [],
        blockCount,
      })
      if (next === undefined) page.delete(slot)
      else page.set(slot, next)
    }
  }
}

/** Builds the tree of a file that streams in, saving each leaf as soon as it is full. */
export class TreeBuilder {
  readonly #store: PageStore
  readonly #levels: Map<number, BlockRef>[] = [new Map()]
  #count = 0

  constructor(store: PageStore) {
    this.#store = store
  }

  /** References in order, without holes. */
  async push(ref: BlockRef): Promise<void> {
    await this.#put(0, this.#count++ % pageRefsMax, ref)
  }

  async #put(level: number, slot: number, ref: BlockRef): Promise<void> {
    const page = this.#levels[level] ?? new Map<number, BlockRef>()
    this.#levels[level] = page
    page.set(slot, ref)
    if (page.size === pageRefsMax) await this.#flush(level)
  }

  async #flush(level: number): Promise<void> {
    const page = this.#levels[level]
    assert(page !== undefined && page.size > 0, 'only pages with references are saved')
    const ref = await this.#store.save(page)
    this.#levels[level] = new Map()
    const parent = this.#levels[level + 1] ?? new Map<number, BlockRef>()
    this.#levels[level + 1] = parent
    await this.#put(level + 1, parent.size, ref)
  }

  async finish(): Promise<Tree> {
    if (this.#count <= inlineRefsMax) {
      return { ...emptyTree, inline: [...(this.#levels[0] ?? [])] }
    }
    const depth = depthFor(this.#count)
    for (let level = 0; level < depth; level++) {
      if ((this.#levels[level]?.size ?? 0) > 0) await this.#flush(level)
    }
    const root = this.#levels[depth]?.get(0)
    assert(root !== undefined, 'a finished tree has one root')
    return { depth, root, inline: [] }
  }
}

/** What the sealed base says of a tree. */
export const treeOf = (base: FileBase, root: BlockRef | undefined): Tree => ({
  depth: base.depth,
  root,
  inline: base.inline,
})
