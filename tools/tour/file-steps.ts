/** Files in through one Processor, out through another. */
import { join } from 'node:path'
import type { UnosysClient } from '../../src/sdk/index.ts'
import { tourPaths } from './input.ts'
import { megabytes, rate, seconds } from './tellers.ts'
import type { Tour } from './tour.ts'
import { download, eachOf, sumOfFile, upload } from './transfer.ts'

const filesAtOnce = 8

/** Write the large file through Processor 1. */
export async function storeLarge({ world, walk, input }: Tour): Promise<void> {
  const { client } = world.at(1)
  await client.mkdir(tourPaths.root)
  walk.seen(`${input.large.path} -> ${tourPaths.large}`)
  const { tookMs, sizeBytes } = await upload(client, { from: input.large, to: tourPaths.large })
  walk.seen(rate(sizeBytes, tookMs))
  const info = await client.stat(tourPaths.large)
  walk.promise(
    'the file is there in its full length',
    info.size === sizeBytes,
    `${megabytes(info.size)} in blocks of ${info.blockBytes / 1024} KiB, ${info.replicas} copies of each`,
  )
}

const inFolder = (name: string): string => `${tourPaths.folder}/${name}`

/** Write every small file of a real folder through Processor 1. */
export async function storeFolder({ world, walk, input }: Tour): Promise<void> {
  const { client } = world.at(1)
  const { root, names } = input.folder
  const startMs = performance.now()
  const sizes = await eachOf(names, filesAtOnce, async (name) => {
    const { sizeBytes } = await upload(
      client,
      { from: { path: join(root, name) }, to: inFolder(name) },
      { parents: true },
    )
    return sizeBytes
  })
  const tookMs = performance.now() - startMs
  const total = sizes.reduce((sum, size) => sum + size, 0)
  walk.seen(
    `${root}: ${names.length} files, ${megabytes(total)} in ${seconds(tookMs)} ` +
      `(${Math.round((names.length / tookMs) * 1000)} files a second, ${filesAtOnce} at once)`,
  )
  const listed = (await filesBelow(client, tourPaths.folder)).length
  walk.promise('every file of the folder is listed', listed === names.length, `${listed} files`)
}

/** Every file below a directory, as full paths. */
export async function filesBelow(client: UnosysClient, path: string): Promise<string[]> {
  const found: string[] = []
  for await (const entry of client.list(path)) {
    if (entry.kind === 'file') found.push(entry.path)
    else found.push(...(await filesBelow(client, entry.path)))
  }
  return found
}

/** Read all that was stored through another Processor, and compare each sum. */
export async function readElsewhere({ world, walk, input }: Tour, n: number): Promise<void> {
  const { client } = world.at(n)
  const wanted = await sumOfFile(input.large)
  const got = await download(client, tourPaths.large)
  walk.seen(rate(got.sizeBytes, got.tookMs))
  walk.promise(
    'the large file comes back unchanged',
    got.sha256 === wanted.sha256,
    `SHA-256 ${got.sha256.slice(0, 32)}… there, ${wanted.sha256.slice(0, 32)}… here`,
  )
  const { root, names } = input.folder
  const same = await eachOf(names, filesAtOnce, async (name) => {
    const [there, here] = await Promise.all([
      download(client, inFolder(name)),
      sumOfFile({ path: join(root, name) }),
    ])
    return there.sha256 === here.sha256
  })
  const sameCount = same.filter(Boolean).length
  walk.promise(
    'so does every small file, by the same path',
    sameCount === names.length,
    `${sameCount} of ${names.length} have the same SHA-256`,
  )
}
