/** Killed Processors, damaged disks, and the way back. */
import { existsSync, readFileSync } from 'node:fs'
import type { Status } from '../../src/sdk/index.ts'
import { type BlockFile, blockFilesById, changeOneByte, changeOneCharacter } from './block-files.ts'
import { blocksOf, misplaced, type PlacedBlock } from './block-map.ts'
import { tourPaths } from './input.ts'
import { megabytes, rate, seconds } from './tellers.ts'
import type { Tour } from './tour.ts'
import { download, eachOf, sizeOf, sumOfFile, upload } from './transfer.ts'
import { until } from './until.ts'

const meanwhileCount = 20
const mendedMsMax = 60_000
const caughtUpMsMax = 180_000

/** Write, kill a Processor after a quarter of the bytes, and let the write go on. */
export async function killWhileWriting(
  { world, walk, input }: Tour,
  who: { readonly through: number; readonly victim: number; readonly reader: number },
): Promise<void> {
  const { client } = world.at(who.through)
  const victim = world.at(who.victim)
  const totalBytes = sizeOf(input.second)
  let killed: Promise<unknown> | undefined
  const startMs = performance.now()
  const { tookMs } = await upload(
    client,
    { from: input.second, to: tourPaths.second },
    {
      onSent: (sentBytes) => {
        if (killed !== undefined || sentBytes < totalBytes / 4) return
        const { pid } = victim
        killed = victim.kill()
        const atMs = performance.now() - startMs
        walk.seen(`${seconds(atMs)}: ${megabytes(sentBytes)} taken; process ${pid} killed`)
      },
    },
  )
  await killed
  walk.seen(rate(totalBytes, tookMs))
  const { size } = await client.stat(tourPaths.second)
  walk.promise(
    'the write goes on and ends well',
    !victim.isRunning && size === totalBytes,
    `Processor ${victim.n} is gone, the file has its ${totalBytes} bytes`,
  )
  const numbers = Array.from({ length: meanwhileCount }, (_, index) => index)
  const pathOf = (index: number): string => `${tourPaths.meanwhile}/${index}.txt`
  await eachOf(numbers, 4, (index) =>
    client.write(pathOf(index), `number ${index}`, { parents: true }),
  )
  const reader = world.at(who.reader)
  const wanted = await sumOfFile(input.second)
  const got = await download(reader.client, tourPaths.second)
  walk.promise(
    `what was written reads back right through Processor ${reader.n}`,
    got.sha256 === wanted.sha256,
    `SHA-256 ${got.sha256.slice(0, 32)}…, ${rate(got.sizeBytes, got.tookMs)}`,
  )
  const texts = await eachOf(numbers, 4, async (index) =>
    Buffer.from(await reader.client.readAll(pathOf(index))).toString(),
  )
  const right = texts.filter((text, index) => text === `number ${index}`).length
  walk.promise(
    'new files are made and read with three of four',
    right === meanwhileCount,
    `${right} files`,
  )
}

type Damage = {
  readonly block: PlacedBlock
  readonly n: number
  readonly file: BlockFile
  readonly kind: 'content-changed' | 'name-changed'
  /** The file's bytes after the change; none under its old name. */
  readonly left: Buffer
}

/**
 * Change a byte of one block file and a character of another's name, both of blocks that the
 * reading Processor holds itself and therefore reads from its own disk; and a byte of one block on
 * each other disk, of blocks that the reader has to ask for.
 */
export async function damageBlocks(
  { world, walk, input }: Tour,
  who: { readonly reader: number },
): Promise<void> {
  const reader = world.at(who.reader)
  const before = await reader.status()
  const blocks = await blocksOf(reader.client, tourPaths.large)
  const own = blocks.filter(({ holders }) => holders.includes(reader.n))
  const [first, second] = [own[0], own[Math.floor(own.length / 2)]]
  const damages = [
    ...damage(reader, first, 'content-changed'),
    ...damage(reader, second, 'name-changed'),
    ...world.running.flatMap((other) => {
      // Asked first of all holders that are up, and the reader has no copy itself.
      const up = (block: PlacedBlock): number[] =>
        block.holders.filter((n) => world.at(n).isRunning)
      const foreign = blocks.find((b) => !b.holders.includes(reader.n) && up(b)[0] === other.n)
      return damage(other, foreign, 'content-changed')
    }),
  ]
  for (const { n, block, kind, file } of damages) {
    walk.seen(`block ${block.index} on Processor ${n}: ${kind} (${file.name.slice(0, 26)}…)`)
  }
  const wanted = await sumOfFile(input.large)
  const got = await download(reader.client, tourPaths.large)
  walk.promise(
    'the file reads back right all the same, and the reader notices nothing',
    got.sha256 === wanted.sha256,
    `SHA-256 ${got.sha256.slice(0, 32)}…, ${rate(got.sizeBytes, got.tookMs)}`,
  )
  const after = await reader.status()
  reportOwn(walk, { before, after })
  reportOthers(walk, { before, after, reader: reader.n })
  await mended(walk, damages, reader.n)
}

