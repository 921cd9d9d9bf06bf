/**
 * What passes between a journal and its worker thread.
 *
 * Writes go over packed into one buffer that is transferred: cloning many small arrays costs ten
 * times as much, and transferring the caller's own would pull them from under anybody else who
 * still looks at them (a message that is journalled and sent). Both sides run the same code, so
 * nothing here guards against malice.
 */
import type { JournalEntry, JournalWrite } from '../ports/journal.ts'

/** Handed to the worker as it starts. */
export type WorkerSettings = {
  readonly file: string
  /** The store never grows beyond this; 0 for no bound. */
  readonly bytesMax: number
}

/** To the worker. `commits` counts the commits packed in `writes`. */
export type Request =
  | { readonly kind: 'commit'; readonly commits: number; readonly writes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'get'; readonly ticket: number; readonly key: Uint8Array }
  | {
      readonly kind: 'range'
      readonly ticket: number
      readonly from: Uint8Array
      readonly to: Uint8Array
      readonly countMax: number
    }
  | { readonly kind: 'close' }

export type FailureKind = 'full' | 'failed' | 'locked' | 'damaged'

/** From the worker. `committed` counts commits, oldest first. A failure is the last word. */
export type Reply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'committed'; readonly commits: number }
  | { readonly kind: 'entries'; readonly ticket: number; readonly entries: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'failed'; readonly failure: FailureKind; readonly message: string }
  | { readonly kind: 'closed' }

const headBytes = 9
const kinds = ['put', 'delete', 'deleteRange'] as const

function sidesOf(write: JournalWrite): readonly [Uint8Array, Uint8Array] {
  if (write.kind === 'put') return [write.key, write.value]
  return write.kind === 'delete' ? [write.key, noBytes] : [write.from, write.to]
}

const noBytes = new Uint8Array(0)

/** Each write: its kind (u8), two lengths (u32), two byte strings. */
export function packWrites(commits: readonly (readonly JournalWrite[])[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const writes of commits)
    for (const write of writes) {
      const [first, second] = sidesOf(write)
      length += headBytes + first.length + second.length
    }
  const packed = new Uint8Array(length)
  const view = new DataView(packed.buffer)
  let offset = 0
  for (const writes of commits)
    for (const write of writes) {
      const [first, second] = sidesOf(write)
      view.setUint8(offset, kinds.indexOf(write.kind))
      view.setUint32(offset + 1, first.length)
      view.setUint32(offset + 5, second.length)
      packed.set(first, offset + headBytes)
      packed.set(second, offset + headBytes + first.length)
      offset += headBytes + first.length + second.length
    }
  return packed
}

/** Call `visit` for each packed write; what it gets are views. */
export function eachWrite(
  packed: Uint8Array,
  visit: (kind: JournalWrite['kind'], first: Uint8Array, second: Uint8Array) => void,
): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  let offset = 0
  while (offset < packed.length) {
    const kind = kinds[view.getUint8(offset)]
    const middle = offset + headBytes + view.getUint32(offset + 1)
    const end = middle + view.getUint32(offset + 5)
    if (kind === undefined || end > packed.length) throw new Error('journal: packed writes torn')
    visit(kind, packed.subarray(offset + headBytes, middle), packed.subarray(middle, end))
    offset = end
  }
}

/** Entries are packed as puts. */
export const packEntries = (entries: readonly JournalEntry[]): Uint8Array<ArrayBuffer> =>
  packWrites([entries.map(({ key, value }) => ({ kind: 'put', key, value }) as const)])

/** The entries, as views of `packed`. */
export function unpackEntries(packed: Uint8Array): JournalEntry[] {
  const entries: JournalEntry[] = []
  eachWrite(packed, (_, key, value) => {
    entries.push({ key, value })
  })
  return entries
}
