/**
 * Streaming a byte range of one state of a file: blocks are fetched ahead and handed out in order.
 */
import { assert } from '../../base/assert.ts'
import type { Blocks } from '../blocks/interface.ts'
import type { BlockRef } from '../section/interface.ts'
import type { FileState } from './interface.ts'
import { readAheadBlocksMax, readAheadBytes } from './limits.ts'
import { lookup, type PageStore } from './tree.ts'

export type ReadServices = {
  readonly blocks: Blocks
  readonly pages: PageStore
}

/** What reading needs of a state: also of a content that no object names yet. */
export type ReadState = Pick<FileState, 'keys' | 'size' | 'tree' | 'overlay' | 'baseLimit'> & {
  readonly attributes: Pick<FileState['attributes'], 'blockBytes'>
  readonly view: Pick<FileState['view'], 'replicas'>
}

type ReadCall = { readonly deadlineMs: number; readonly signal: AbortSignal }

/** A block's reference in this state, or undefined for a hole. */
export function refAt(
  state: ReadState,
  pages: PageStore,
  index: number,
): Promise<BlockRef | undefined> {
  if (state.overlay.has(index)) return Promise.resolve(state.overlay.get(index))
  if (index >= state.baseLimit) return Promise.resolve(undefined)
  return lookup(pages, state.tree, index)
}

/** A block's bytes, at most `blockBytes`; shorter ones mean zeros behind; empty for a hole. */
export async function plainAt(
  services: ReadServices,
  state: ReadState,
  index: number,
  call: ReadCall,
): Promise<Uint8Array> {
  const ref = await refAt(state, services.pages, index)
  if (ref === undefined) return new Uint8Array(0)
  const { keys, view } = state
  return services.blocks.read(ref, { ...call, keys, replicas: view.replicas })
}

/**
 * Bytes [start, end) in order; `end` ≤ size. Whoever stops reading early stops the fetching.
 *
 * @throws BlockError when a block cannot be had from any holder.
 */
export async function* readRange(
  services: ReadServices,
  state: ReadState,
  range: { readonly start: number; readonly end: number },
  call: ReadCall,
): AsyncGenerator<Uint8Array> {
  const { start, end } = range
  assert(start <= end && end <= state.size, 'a range lies inside the file')
  const { blockBytes } = state.attributes
  const ahead = Math.max(2, Math.min(readAheadBlocksMax, Math.floor(readAheadBytes / blockBytes)))
  const last = Math.ceil(end / blockBytes)
  const waiting: Promise<PromiseSettledResult<Uint8Array>>[] = []
  let next = Math.floor(start / blockBytes)
  for (let index = next; index < last; index++) {
    while (next < last && next < index + ahead) {
      waiting.push(settled(plainAt(services, state, next++, call)))
    }
    const result = await waiting.shift()
    assert(result !== undefined, 'each block of the range is fetched')
    if (result.status === 'rejected') throw result.reason
    yield* piece(result.value, {
      from: Math.max(start - index * blockBytes, 0),
      to: Math.min(end - index * blockBytes, blockBytes),
    })
  }
}

/** A failure that waits its turn must not count as unhandled. */
async function settled<Value>(promise: Promise<Value>): Promise<PromiseSettledResult<Value>> {
  const [result] = await Promise.allSettled([promise])
  return result
}

function* piece(
  plain: Uint8Array,
  cut: { readonly from: number; readonly to: number },
): Generator<Uint8Array> {
  const stored = Math.min(cut.to, plain.length)
  if (stored > cut.from) yield plain.subarray(cut.from, stored)
  const holeFrom = Math.max(cut.from, stored)
  if (holeFrom < cut.to) yield new Uint8Array(cut.to - holeFrom)
}
