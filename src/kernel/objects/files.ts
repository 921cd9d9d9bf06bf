/**
 * Changing files: whole contents by `replace`, parts by deltas with conflict tags, and folding of
 * deltas into the base. Each change is one ordered operation; a conflict means that another
 * writer's operation came first, so the state is read anew and the change built again on it.
 */
import { toHex } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { blockIdOf, type ObjectId, objectIdOf } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Random } from '../../ports/random.ts'
import { batchBlocksMax } from '../blocks/index.ts'
import type { Blocks, PlainBlock } from '../blocks/interface.ts'
import { type Group, GroupCode, GroupError } from '../group/index.ts'
import {
  createObjectKeys,
  endTag,
  fileBlockTag,
  sealAttributes,
  sealBase,
  sealDelta,
  truncateTag,
} from '../keys/index.ts'
import type { DomainKey, ObjectKeys } from '../keys/interface.ts'
import type {
  Added,
  BaseRoot,
  BlockRef,
  FreedBlock,
  ObjectKind,
  ObjectView,
  Operation,
  RequestMark,
} from '../section/interface.ts'
import { AddedList } from './added.ts'
import { ObjectCode, ObjectError } from './errors.ts'
import { fileStateOf } from './file-state.ts'
import { type Attributes, encodeAttributes, encodeBase, encodeDelta } from './format.ts'
import type { FileState, ObjectCall } from './interface.ts'
import { attemptsMax, deltaBlocksMax, fileBytesMaxOf, foldDeltaCount, stageMs } from './limits.ts'
import { PageCache, type PageCall, pageStore } from './pages.ts'
import { plainAt, type ReadServices, type ReadState, readRange, refAt } from './read.ts'
import { judge } from './results.ts'
import { storeStream } from './store-stream.ts'
import { type Changes, rebuild, type Tree } from './tree.ts'
import { Turns } from './turns.ts'

export type FilesOptions = {
  readonly crypto: Crypto
  readonly random: Random
  readonly group: Group
  readonly blocks: Blocks
  /** Effective time as this node guesses it: expiries of staged blocks. */
  readonly wallMs: () => number
}

export type NewObject = {
  readonly object: ObjectId
  readonly keys: ObjectKeys
  readonly create: Operation
}

/** What a changed file needs of its caller. */
export type Change = {
  readonly object: ObjectId
  readonly request?: RequestMark
  /** Runs on each state that the change is built on; throws to give up (preconditions). */
  readonly expect?: (state: FileState) => void
  /** The change stands only if nobody else has changed anything since `expect` ran. */
  readonly exact?: boolean
}

export class Files {
  readonly #options: FilesOptions
  readonly #cache = new PageCache()
  readonly #turns = new Turns()

  constructor(options: FilesOptions) {
    this.#options = options
  }

  /** Draw an object's id and keys; nothing is ordered yet. */
  draw(input: {
    readonly kind: ObjectKind
    readonly domainKey: DomainKey
    readonly replicas: number
    readonly attributes: Attributes
  }): NewObject {
    const { crypto, random } = this.#options
    const object = objectIdOf(toHex(random.bytes(16)))
    const { domainKey } = input
    const { keys, wrapped } = createObjectKeys({ crypto, random }, { object, domainKey })
    const create: Operation = {
      op: 'create',
      object,
      kind: input.kind,
      domain: domainKey.domain,
      domainEpoch: domainKey.epoch,
      keyEpoch: keys.epoch,
      wrappedKeys: wrapped,
      replicas: input.replicas,
      attributes: sealAttributes({ crypto, random }, keys, encodeAttributes(input.attributes)),
    }
    return { object, keys, create }
  }

