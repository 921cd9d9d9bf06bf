/**
 * What a vault's start costs: the index made anew from the names of its files, on the real disk
 * adapter. What is promised is 100,000 blocks in under 5 s.
 *
 * The files are empty, since a start opens none (vault.test.ts shows that). They were just made, so
 * the system has their folders in memory: on a disk that turns, the first start after the machine's
 * own reads them once more.
 *
 *   node bench/vault-start.ts [--blocks 100000] [--rounds 5] [--dir DIR]
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createNodeDisk } from '../src/adapters/node-disk.ts'
import { blockIdOf, digestOf } from '../src/base/ids.ts'
import { BlockNames } from '../src/kernel/vault/block-name.ts'
import { folderOf } from '../src/kernel/vault/layout.ts'
import { blockNameKey, crypto, partitionOf, vaultOn } from '../test/conformance/vault-fixture.ts'

const boundMs = 5_000
const boundBlocks = 100_000

const { values } = parseArgs({
  options: {
    blocks: { type: 'string', default: String(boundBlocks) },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: os.tmpdir() },
  },
})
const blockCount = Number(values.blocks)
const roundCount = Number(values.rounds)

/** An empty file under the name of each of so many drawn blocks. */
function layNames(folder: string): void {
  const names = new BlockNames(crypto, blockNameKey)
  for (let laid = 0; laid < blockCount; laid++) {
    const id = blockIdOf(randomBytes(16).toString('hex'))
    const hash = digestOf(randomBytes(32).toString('hex'))
    const name = names.nameOf({ id, version: 1, hash, keyEpoch: 1, pageCount: 17 })
    fs.closeSync(fs.openSync(path.join(folder, folderOf(partitionOf(id)), name), 'wx'))
  }
}

type Start = { readonly ms: number; readonly cpuMs: number }

async function startOnce(folder: string): Promise<Start> {
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const vault = await vaultOn(createNodeDisk(folder))
  const ms = performance.now() - startMs
  const { user, system } = process.cpuUsage(cpu)
  const found = vault.status().blockCount
  await vault.close()
  if (found !== blockCount) throw new Error(`${found} of ${blockCount} blocks were found`)
  return { ms, cpuMs: (user + system) / 1_000 }
}

const root = fs.mkdtempSync(path.join(values.dir, 'unosys-bench-'))
try {
  await (await vaultOn(createNodeDisk(root))).close()
  layNames(root)
  const starts: Start[] = []
  for (let round = 0; round < roundCount; round++) starts.push(await startOnce(root))
  const middle = starts.sort((a, b) => a.ms - b.ms)[Math.floor(roundCount / 2)]
  if (middle === undefined) throw new RangeError('--rounds is at least 1')
  console.log(`start of a vault of ${blockCount} blocks, in the middle of ${roundCount} rounds`)
  console.log('time ms     CPU ms   CPU µs a block')
  const cells = [middle.ms, middle.cpuMs, (middle.cpuMs * 1_000) / blockCount]
  console.log(cells.map((cell, at) => cell.toFixed(0).padStart([7, 10, 16][at] ?? 0)).join(' '))
  if (blockCount >= boundBlocks) {
    const kept = middle.ms < boundMs
    console.log(`${boundBlocks} blocks in under ${boundMs} ms: ${kept ? 'kept' : 'NOT KEPT'}`)
    if (!kept) process.exitCode = 1
  }
} finally {
  fs.rmSync(root, { recursive: true })
}
