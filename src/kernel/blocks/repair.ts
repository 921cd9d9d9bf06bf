/**
 * A holder looks after its own copies: it walks the group's lists of added blocks and fetches from
 * the other holders what it should have and has not (it was down, or a write finished without it),
 * and what was found damaged.
 *
 * How far it has looked is kept in the journal, so that a restart first catches up from there. Then
 * it looks once more at what former runs had checked: a file that vanished while nobody looked
 * shows there. What cannot be fetched now is remembered and tried again later. A look fetches for a
 * bounded time, so that holders who are silent keep neither newer lists from being walked nor other
 * blocks from being fetched.
 *
 * A damaged copy is looked for in the lists too, from the first on: they say with the agreement of
 * the group how many holders it has and which release tag to keep. Asking the other holders for the
 * tag would be quicker, and would keep what a single liar made up: the content hash covers the body
 * only. What no list names is forgotten. Nobody's file has it: its write was never confirmed.
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
import { keyText } from './holder.ts'
import {
  catchUpIntervalMs,
  catchUpMs,
  damagedMax,
  lackingMax,
  listHeightsMax,
  recheckRangesPerLook,
  repairFetchMs,
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

/** A block that the lists name and this node has not. */
type Lacking = BlockKey & {
  readonly replicas: number
  readonly releaseTag: Uint8Array
  readonly height: number
  /** Numbers of looks; 0 for never. */
  readonly foundInLook: number
  readonly triedInLook: number
}

const checkedHeightKey = utf8('blocks/checked-height')
const fetchDeadlineMs = 10_000
const listDeadlineMs = 5_000

export class Repair {
  readonly #options: RepairOptions
  /** In the order in which to try them. */
  readonly #lacking = new Map<string, Lacking>()
  /** Damaged copies that are looked for in the lists, and the number of the recheck that does. */
  readonly #sought = new Map<string, number>()
  readonly #stopped = new AbortController()
  /** Lists up to here were looked at in this run or checked by a former one. */
  #walkedHeight = 0
  #keptHeight = 0
  /** What was checked before is looked at again from here up to `#recheckEnd`. */
  #recheckFrom = 1
  #recheckEnd = 0
  #recheckNumber = 0
  #lookCount = 0
  /** No fetch begins after this in the look that is under way. */
  #fetchUntilMs = 0
  #startedMs = 0
  #timer: () => void = () => undefined
  #round: Promise<void> = Promise.resolve()

  constructor(options: RepairOptions) {
    this.#options = options
  }

  /** Blocks that this node should have and has not, as far as it knows. */
  get missingCount(): number {
    return this.#lacking.size + this.#sought.size
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

  /** A copy that was here was found damaged: fetch it again soon, if it belongs here. */
  damaged(key: BlockKey): void {
    if (this.#isStopped || this.#sought.size >= damagedMax) return
    // A recheck that is under way may be past its entry: the next one does not miss it.
    this.#sought.set(keyText(key), this.#recheckNumber + 1)
    this.#schedule(0)
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return
    this.#timer()
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#round = this.#round.then(() => this.#look())
    })
  }

  async #look(): Promise<void> {
    this.#timer()
    this.#lookCount++
    this.#fetchUntilMs = this.#options.clock.monotonicMs() + repairFetchMs
    try {
      for (const step of [this.#fetchDue, this.#walk, this.#recheck, this.#fetchDue]) {
        if (this.#isStopped) return
        await step.call(this)
      }
    } catch (error) {
      if (this.#isStopped) return
      if (!isUnosysError(error) || isOfDisk(error.code)) {
        this.#options.onFatal(error instanceof Error ? error : new Error(messageOf(error)))
        return
      }
      this.#options.log.debug('repair waits', { why: error.message })
    }
    this.#options.metrics.gauge('blocks.repair_missing_count', this.missingCount)
    const isHurried = this.#isCatchingUp || (this.#sought.size > 0 && !this.#isFull)
    this.#schedule(isHurried ? catchUpIntervalMs : repairIntervalMs)
  }

  /** A run begins before the links are up and the log has come: it looks often at first. */
  get #isCatchingUp(): boolean {
    return this.#options.clock.monotonicMs() - this.#startedMs < catchUpMs
  }

  /** So much is missing that no more is looked for. */
  get #isFull(): boolean {
    return this.#lacking.size >= lackingMax
  }

