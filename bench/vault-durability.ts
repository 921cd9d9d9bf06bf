/**
 * Two ways to make blocks durable, on the same disk adapter, with the same seals and names:
 *
 *   files    each block written once under its name and synced, then its folder (the vault's way)
 *   journal  a turn's blocks appended to a segment under one sync, laid down as files unsynced; a
 *            segment is freed after its files and their folders are synced, at most four at a time
 *
 * Several processes write at once on one disk. Folders are fresh and removed only at the end: ext4
 * walks over inodes deleted within the last minute, one by one, and slows creation five times.
 *
 *   node bench/vault-durability.ts [--writers 3] [--blocks 2000] [--kib 64] [--rounds 5]
 *     [--dir DIR]
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createNodeCrypto } from '../src/adapters/node-crypto.ts'
import { createNodeDisk } from '../src/adapters/node-disk.ts'
import { nodeRandom } from '../src/adapters/node-random.ts'
import { toHex } from '../src/base/bytes.ts'
import type { BlockId, Digest } from '../src/base/ids.ts'
import { partitionOfBlock } from '../src/kernel/placement/index.ts'
import { OuterSeal } from '../src/kernel/vault/block-file.ts'
import { BlockNames } from '../src/kernel/vault/block-name.ts'
import type { StoredBlock } from '../src/kernel/vault/index.ts'
import { folderOf } from '../src/kernel/vault/layout.ts'
import { vaultOn } from '../test/conformance/vault-fixture.ts'

const segmentBytes = 32 * 1024 * 1024
const segmentsMax = 4
const crypto = createNodeCrypto()

const blocksOf = (count: number, kib: number): StoredBlock[] => {
  const sealed = new Uint8Array(randomBytes(kib * 1024 + 28))
  const hash = toHex(crypto.sha256(sealed)) as Digest
  const releaseTag = new Uint8Array(16)
  return Array.from({ length: count }, () => ({
    id: toHex(nodeRandom.bytes(16)) as BlockId,
    version: 1,
    hash,
    sealed,
    releaseTag,
  }))
}

/** Groups of `size`: what one turn of the event loop brings. */
function* turnsOf(blocks: readonly StoredBlock[], size: number): Generator<readonly StoredBlock[]> {
  for (let from = 0; from < blocks.length; from += size) yield blocks.slice(from, from + size)
}

async function writeFiles(
  folder: string,
  blocks: readonly StoredBlock[],
  perTurn: number,
): Promise<void> {
  const vault = await vaultOn(createNodeDisk(folder))
  const turns = [...turnsOf(blocks, Math.ceil(blocks.length / perTurn))]
  await Promise.all(
    turns.map(async (lane) => {
      for (const block of lane) await vault.put(block)
    }),
  )
  await vault.close()
}

async function writeJournal(
  folder: string,
  blocks: readonly StoredBlock[],
  perTurn: number,
): Promise<void> {
  const disk = createNodeDisk(folder)
  await (await vaultOn(disk)).close()
  await disk.makeFolder('journal')
  const seal = new OuterSeal(crypto, nodeRandom, [{ epoch: 1, key: new Uint8Array(32).fill(1) }])
  const names = new BlockNames(crypto, new Uint8Array(32).fill(2))
  const freeing: Promise<void>[] = []
  let paths: string[] = []
  let sizeBytes = 0
  let number = 0
  let segment = await disk.openAppend(`journal/${number}`)
  const free = async (path: string, files: readonly string[]): Promise<void> => {
    let next = 0
    const lane = async (): Promise<void> => {
      for (let file = files[next++]; file !== undefined; file = files[next++])
        await disk.syncFile(file)
    }
    await Promise.all(Array.from({ length: 8 }, lane))
    const folders = new Set(files.map((file) => file.slice(0, file.lastIndexOf('/'))))
    await Promise.all([...folders].map((one) => disk.syncFolder(one)))
    await disk.remove(path)
  }
  for (const turn of turnsOf(blocks, perTurn)) {
    const files = turn.map((block) => {
      const parts = seal.seal(block)
      const pageCount = 17
      const name = names.nameOf({ ...block, keyEpoch: 1, pageCount })
      const folderOfBlock = folderOf(partitionOfBlock(crypto.sha256, block.id))
      return { path: `${folderOfBlock}/${name}`, parts }
    })
    await segment.append(
      files.flatMap(({ path: at, parts }) => [new TextEncoder().encode(at), ...parts]),
    )
    await segment.sync()
    await Promise.all(
      files.map(({ path: at, parts }) => disk.write(at, parts, { modifiedMs: 1e12 })),
    )
    paths.push(...files.map(({ path: at }) => at))
    for (const { parts } of files) for (const part of parts) sizeBytes += part.length
    if (sizeBytes < segmentBytes) continue
    await segment.close()
    if (freeing.length >= segmentsMax - 1) await freeing.shift()
    freeing.push(free(`journal/${number}`, paths))
    paths = []
    sizeBytes = 0
    segment = await disk.openAppend(`journal/${++number}`)
  }
  await segment.close()
  await Promise.all([...freeing, free(`journal/${number}`, paths)])
}

