/**
 * Reading the journal: everything at a restart, ranges of executed blocks for those who lack them.
 *
 * The store commits atomically and in order, so a torn tail is a commit that never was, and nothing
 * of it was sent. What does not decode is damage: this member must not go on with half a memory.
 */
import { CodecError } from '../../base/codec.ts'
import { messageOf } from '../../base/error.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Journal, JournalEntry } from '../../ports/journal.ts'
import { type GroupContext, headerDigest } from './encoding.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import { type ConsensusLimits, rangeBlocksMax, rangeTailMax } from './limits.ts'
import * as records from './records.ts'
import type { Restored } from './state.ts'
import type { Block, BlockRange, Certificate, EpochStart } from './types.ts'

/** Entries of one read from the store. */
const scanCount = 64

export type JournalReader = {
  readonly journal: Journal
  readonly crypto: Crypto
  readonly context: GroupContext
  readonly limits: ConsensusLimits
}

async function scan(
  journal: Journal,
  range: { readonly from: Uint8Array; readonly to: Uint8Array },
): Promise<JournalEntry[]> {
  const found: JournalEntry[] = []
  let { from } = range
  for (;;) {
    const entries = await journal.range({ from, to: range.to, countMax: scanCount })
    found.push(...entries)
    const last = entries.at(-1)
    if (last === undefined || entries.length < scanCount) return found
    from = new Uint8Array(last.key.length + 1)
    from.set(last.key, 0)
  }
}

const damaged = (cause: unknown): ConsensusError =>
  new ConsensusError(
    ConsensusCode.JournalDamaged,
    `the consensus journal cannot be used: ${messageOf(cause)}`,
    { what: messageOf(cause) },
    { cause },
  )

/**
 * What this member remembers. A new journal is marked as this group's before anything else, and,
 * if this member must have had one before, as one that has lost its votes.
 *
 * @throws ConsensusError `consensus/journal-damaged` for another group's or unreadable records.
 */
export async function loadJournal(
  reader: JournalReader,
  self: number,
  mayBeNew = true,
): Promise<Restored> {
  const { journal, context } = reader
  const { epoch } = context
  try {
    const meta = await journal.get(records.metaKey)
    if (meta !== undefined) records.checkMeta(meta, context)
    else {
      const lost = mayBeNew ? [] : records.writesOf({ kind: 'muted' }, context)
      await journal.commit([records.metaWrite(context), ...lost])
    }
    const executedValue = await journal.get(records.executedKey)
    const executed =
      executedValue === undefined ? undefined : records.readExecuted(executedValue, epoch)
    const finalValue = await journal.get(records.finalKey)
    const final = finalValue === undefined ? undefined : records.readFinal(finalValue, context)
    const stable = await journal.get(records.stableKey(epoch))
    const votes = await scan(journal, records.votesFrom(epoch, 0))
    const certificates = await scan(journal, records.certificatesFrom(epoch, 0))
    const blocks = await scan(journal, records.blocksFrom(epoch, (executed?.view ?? 0) + 1))
    return {
      executed,
      final,
      votes: votes.map((entry) => records.readOwnVote(entry, self)),
      certificates: certificates.map((entry) => records.readCertificateEntry(entry, context)),
      blocks: blocks.map((entry) => records.readBlock(entry.value, reader)),
      muted: (await journal.get(records.mutedKey(epoch))) !== undefined,
      stable: stable === undefined ? undefined : records.readStable(stable, context),
      prunedHeight: await prunedHeightOf(journal, executed?.height ?? 0),
    }
  } catch (error) {
    throw error instanceof CodecError ? damaged(error) : error
  }
}

/** What a member must know before it can read the rest: the epoch, and a key made for one. */
export async function loadIdentity(
  journal: Journal,
): Promise<{ readonly epoch: EpochStart | undefined; readonly keySeed: Uint8Array | undefined }> {
  const value = await journal.get(records.epochKey)
  const keySeed = await journal.get(records.ownKeyKey)
  try {
    return { epoch: value === undefined ? undefined : records.readEpochEntry(value), keySeed }
  } catch (error) {
    throw error instanceof CodecError ? damaged(error) : error
  }
}

/** The epoch before the current one, with what proved its end; of one that was executed here. */
export async function loadEnded(
  reader: JournalReader,
): Promise<{ readonly start: EpochStart; readonly certificate: Certificate } | undefined> {
  const value = await reader.journal.get(records.endedKey)
  try {
    return value === undefined ? undefined : records.readEnded(value, reader.context)
  } catch (error) {
    throw error instanceof CodecError ? damaged(error) : error
  }
}

/** The height before the first that is kept. */
async function prunedHeightOf(journal: Journal, executedHeight: number): Promise<number> {
  const from = records.heightKey(0)
  const [first] = await journal.range({ from, to: records.heightsEnd, countMax: 1 })
  return first === undefined ? executedHeight : records.heightOfKey(first.key) - 1
}

export type StoredBlock = {
  readonly height: number
  readonly epoch: number
  readonly block: Block
  /** A finalization of exactly this block, where it had one. */
  readonly certificate: Certificate | undefined
}

type HeightRange = {
  readonly fromHeight: number
  readonly countMax: number
  /** Payload bytes; the first block comes whatever its size. */
  readonly bytesMax: number
}

/** Entries of heights one after the other; none when `fromHeight` itself is not there. */
async function heightEntries(
  reader: JournalReader,
  fromHeight: number,
  countMax: number,
): Promise<records.HeightEntry[]> {
  const entries = await reader.journal.range({
    from: records.heightKey(fromHeight),
    to: records.heightKey(fromHeight + countMax),
    countMax,
  })
  const gap = entries.findIndex(({ key }, place) => records.heightOfKey(key) !== fromHeight + place)
  const following = gap < 0 ? entries : entries.slice(0, gap)
  return following.map((entry) => records.readHeightEntry(entry.value, reader.context))
}

