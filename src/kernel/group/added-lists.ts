/**
 * The lists of added blocks in a member's journal: which blocks became part of objects at which
 * height. Holders that were away learn from them what they should have.
 *
 * A member that took up the state of a checkpoint has not executed what came before, so it lacks
 * the lists of those heights: a *gap*. Whoever asks there is refused; when this node itself asks
 * (it looks for blocks that it should hold), the other members answer, and what b + 1 of them say
 * is kept. So the gap closes, and lists are not lost when members lose their disks one by one.
 */
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { listBytesMax, type MemberLimits } from './limits.ts'
import { hexNumber } from './snapshot.ts'
import type { AddedReply } from './wire.ts'

const addedPrefix = 'group/added/'
const gapKey = utf8('group/added-gap')
const addedKey = (height: number): Uint8Array => utf8(addedPrefix + hexNumber(height))
const heightOf = (key: Uint8Array): number =>
  Number.parseInt((fromUtf8(key) ?? '').slice(addedPrefix.length), 16)

/** Heights of which this member has no lists, both ends included; none when `from` > `to`. */
type Gap = { readonly from: number; readonly to: number }

const gapWrite = ({ from, to }: Gap): JournalWrite =>
  from > to
    ? { kind: 'delete', key: gapKey }
    : { kind: 'put', key: gapKey, value: encode((writer) => writer.u64(from).u64(to)) }

export class AddedLists {
  readonly #journal: Journal
  readonly #limits: Pick<MemberLimits, 'listHeights'>
  #gap: Gap = { from: 1, to: 0 }

  constructor(options: {
    readonly journal: Journal
    readonly limits: Pick<MemberLimits, 'listHeights'>
  }) {
    this.#journal = options.journal
    this.#limits = options.limits
  }

  async load(): Promise<void> {
    const value = await this.#journal.get(gapKey)
    if (value === undefined) return
    this.#gap = decode(value, (reader) => ({ from: reader.u64(), to: reader.u64() }))
  }

  /** The write of one encoded list. */
  writeOf(height: number, list: Uint8Array): JournalWrite {
    return { kind: 'put', key: addedKey(height), value: list }
  }

  /** True where this member must ask others. */
  lacks(height: number): boolean {
    return height >= this.#gap.from && height <= this.#gap.to
  }

  /**
   * The state is about to be taken up at a height: what lies between is not known here, from now
   * on, so that nothing that is kept meanwhile writes a smaller gap after this write.
   */
  skip(executedHeight: number, height: number): JournalWrite {
    const { from, to } = this.#gap
    this.#gap = { from: from > to ? executedHeight + 1 : from, to: Math.max(to, height) }
    return gapWrite(this.#gap)
  }

  /** Keep what others said of the heights from `fromHeight` to before the reply's next. */
  async keep(fromHeight: number, reply: AddedReply, heights: readonly number[]): Promise<void> {
    const { from, to } = this.#gap
    if (fromHeight !== from || from > to) return
    const writes = reply.lists.flatMap((list, index) => {
      const height = heights[index] ?? 0
      return height >= from && height <= to ? [this.writeOf(height, list)] : []
    })
    const gap = { from: Math.min(reply.nextHeight, to + 1), to }
    await this.#journal.commit([...writes, gapWrite(gap)])
    this.#gap = { from: gap.from, to: this.#gap.to }
  }

  /** Lists from `fromHeight` on, of heights before `endHeight`, that fit one answer. */
  async read(
    fromHeight: number,
    endHeight: number,
  ): Promise<{ readonly lists: Uint8Array[]; readonly nextHeight: number }> {
    const { listHeights } = this.#limits
    const { from, to } = this.#gap
    const end = from <= to && fromHeight < from ? Math.min(endHeight, from) : endHeight
    const entries = await this.#journal.range({
      from: addedKey(fromHeight),
      to: addedKey(end),
      countMax: listHeights,
    })
    const lists: Uint8Array[] = []
    let bytes = 0
    for (const { key, value } of entries) {
      bytes += value.length
      if (lists.length > 0 && bytes > listBytesMax) return { lists, nextHeight: heightOf(key) }
      lists.push(value)
    }
    return { lists, nextHeight: end }
  }
}