const { values } = parseArgs({
  options: {
    writers: { type: 'string', default: '3' },
    blocks: { type: 'string', default: '2000' },
    kib: { type: 'string', default: '64' },
    dir: { type: 'string', default: os.tmpdir() },
    child: { type: 'string' },
    turn: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '5' },
  },
})

if (values.child !== undefined) {
  const blocks = blocksOf(Number(values.blocks), Number(values.kib))
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const write = values.child === 'files' ? writeFiles : writeJournal
  await write(values.dir, blocks, Number(values.turn))
  const { user, system } = process.cpuUsage(cpu)
  const perSecond = blocks.length / ((performance.now() - startMs) / 1000)
  fs.writeSync(1, JSON.stringify({ perSecond, cpuUs: (user + system) / blocks.length }))
} else {
  const root = fs.mkdtempSync(path.join(values.dir, 'unosys-bench-'))
  const best = new Map<string, { perSecond: number; cpuUs: number }>()
  // The ways take turns, so that what else the machine does falls on all of them.
  for (let round = 0; round < Number(values.rounds); round++)
    for (const turn of ['16', '32', '64'])
      for (const way of ['files', 'journal']) {
        const row = `${way.padEnd(8)} ${turn.padStart(6)}`
        const found = await race(path.join(root, `${way}-${turn}-${round}`), way, turn)
        const before = best.get(row) ?? found
        best.set(row, {
          perSecond: Math.max(found.perSecond, before.perSecond),
          cpuUs: Math.min(found.cpuUs, before.cpuUs),
        })
      }
  console.log(`best of ${values.rounds} rounds; ${values.writers} writers, ${values.kib} KiB`)
  console.log('way     in turn   blocks/s   CPU µs a block')
  for (const [row, { perSecond, cpuUs }] of best)
    console.log(`${row} ${perSecond.toFixed(0).padStart(10)} ${cpuUs.toFixed(0).padStart(16)}`)
  fs.rmSync(root, { recursive: true })
}

/** All writers at once, each in a folder of its own below `root`. */
async function race(
  root: string,
  way: string,
  turn: string,
): Promise<{ perSecond: number; cpuUs: number }> {
  const { blocks, kib } = values
  const results = await Promise.all(
    Array.from({ length: Number(values.writers) }, async (_, writer) => {
      const dir = path.join(root, String(writer))
      fs.mkdirSync(dir, { recursive: true })
      const flags = { child: way, dir, turn, blocks, kib }
      const child = spawn(
        process.execPath,
        [fileURLToPath(import.meta.url)].concat(
          Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
        ),
        { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, UV_THREADPOOL_SIZE: '16' } },
      )
      let output = ''
      child.stdout.on('data', (chunk) => {
        output += String(chunk)
      })
      await once(child, 'close')
      return JSON.parse(output) as { perSecond: number; cpuUs: number }
    }),
  )
  const sum = (pick: (result: { perSecond: number; cpuUs: number }) => number): number =>
    results.reduce((total, result) => total + pick(result), 0)
  return { perSecond: sum((r) => r.perSecond), cpuUs: sum((r) => r.cpuUs) / results.length }
}