  /** The file as a quorum knows it now. @throws ObjectError, GroupError */
  async load(object: ObjectId, call: ObjectCall): Promise<FileState> {
    const [answer] = await this.#options.group.read([{ kind: 'object', object, sinceSeq: 0 }], call)
    if (answer?.kind !== 'object' || answer.object === undefined || answer.object.unlinked) {
      throw new ObjectError(ObjectCode.NotFound, 'the file is not there any more', {})
    }
    return fileStateOf(this.#options.crypto, answer.object, await call.keysOf(answer.object))
  }

  /** A view that was just confirmed, opened. @throws ObjectError `objects/damaged` */
  open(view: ObjectView, keys: ObjectKeys): FileState {
    return fileStateOf(this.#options.crypto, view, keys)
  }

  /** Ids of the blocks of an index range, without holes. */
  async refs(
    state: FileState,
    range: { readonly from: number; readonly to: number },
    call: ObjectCall,
  ): Promise<readonly { readonly index: number; readonly id: string }[]> {
    const { pages } = this.#readServices(state, call)
    const found: { index: number; id: string }[] = []
    for (let index = range.from; index < range.to; index++) {
      const ref = await refAt(state, pages, index)
      if (ref !== undefined) found.push({ index, id: ref.id })
    }
    return found
  }

  read(
    state: FileState,
    range: { readonly start: number; readonly end: number },
    call: ObjectCall,
  ): AsyncGenerator<Uint8Array> {
    return readRange(this.#readServices(state, call), state, range, call)
  }

  /**
   * Store a stream as a whole new content.
   *
   * @returns the `replace` operation that makes it the file's content; staged blocks are ordered
   *   before, through `beforeStage` (which must have created the object). `reread` gives the stored
   *   content once more, for when the object is gone by the time the operation comes.
   */
  async store(
    target: {
      readonly object: ObjectId
      readonly keys: ObjectKeys
      readonly replicas: number
      readonly blockBytes: number
      readonly seenSeq: number | undefined
      readonly isNew: boolean
    },
    body: AsyncIterable<Uint8Array>,
    hooks: { readonly call: ObjectCall; readonly beforeStage: () => Promise<void> },
  ): Promise<{
    readonly replace: Operation
    readonly size: number
    readonly reread: () => AsyncIterable<Uint8Array>
  }> {
    const { call } = hooks
    const { object, keys } = target
    const stage = async (added: Added): Promise<void> => {
      await hooks.beforeStage()
      await this.#stage({ object, keys }, added, call)
    }
    const stored = await storeStream({ ...this.#options, cache: this.#cache }, body, {
      page: pageCallOf({ keys, view: target }, call),
      blockBytes: target.blockBytes,
      stage,
      onLanded: call.moved,
    })
    const replace: Operation = {
      op: 'replace',
      object,
      keyEpoch: keys.epoch,
      seenSeq: target.seenSeq,
      base: this.#base(keys, stored.tree, stored.size),
      added: stored.added,
      freed: target.isNew ? [] : 'all',
    }
    const { size, tree } = stored
    const content: ReadState = {
      keys,
      size,
      tree,
      overlay: new Map(),
      baseLimit: Number.MAX_SAFE_INTEGER,
      attributes: { blockBytes: target.blockBytes },
      view: { replicas: target.replicas },
    }
    const services = this.#readServices(content, call)
    return {
      replace,
      size,
      reread: () => readRange(services, content, { start: 0, end: size }, call),
    }
  }

  /** Write bytes at an offset or at the end. */
  async patch(
    change: Change & { readonly at: number | 'end'; readonly bytes: Uint8Array },
    call: ObjectCall,
  ): Promise<FileState> {
    return this.#attempt(change, call, async (state) => {
      const start = change.at === 'end' ? state.size : change.at
      const end = start + change.bytes.length
      checkSize(state, end)
      if (change.bytes.length === 0) return undefined
      const written = await this.#writeBlocks(state, { start, bytes: change.bytes }, call)
      if (change.exact === true || written.indexes.length > deltaBlocksMax) {
        return this.#replaceWith(state, written, { size: Math.max(state.size, end), call })
      }
      const { keys, view } = state
      const tags = written.indexes.map((index) => fileBlockTag(this.#options.crypto, keys, index))
      const reads = [truncateTag(this.#options.crypto, keys)]
      for (const place of written.partial) {
        const tag = tags[place]
        if (tag !== undefined) reads.push(tag)
      }
      const extend = endTag(this.#options.crypto, keys)
      if (change.at === 'end') reads.push(extend)
      if (end > state.size) tags.push(extend)
      return {
        op: 'apply',
        object: view.object,
        keyEpoch: keys.epoch,
        baseSeq: 0,
        reads: reads.map((tag) => ({ tag, seenSeq: view.seq })),
        writes: tags,
        sealed: this.#delta(state, { kind: 'write', indexes: written.indexes, end }),
        added: written.added,
        freed: written.freed,
      }
    })
  }

  /** Cut, or extend with a hole. */
  async truncate(change: Change & { readonly size: number }, call: ObjectCall): Promise<FileState> {
    return this.#attempt(change, call, async (state) => {
      const { size } = change
      if (size === state.size) return undefined
      checkSize(state, size)
      const { keys, view, attributes } = state
      const { crypto } = this.#options
      const { blockBytes } = attributes
      const cutIndex = Math.floor(size / blockBytes)
      const keep = size % blockBytes
      const old =
        keep > 0 && size < state.size
          ? await plainAt(this.#readServices(state, call), state, cutIndex, call)
          : new Uint8Array(0)
      const cuts = old.length > keep
      const edit = { start: cutIndex * blockBytes, bytes: old.subarray(0, keep), exact: true }
      const written = cuts ? await this.#writeBlocks(state, edit, call) : nothingWritten
      if (change.exact === true) return this.#replaceWith(state, written, { size, call })
      const writes = [truncateTag(crypto, keys), endTag(crypto, keys)]
      if (cuts) writes.push(fileBlockTag(crypto, keys, cutIndex))
      // Also where nothing is cut now: a write that came first may have put bytes behind the end.
      const seen = keep > 0 && !cuts ? [...writes, fileBlockTag(crypto, keys, cutIndex)] : writes
      const reads = seen.map((tag) => ({ tag, seenSeq: view.seq }))
      const delta = { kind: 'truncate', size, cutIndex: cuts ? cutIndex : undefined } as const
      return {
        op: 'apply',
        object: view.object,
        keyEpoch: keys.epoch,
        baseSeq: 0,
        reads,
        writes,
        sealed: this.#delta(state, delta),
        added: written.added,
        freed: written.freed,
      }
    })
  }

  /** Fold all deltas into the base; losing the race against another folder is success too. */
  async fold(state: FileState, call: ObjectCall): Promise<void> {
    const last = state.view.deltas.at(-1)
    if (last === undefined) return
    const added = new AddedList()
    const tree = await this.#foldedTree(
      state,
      { changes: new Map(), size: state.size },
      added,
      call,
    )
    const { view, keys } = state
    const result = await call.submit([
      {
        op: 'compact',
        object: view.object,
        keyEpoch: keys.epoch,
        baseSeq: view.baseSeq,
        uptoSeq: last.seq,
        base: this.#base(keys, tree, state.size),
        added: added.take(),
        freed: [],
      },
    ])
    judge(result)
  }

  /** Changes that do not touch each other go in parallel; one that met another takes turns. */
  async #attempt(
    change: Change,
    call: ObjectCall,
    build: (state: FileState) => Promise<Operation | undefined>,
  ): Promise<FileState> {
    let endTurn: (() => void) | undefined
    try {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const state = await this.load(change.object, call)
        change.expect?.(state)
        if (state.view.deltas.length >= foldDeltaCount) {
          await this.fold(state, call)
          continue
        }
        const operation = await build(state)
        if (operation === undefined) return state
        const result = await call.submit([operation], change.request)
        const next = judge(result)
        const seq = result.ok ? (result.seqs[0] ?? 0) : 0
        // A repeated request may have changed another object, which stood there then.
        const object = (result.ok ? result.object : undefined) ?? change.object
        if (next === 'done') return await this.#reload(object, seq, call)
        if (next === 'fold') await this.fold(state, call)
        else endTurn ??= await this.#turns.take(change.object, call.signal)
      }
    } finally {
      endTurn?.()
    }
    throw new ObjectError(ObjectCode.Conflict, 'other writers were faster, again and again', {})
  }

  /**
   * The file as the change with `seq` left it, whatever others have changed since: a condition on
   * what the application is told must not hold for what it has never seen. (When the log was folded
   * beyond it, size and times are later ones.) When it cannot be read the change stands all the
   * same.
   */
  async #reload(object: ObjectId, seq: number, call: ObjectCall): Promise<FileState> {
    try {
      const state = await this.load(object, call)
      const { view, keys } = state
      if (view.seq <= seq) return state
      if (view.baseSeq > seq) return { ...state, view: { ...view, seq } }
      const deltas = view.deltas.filter((delta) => delta.seq <= seq)
      return fileStateOf(this.#options.crypto, { ...view, seq, deltas }, keys)
    } catch (error) {
      if (!isUnosysError(error)) throw error
      const message = 'the change was made, and what it made could not be read'
      throw new GroupError(GroupCode.Unconfirmed, message, {}, { cause: error })
    }
  }

  /** New versions of all blocks that [start, start + length) touches, with what is around kept. */
  async #writeBlocks(
    state: FileState,
    edit: { readonly start: number; readonly bytes: Uint8Array; readonly exact?: boolean },
    call: ObjectCall,
  ): Promise<Written> {
    const { blockBytes } = state.attributes
    const services = this.#readServices(state, call)
    const end = edit.start + edit.bytes.length
    const indexes: number[] = []
    const partial: number[] = []
    const freed: FreedBlock[] = []
    const blocks: PlainBlock[] = []
    for (let index = Math.floor(edit.start / blockBytes); index * blockBytes < end; index++) {
      const from = Math.max(edit.start - index * blockBytes, 0)
      const to = Math.min(end - index * blockBytes, blockBytes)
      const offset = index * blockBytes + from - edit.start
      const part = edit.bytes.subarray(offset, offset + to - from)
      const old = await refAt(state, services.pages, index)
      let plain = part
      if (part.length < blockBytes) {
        partial.push(indexes.length)
        if (edit.exact !== true)
          plain = await this.#around(services, state, { index, from, part }, call)
      }
      indexes.push(index)
      if (old === undefined) {
        blocks.push({ id: blockIdOf(toHex(this.#options.random.bytes(16))), version: 1, plain })
      } else {
        blocks.push({ id: old.id, version: old.version + 1, plain })
        const { id, version, hash, sealedBytes } = old
        freed.push({ id, version, hash, sealedBytes })
      }
    }
    const added = new AddedList()
    const refs: BlockRef[] = []
    const { replicas } = state.view
    for (let from = 0; from < blocks.length; from += batchBlocksMax) {
      const batch = blocks.slice(from, from + batchBlocksMax)
      const done = await this.#options.blocks.write(batch, { ...call, keys: state.keys, replicas })
      added.add(done.added)
      refs.push(...done.refs)
    }
    return { indexes, partial, refs, added: added.take(), freed }
  }

  /** The old block with `part` laid over it at `from`. */
  async #around(
    services: ReadServices,
    state: FileState,
    edit: { readonly index: number; readonly from: number; readonly part: Uint8Array },
    call: ObjectCall,
  ): Promise<Uint8Array> {
    const old = await plainAt(services, state, edit.index, call)
    const plain = new Uint8Array(Math.max(old.length, edit.from + edit.part.length))
    plain.set(old)
    plain.set(edit.part, edit.from)
    return plain
  }

  /** The whole tree with the change in it: good only on the state that it was built on. */
  async #replaceWith(
    state: FileState,
    written: Written,
    input: { readonly size: number; readonly call: ObjectCall },
  ): Promise<Operation> {
    const added = new AddedList()
    added.add(written.added)
    const changes = new Map<number, BlockRef | undefined>()
    for (const [place, index] of written.indexes.entries()) changes.set(index, written.refs[place])
    const { size } = input
    const tree = await this.#foldedTree(state, { changes, size }, added, input.call)
    return {
      op: 'replace',
      object: state.view.object,
      keyEpoch: state.keys.epoch,
      seenSeq: state.view.seq,
      base: this.#base(state.keys, tree, size),
      added: added.take(),
      freed: written.freed,
    }
  }

  async #foldedTree(
    state: FileState,
    extra: { readonly changes: Changes; readonly size: number },
    added: AddedList,
    call: ObjectCall,
  ): Promise<Tree> {
    const { blockBytes } = state.attributes
    const pages = this.#pages(state, call, async (saved) => {
      added.add(saved)
      if (added.isFull)
        await this.#stage({ object: state.view.object, keys: state.keys }, added.take(), call)
    })
    const blockCount = Math.ceil(extra.size / blockBytes)
    let tree = state.tree
    if (state.baseLimit < blockCount) {
      tree = await rebuild(pages, tree, { changes: new Map(), blockCount: state.baseLimit })
    }
    const changes = new Map([...state.overlay, ...extra.changes])
    return rebuild(pages, tree, { changes, blockCount })
  }

