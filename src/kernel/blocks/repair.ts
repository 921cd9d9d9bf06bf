/**
 * A holder looks after its own copies: it walks the group's lists of added blocks and fetches from
 * the other holders what it should have and has not (it was down, or a write finished without it),
 * and what was found damaged.
 *
 * How far it has looked is kept in the journal, so that a restart first catches up from there. Then
 * it looks once more at what former runs had checked: a file that vanished while nobody looked
 * shows there. What cannot be fetched now is remembered and tried again at each look, and nothing
 * behind it waits for it.
 *
 * A block that was added a moment ago may still be on its way from its writer. It is fetched when
 * it is still missing at the next look.
 */
import { utf8 } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { AddedList, Group } from '../group/interface.ts'
import type { Placement } from '../placement/index.ts'
import type { BlockKey, Vault } from '../vault/interface.ts'
import { Gate } from './gate.ts'
import { keyText } from './holder.ts'
import {
  catchUpIntervalMs,
  catchUpMs,
  damagedMax,
  lackingMax,
  listHeightsMax,
  recheckRangesPerLook,
  repairIntervalMs,
  repairsInFlightMax,
} from './limits.ts'
import type { BlockReader } from './reader.ts'

export type RepairOptions = {
  readonly self: NodeId
  readonly clock: Clock
  readonly group: Pick<Group, 'addedLists'>
  readonly journal: Journal
  readonly vault: Pick<Vault, 'has' | 'put'>
  readonly placement: Placement
  readonly reader: Pick<BlockReader, 'fetch'>
  readonly log: Log
  readonly metrics: Metrics
  /** The disk failed, or this code did: this node must stop. */
  readonly onFatal: (error: Error) => void
}

/** `releaseTag` is undefined where only the other holders know it. */
type Wanted = BlockKey & { readonly replicas: number; readonly releaseTag?: Uint8Array }

/** A block that the lists name and this node has not. */
type Lacking = Wanted & { readonly height: number; readonly foundInLook: number }

const checkedHeightKey = utf8('blocks/checked-height')
const fetchDeadlineMs = 10_000
const listDeadlineMs = 5_000

export class Repair {
  readonly #options: RepairOptions
  readonly #damaged = new Map<string, BlockKey>()
  readonly #lacking = new Map<string, Lacking>()
  readonly #stopped = new AbortController()
  /** Lists up to here were looked at in this run or checked by a former one. */
  #walkedHeight = 0
  #keptHeight = 0
  /** What former runs checked is looked at again from here up to `#recheckEnd`. */
  #recheckFrom = 1
  #recheckEnd = 0
  #lookCount = 0
  #startedMs = 0
  #timer: () => void = () => undefined
  #round: Promise<void> = Promise.resolve()

  constructor(options: RepairOptions) {
    this.#options = options
  }

  /** Blocks that this node should have and has not, as far as it knows. */
  get missingCount(): number {
    return this.#lacking.size + this.#damaged.size
  }

  /** Everything that was added up to this height and belongs here is here. */
  get checkedHeight(): number {
    let height = this.#walkedHeight
    for (const lacking of this.#lacking.values()) height = Math.min(height, lacking.height - 1)
    return height
  }

  async start(): Promise<void> {
    const kept = await this.#options.journal.get(checkedHeightKey)
    this.#keptHeight = kept === undefined ? 0 : decode(kept, (reader) => reader.u64())
    this.#walkedHeight = this.#keptHeight
    this.#recheckEnd = this.#keptHeight
    this.#startedMs = this.#options.clock.monotonicMs()
    this.#schedule(0)
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#timer()
    await this.#round
  }

  /** A copy that was here was found damaged: fetch it again soon. */
  damaged(key: BlockKey): void {
    if (this.#stopped.signal.aborted || this.#damaged.size >= damagedMax) return
    this.#damaged.set(keyText(key), key)
    this.#schedule(0)
  }

  #schedule(delayMs: number): void {
    if (this.#stopped.signal.aborted) return
    this.#timer()
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#round = this.#round.then(() => this.#look())
    })
  }