/** The first entries whose payloads fit. */
function fitting(
  entries: readonly records.HeightEntry[],
  range: HeightRange,
): records.HeightEntry[] {
  const chosen: records.HeightEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    bytes += entry.payloadBytes
    if (chosen.length >= range.countMax || (chosen.length > 0 && bytes > range.bytesMax)) break
    chosen.push(entry)
  }
  return chosen
}

/**
 * Executed blocks by height, oldest first; none when `fromHeight` is gone or not yet there.
 *
 * @throws ConsensusError `consensus/journal-damaged`
 */
export async function readStoredBlocks(
  reader: JournalReader,
  range: HeightRange,
): Promise<StoredBlock[]> {
  try {
    const countMax = Math.min(range.countMax, rangeBlocksMax)
    const entries = await heightEntries(reader, range.fromHeight, countMax)
    const chosen = fitting(entries, { ...range, countMax })
    return (await withPayloads(reader, range.fromHeight, chosen)) ?? []
  } catch (error) {
    throw error instanceof CodecError ? damaged(error) : error
  }
}

/** Undefined when the log up to there was cleared while it was read. */
async function withPayloads(
  reader: JournalReader,
  fromHeight: number,
  entries: readonly records.HeightEntry[],
): Promise<StoredBlock[] | undefined> {
  const [first] = entries
  if (first === undefined) return []
  const end = entries.findIndex((entry) => entry.epoch !== first.epoch)
  if (end > 0) {
    const older = await withPayloads(reader, fromHeight, entries.slice(0, end))
    const newer = await withPayloads(reader, fromHeight + end, entries.slice(end))
    return older && newer && [...older, ...newer]
  }
  return ofOneEpoch(inEpoch(reader, first.epoch), fromHeight, entries)
}

const inEpoch = (reader: JournalReader, epoch: number): JournalReader => ({
  ...reader,
  context: { ...reader.context, epoch },
})

async function ofOneEpoch(
  reader: JournalReader,
  fromHeight: number,
  entries: readonly records.HeightEntry[],
): Promise<StoredBlock[] | undefined> {
  const first = entries[0]
  const last = entries.at(-1)
  if (first === undefined || last === undefined) return []
  const views = { from: first.header.view, below: last.header.view + 1 }
  const scanned = await reader.journal.range({
    ...records.blocksBetween(reader.context.epoch, views),
    countMax: entries.length,
  })
  const found = new Map<string, Block>()
  for (const entry of scanned) {
    const block = records.readBlock(entry.value, reader)
    found.set(block.digest, block)
  }
  const stored: StoredBlock[] = []
  for (const [place, entry] of entries.entries()) {
    const digest = headerDigest(reader.crypto, reader.context, entry.header)
    const { certificate, epoch, header } = entry
    const height = fromHeight + place
    const block = found.get(digest) ?? (await readStoredBlock(reader, header.view, digest))
    if (block === undefined) {
      if ((await reader.journal.get(records.heightKey(height))) === undefined) return undefined
      throw damaged(new Error(`no block of view ${header.view}`))
    }
    stored.push({ height, epoch, block, certificate })
  }
  return stored
}

/** A block of the reader's epoch by its name, executed or not. */
export async function readStoredBlock(
  reader: JournalReader,
  view: number,
  digest: Block['digest'],
): Promise<Block | undefined> {
  const value = await reader.journal.get(records.blockKey(reader.context.epoch, view, digest))
  return value === undefined ? undefined : records.readBlock(value, reader)
}

/** The first entries that are of the reader's epoch. */
function ofThisEpoch(
  { context }: JournalReader,
  entries: readonly records.HeightEntry[],
): readonly records.HeightEntry[] {
  const end = entries.findIndex(({ epoch }) => epoch !== context.epoch)
  return end < 0 ? entries : entries.slice(0, end)
}

/**
 * Blocks of the reader's epoch from a height on that prove themselves: they end at the last
 * certified block that fits, or go on as headers to the next certified one. Undefined when there is
 * none, or none near enough.
 */
export async function readProvedRange(
  reader: JournalReader,
  fromHeight: number,
): Promise<BlockRange | undefined> {
  const { rangeBytesMax } = reader.limits
  const range = { fromHeight, countMax: rangeBlocksMax, bytesMax: rangeBytesMax }
  try {
    const entries = await heightEntries(reader, fromHeight, rangeBlocksMax)
    const chosen = fitting(ofThisEpoch(reader, entries), range)
    // Nothing, or nothing durable yet: the tail is read later and may know more.
    if (chosen.length === 0) return undefined
    const certified = chosen.findLastIndex((entry) => entry.certificate !== undefined)
    if (certified >= 0) chosen.length = certified + 1
    const tail = certified >= 0 ? [] : await tailAfter(reader, fromHeight + chosen.length)
    const certificate = chosen[certified]?.certificate ?? tail?.at(-1)?.certificate
    if (tail === undefined || certificate === undefined) return undefined
    const stored = await withPayloads(reader, fromHeight, chosen)
    const blocks = stored?.map(({ block }) => block)
    return blocks && { fromHeight, blocks, certificate, tail: tail.map((entry) => entry.header) }
  } catch (error) {
    throw error instanceof CodecError ? damaged(error) : error
  }
}

/** Entries up to the next certified one. */
async function tailAfter(
  reader: JournalReader,
  height: number,
): Promise<records.HeightEntry[] | undefined> {
  const entries = ofThisEpoch(reader, await heightEntries(reader, height, rangeTailMax))
  const next = entries.findIndex((entry) => entry.certificate !== undefined)
  return next < 0 ? undefined : entries.slice(0, next + 1)
}