  /** Blocks of a change that is too large for one operation: named by it when it comes. */
  async #stage(
    target: { readonly object: ObjectId; readonly keys: ObjectKeys },
    added: Added,
    call: ObjectCall,
  ): Promise<void> {
    const { object, keys } = target
    const expiryMs = this.#options.wallMs() + stageMs
    judge(await call.submit([{ op: 'stage', object, keyEpoch: keys.epoch, added, expiryMs }]))
  }

  #delta(state: FileState, delta: Parameters<typeof encodeDelta>[0]): Uint8Array {
    return sealDelta(this.#options, state.keys, encodeDelta(delta))
  }

  #base(keys: ObjectKeys, tree: Tree, size: number): BaseRoot {
    const { depth, inline, root } = tree
    return { root, sealed: sealBase(this.#options, keys, encodeBase({ size, depth, inline })) }
  }

  #pages(
    state: Pick<ReadState, 'keys' | 'view'>,
    call: ObjectCall,
    onSaved: (added: Added) => void | Promise<void>,
  ): ReturnType<typeof pageStore> {
    const services = { ...this.#options, cache: this.#cache }
    return pageStore(services, pageCallOf(state, call), onSaved)
  }

  #readServices(state: Pick<ReadState, 'keys' | 'view'>, call: ObjectCall): ReadServices {
    return { blocks: this.#options.blocks, pages: this.#pages(state, call, () => undefined) }
  }
}

/** Each page waits as long as the caller has left when it is asked for. */
const pageCallOf = (state: Pick<ReadState, 'keys' | 'view'>, call: ObjectCall): PageCall => ({
  keys: state.keys,
  replicas: state.view.replicas,
  get deadlineMs() {
    return call.deadlineMs
  },
  signal: call.signal,
})

/** @throws ObjectError `objects/too-large` */
function checkSize(state: FileState, size: number): void {
  const bytesMax = fileBytesMaxOf(state.attributes.blockBytes)
  if (size <= bytesMax) return
  const message = `a file with blocks of ${state.attributes.blockBytes} bytes has at most ${bytesMax}`
  throw new ObjectError(ObjectCode.TooLarge, `${message} bytes`, {})
}

type Written = {
  readonly indexes: readonly number[]
  /** Places in `indexes` of blocks that keep some of their old bytes. */
  readonly partial: readonly number[]
  readonly refs: readonly BlockRef[]
  readonly added: Added
  readonly freed: readonly FreedBlock[]
}

const nothingWritten: Written = {
  indexes: [],
  partial: [],
  refs: [],
  added: { blocks: [], receipts: [] },
  freed: [],
}