function damage(
  processor: { readonly n: number; readonly folder: string },
  block: PlacedBlock | undefined,
  kind: Damage['kind'],
): Damage[] {
  const file = block && blockFilesById(processor.folder).get(block.id)?.[0]
  if (block === undefined || file === undefined) return []
  if (kind === 'content-changed') changeOneByte(file.path)
  else changeOneCharacter(file)
  const left = kind === 'content-changed' ? readFileSync(file.path) : Buffer.alloc(0)
  return [{ block, n: processor.n, file, kind, left }]
}

type Seen = { readonly before: Status; readonly after: Status }

function reportOwn(walk: Tour['walk'], { before, after }: Seen): void {
  const content = after.vault.contentChanged - before.vault.contentChanged
  const name = after.vault.nameChanged - before.vault.nameChanged
  walk.promise('the changed byte is reported', content === 1, `vault.contentChanged +${content}`)
  walk.promise('the changed name is reported', name === 1, `vault.nameChanged +${name}`)
}

/** All faults that a Processor reported of the others, of one kind. */
export const faultsOf = (
  status: Status,
  options: { readonly kind: string; readonly except: number },
): number =>
  status.processors
    .filter(({ n }) => n !== options.except)
    .reduce((sum, { faults }) => sum + (faults[options.kind] ?? 0), 0)

function reportOthers(walk: Tour['walk'], seen: Seen & { readonly reader: number }): void {
  const options = { kind: 'content-changed', except: seen.reader }
  const count = faultsOf(seen.after, options) - faultsOf(seen.before, options)
  walk.promise(
    'so is a damaged copy on another Processor, by its own signed answer',
    count >= 1,
    `faults of others +${count}`,
  )
}

/** Damaged copies that were met are fetched again from the other holders; nobody has to ask. */
async function mended(
  walk: Tour['walk'],
  damages: readonly Damage[],
  reader: number,
): Promise<void> {
  const startMs = performance.now()
  const met = damages.filter(({ n }) => n === reader)
  // Sealed anew with a fresh nonce: an intact copy differs from the damaged one everywhere.
  await until('the damaged copies are there again', mendedMsMax, () =>
    met.every(({ file, left }) => existsSync(file.path) && !readFileSync(file.path).equals(left)),
  )
  walk.promise(
    'both copies are fetched again from other Processors',
    met.length === 2,
    `after ${seconds(performance.now() - startMs)}`,
  )
}

/** Start a killed Processor again; it gets log and blocks that it missed from the others. */
export async function catchUp({ world, walk, input }: Tour, n: number): Promise<void> {
  const returning = world.at(n)
  const other = world.running[0]
  if (other === undefined) throw new Error('nobody is left to catch up with')
  const target = (await other.status()).group.height
  const startMs = performance.now()
  await returning.start()
  const first = await returning.status()
  walk.seen(
    `process ${returning.pid}: height ${first.group.height} of ${target}, ` +
      `blocks checked up to height ${first.vault.checkedHeight}`,
  )
  let status = first
  await until(`Processor ${n} has caught up`, caughtUpMsMax, async () => {
    status = await returning.status()
    const { group, vault } = status
    return (
      group.height >= target &&
      !group.catchingUp &&
      vault.checkedHeight >= target &&
      vault.awaited === 0
    )
  })
  walk.promise(
    'it has the whole log and awaits no block',
    status.vault.awaited === 0 && status.group.height >= target,
    `height ${status.group.height}, checked up to ${status.vault.checkedHeight}, ` +
      `${status.metrics['blocks.repaired_count'] ?? 0} blocks fetched in ${seconds(performance.now() - startMs)}`,
  )
  const blocks = await blocksOf(other.client, tourPaths.second)
  const missing = misplaced(blocks, [returning]).length
  walk.promise(
    'every block that it missed lies on its disk',
    missing === 0,
    `${blocks.filter(({ holders }) => holders.includes(n)).length} of ${blocks.length} blocks of the file are its own`,
  )
  const wanted = await sumOfFile(input.second)
  const got = await download(returning.client, tourPaths.second)
  walk.promise(
    `the file written without it reads back right through Processor ${n}`,
    got.sha256 === wanted.sha256,
    `SHA-256 ${got.sha256.slice(0, 32)}…, ${rate(got.sizeBytes, got.tookMs)}`,
  )
}