  /** Newer lists, to the tip. While a run catches up, it fetches as it goes. */
  async #walk(): Promise<void> {
    while (!this.#isFull && !this.#isStopped) {
      const next = await this.#lookAt(this.#walkedHeight + 1, listHeightsMax)
      if (next <= this.#walkedHeight + 1) break
      this.#walkedHeight = next - 1
      if (this.#isCatchingUp) await this.#fetchDue()
    }
    await this.#keepHeight()
  }

  async #recheck(): Promise<void> {
    const { metrics } = this.#options
    for (let count = 0; count < recheckRangesPerLook; count++) {
      if (this.#isFull || this.#isStopped) return
      if (this.#recheckFrom > this.#recheckEnd && !this.#beginRecheck()) return
      const before = this.#lacking.size
      const countMax = Math.min(listHeightsMax, this.#recheckEnd - this.#recheckFrom + 1)
      const next = await this.#lookAt(this.#recheckFrom, countMax)
      if (next <= this.#recheckFrom) return
      this.#recheckFrom = next
      metrics.count('blocks.recheck_missing_count', this.#lacking.size - before)
    }
  }

  /** All lists again, if a damaged copy is sought in them; false when there is nothing to do. */
  #beginRecheck(): boolean {
    for (const [text, number] of this.#sought) {
      if (number > this.#recheckNumber) continue
      this.#sought.delete(text)
      this.#options.metrics.count('blocks.damaged_unnamed_count')
    }
    if (this.#sought.size === 0) return false
    this.#recheckNumber++
    this.#recheckFrom = 1
    this.#recheckEnd = this.#walkedHeight
    if (this.#recheckEnd >= this.#recheckFrom) return true
    return this.#beginRecheck()
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
      const text = keyText(block)
      const replicas = Math.min(block.replicas, placement.members.length)
      if (vault.has(block) || this.#lacking.has(text)) continue
      if (!placement.holdersOf(block.id, replicas).includes(self)) continue
      const { id, version, hash, releaseTag } = block
      // What was here is not on its way from its writer any more: it is fetched at once.
      const foundInLook = this.#sought.delete(text) ? 0 : this.#lookCount
      const place = { height: list.height, foundInLook, triedInLook: 0 }
      this.#lacking.set(text, { id, version, hash, releaseTag, replicas, ...place })
    }
  }

  async #keepHeight(): Promise<void> {
    const height = this.checkedHeight
    if (height === this.#keptHeight) return
    this.#keptHeight = height
    const value = encode((writer) => writer.u64(height))
    await this.#options.journal.commit([{ kind: 'put', key: checkedHeightKey, value }])
  }

  /** What this look has not tried yet, and is not too fresh; a few at once, while time is left. */
  async #fetchDue(): Promise<void> {
    const isDue = ({ foundInLook, triedInLook }: Lacking): boolean =>
      triedInLook < this.#lookCount && (foundInLook < this.#lookCount || this.#isCatchingUp)
    const due = [...this.#lacking.values()].filter(isDue)
    const fresh = due.filter(({ triedInLook }) => triedInLook === 0).reverse()
    // Half of the places for what waits longest, half for the newest: thousands that nobody gives
    // keep neither the old ones nor the new ones behind them waiting.
    const orders = [due.values(), [...fresh, ...due].values()]
    const claimed = new Set<Lacking>()
    const places = Array.from({ length: repairsInFlightMax / orders.length }, () => orders).flat()
    await Promise.all(places.map((order) => this.#fetchFrom(order, claimed)))
    await this.#keepHeight()
  }

  async #fetchFrom(order: Iterable<Lacking>, claimed: Set<Lacking>): Promise<void> {
    for (const one of order) {
      if (this.#isStopped || this.#options.clock.monotonicMs() >= this.#fetchUntilMs) return
      if (claimed.has(one)) continue
      claimed.add(one)
      const text = keyText(one)
      const isHere = await this.#fetchOne(one)
      this.#lacking.delete(text)
      // To the end: in the next look the others come first.
      if (!isHere) this.#lacking.set(text, { ...one, triedInLook: this.#lookCount })
    }
  }

  async #fetchOne(block: Lacking): Promise<boolean> {
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
      const { id, version, hash, releaseTag } = block
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