  async #look(): Promise<void> {
    this.#timer()
    this.#lookCount++
    try {
      await this.#mendDamaged()
      await this.#fetchLacking('not-yet')
      await this.#walk()
      await this.#recheck()
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      if (!isUnosysError(error) || isOfDisk(error.code)) {
        this.#options.onFatal(error instanceof Error ? error : new Error(messageOf(error)))
        return
      }
      this.#options.log.debug('repair waits', { why: error.message })
    }
    this.#options.metrics.gauge('blocks.repair_missing_count', this.missingCount)
    this.#schedule(this.#isCatchingUp ? catchUpIntervalMs : repairIntervalMs)
  }

  /** A run begins before the links are up and the log has come: it looks often at first. */
  get #isCatchingUp(): boolean {
    return this.#options.clock.monotonicMs() - this.#startedMs < catchUpMs
  }

  async #mendDamaged(): Promise<void> {
    const { placement } = this.#options
    const wanted = [...this.#damaged.values()]
    this.#damaged.clear()
    // Under which factor it was stored is not known here: the holders of any come first in the
    // order of the largest. Those that are none say so, and are not blamed for it.
    const replicas = placement.members.length
    const failed = await this.#fetchAll(wanted.map((key) => ({ ...key, replicas })))
    for (const key of failed) this.#damaged.set(keyText(key), key)
  }

  /** What was found missing, in this look or in a former one, and nobody has brought since. */
  async #fetchLacking(fresh: 'too' | 'not-yet'): Promise<void> {
    const isDue = ({ foundInLook }: Lacking): boolean =>
      fresh === 'too' || foundInLook < this.#lookCount
    const due = [...this.#lacking.values()].filter(isDue)
    const failed = new Set(await this.#fetchAll(due))
    for (const one of due) if (!failed.has(one)) this.#lacking.delete(keyText(one))
    await this.#keepHeight()
  }

  /** Newer lists, to the tip. While a run catches up, it fetches as it goes. */
  async #walk(): Promise<void> {
    while (this.#lacking.size < lackingMax) {
      const next = await this.#lookAt(this.#walkedHeight + 1, listHeightsMax)
      if (next <= this.#walkedHeight + 1) break
      this.#walkedHeight = next - 1
      if (this.#isCatchingUp) await this.#fetchLacking('too')
    }
    await this.#keepHeight()
  }

  async #recheck(): Promise<void> {
    const { metrics } = this.#options
    for (let count = 0; count < recheckRangesPerLook; count++) {
      if (this.#recheckFrom > this.#recheckEnd || this.#lacking.size >= lackingMax) return
      const before = this.#lacking.size
      const countMax = Math.min(listHeightsMax, this.#recheckEnd - this.#recheckFrom + 1)
      const next = await this.#lookAt(this.#recheckFrom, countMax)
      if (next <= this.#recheckFrom) return
      this.#recheckFrom = next
      metrics.count('blocks.recheck_missing_count', this.#lacking.size - before)
    }
  }

  /** Note what is missing of these lists; the height after the last of them. */
  async #lookAt(fromHeight: number, countMax: number): Promise<number> {
    const { lists, nextHeight } = await this.#options.group.addedLists(
      { fromHeight, countMax },
      { deadlineMs: listDeadlineMs, signal: this.#stopped.signal },
    )
    for (const list of lists) this.#noteMissing(list)
    return nextHeight
  }

  #noteMissing(list: AddedList): void {
    const { placement, vault, self } = this.#options
    for (const block of list.blocks) {
      const replicas = Math.min(block.replicas, placement.members.length)
      if (vault.has(block) || !placement.holdersOf(block.id, replicas).includes(self)) continue
      const { id, version, hash, releaseTag } = block
      const place = { height: list.height, foundInLook: this.#lookCount }
      this.#lacking.set(keyText(block), { id, version, hash, releaseTag, replicas, ...place })
    }
  }

  async #keepHeight(): Promise<void> {
    const height = this.checkedHeight
    if (height === this.#keptHeight) return
    this.#keptHeight = height
    const value = encode((writer) => writer.u64(height))
    await this.#options.journal.commit([{ kind: 'put', key: checkedHeightKey, value }])
  }

  /** Those that could not be fetched. */
  async #fetchAll<One extends Wanted>(wanted: readonly One[]): Promise<readonly One[]> {
    const gate = new Gate(repairsInFlightMax)
    const { signal } = this.#stopped
    const failed: One[] = []
    await Promise.all(
      wanted.map(async (block) => {
        await gate.enter(1, signal)
        try {
          if (!(await this.#fetchOne(block))) failed.push(block)
        } finally {
          gate.leave(1)
        }
      }),
    )
    return failed
  }

  async #fetchOne(block: Wanted): Promise<boolean> {
    const { reader, vault, log, metrics } = this.#options
    if (vault.has(block)) return true
    try {
      const copy = await reader.fetch(block, {
        replicas: block.replicas,
        deadlineMs: fetchDeadlineMs,
        signal: this.#stopped.signal,
        skipSelf: true,
        accuses: false,
      })
      const { id, version, hash } = block
      const releaseTag = block.releaseTag ?? copy.releaseTag
      await vault.put({ id, version, hash, sealed: copy.sealed, releaseTag })
      metrics.count('blocks.repaired_count')
      return true
    } catch (error) {
      if (!isUnosysError(error) || isOfDisk(error.code)) throw error
      log.debug('a missed block could not be fetched yet', { block: block.id, why: error.code })
      return false
    }
  }
}

const isOfDisk = (code: string): boolean => code === 'vault/failed' || code.startsWith('journal/')
