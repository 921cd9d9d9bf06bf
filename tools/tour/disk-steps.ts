/** What lies on the disks of the Processors, and what it tells to whoever owns them. */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { blockFilesOf } from './block-files.ts'
import { blocksOf, misplaced } from './block-map.ts'
import { tourPaths } from './input.ts'
import { chiSquareMax, type Needle, randomnessOf, searchFolders, spellingsOf } from './search.ts'
import { megabytes } from './tellers.ts'
import type { Tour } from './tour.ts'
import { sizeOf } from './transfer.ts'
import { until } from './until.ts'

const shownCount = 4
const placedMsMax = 60_000
/** The first bytes of a block file say what it is; see docs/spec/vault.md. */
const fileHeadBytes = 4

/** Which Processors hold which block, as the API says and as the disks show. */
export async function showHolders({ world, walk }: Tour): Promise<void> {
  const { client } = world.at(1)
  const blocks = await blocksOf(client, tourPaths.large)
  const { replicas } = await client.stat(tourPaths.large)
  for (const { index, id, holders } of blocks.slice(0, shownCount)) {
    walk.seen(`block ${String(index).padStart(4)}  ${id}  on Processors ${holders.join(', ')}`)
  }
  const counts = world.processors.map(({ n }) => {
    return `${n} holds ${blocks.filter(({ holders }) => holders.includes(n)).length}`
  })
  walk.seen(`of ${blocks.length} blocks Processor ${counts.join(', ')}`)
  const isSpread = blocks.every(({ holders }) => new Set(holders).size === replicas)
  walk.promise(
    `each block has ${replicas} copies on as many Processors`,
    isSpread,
    `${blocks.length} blocks looked at`,
  )
  // A write counts when two copies are durable; the third may still be on its way.
  await until('every block lies where it should', placedMsMax, () => {
    return misplaced(blocks, world.processors).length === 0
  })
  walk.promise(
    'the disks agree: a file for each copy, and none elsewhere',
    true,
    'names of all block files',
  )
}

/** Nothing of names and contents is found on any disk, and block files look random. */
export async function showNothingTold(tour: Tour): Promise<void> {
  const { world, walk } = tour
  const files = blockFilesOf(world.at(1).folder)
  for (const { name } of files.slice(0, shownCount - 1)) walk.seen(name)
  const times = new Set(files.map(({ path }) => statSync(path).mtimeMs))
  walk.promise(
    'all block files bear one and the same time',
    times.size === 1,
    `${files.length} files`,
  )
  lookForPlaintext(tour)
  const randomness = randomnessOf(
    files.map(({ path }) => readFileSync(path).subarray(fileHeadBytes)),
  )
  walk.promise(
    'the bytes of block files cannot be told from random ones',
    randomness.chiSquare < chiSquareMax,
    `${megabytes(randomness.byteCount)}: ${randomness.entropyBits.toFixed(5)} of 8 bits a byte, ` +
      `chi-square ${randomness.chiSquare.toFixed(0)} (random: 255 ± 23)`,
  )
}

function lookForPlaintext({ world, walk, input }: Tour): void {
  const folders = world.processors.map(({ folder }) => folder)
  const needles = [...contentNeedles(input), ...nameNeedles(input)]
  const startMs = performance.now()
  const everywhere = searchFolders(folders, needles)
  const [first] = everywhere.hits
  walk.promise(
    'no disk shows a name or a piece of content, in vault, journal or log',
    everywhere.hits.length === 0,
    first === undefined
      ? `${needles.length} samples looked for in ${everywhere.fileCount} files, ` +
          `${megabytes(everywhere.byteCount)}, in ${Math.round(performance.now() - startMs)} ms`
      : `"${first.what}" stands in ${first.path} at ${first.offset}`,
  )
}

const sampleBytes = 32
const sampleCount = 64
/** A sample of many different bytes: one like `0000…` could stand anywhere. */
const distinctBytesMin = 12

/** Pieces of the large file from all over it, and long lines of the small ones. */
function contentNeedles(input: Tour['input']): Needle[] {
  const { path } = input.large
  const stride = Math.floor(sizeOf(input.large) / sampleCount)
  const needles: Needle[] = []
  const file = openSync(path, 'r')
  try {
    for (let index = 0; index < sampleCount; index++) {
      const sample = Buffer.alloc(sampleBytes)
      readSync(file, sample, 0, sampleBytes, index * stride)
      if (new Set(sample).size < distinctBytesMin) continue
      needles.push({ what: `${path} at ${index * stride}`, bytes: sample })
    }
  } finally {
    closeSync(file)
  }
  const { root, names } = input.folder
  for (const name of names) {
    const lines = readFileSync(join(root, name), 'utf8').split('\n')
    const longest = lines.reduce((a, b) => (b.length > a.length ? b : a), '')
    if (longest.length >= sampleBytes)
      needles.push({ what: `a line of ${name}`, bytes: Buffer.from(longest) })
  }
  return needles
}

/** The tour's own paths, name by name, in several spellings. */
function nameNeedles(input: Tour['input']): Needle[] {
  const paths = Object.values(tourPaths)
  const names = new Set(paths.flatMap((path) => path.split('/')).filter((name) => name.length > 8))
  return [
    ...[...names].flatMap((name) => spellingsOf(name, Buffer.from(name))),
    ...input.folder.names
      .filter((name) => name.includes('/'))
      .map((name) => ({ what: name, bytes: Buffer.from(name) })),
  ]
}
