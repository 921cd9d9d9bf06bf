// Goal: what the disk says is durable was synced, whole, before it said so. A simulated disk cannot
// show that of the real one, and no test can cut the power: the calls are recorded instead.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { RecordedSyncs } from '../../test/compliance/recorded-syncs.ts'
import type { Disk } from '../ports/disk.ts'
import { createNodeDisk } from './node-disk.ts'

function recordedDisk(context: TestContext): { disk: Disk; syncs: RecordedSyncs } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-sync-'))
  context.after(() => fs.rmSync(folder, { recursive: true }))
  return { disk: createNodeDisk(folder), syncs: new RecordedSyncs(context, folder) }
}

test('a synced write was synced with all its bytes when it resolves, past the page cache or not', async (context) => {
  const { disk, syncs } = recordedDisk(context)
  for (const length of [0, 10, 4096, 65_536, 1_000_000]) {
    const parts = [new Uint8Array(length >> 1), new Uint8Array(length - (length >> 1))]
    await syncs.during('resolved', disk.writeSynced(`f${length}`, parts, { modifiedMs: 1_000 }))
    assert.deepEqual(syncs.take(), [`sync f${length} ${length}`, 'resolved'])
  }
})

test('a file, an appended file, and what was appended before are synced when that resolves', async (context) => {
  const { disk, syncs } = recordedDisk(context)
  await syncs.during('written', disk.write('file', [new Uint8Array(3)]))
  await syncs.during('synced', disk.syncFile('file'))
  assert.deepEqual(syncs.take(), ['written', 'sync file 3', 'synced'])
  const log = await disk.openAppend('log')
  const appended = log.append([new Uint8Array(500)])
  await syncs.during('synced', log.sync())
  await syncs.during('appended', appended)
  assert.deepEqual(syncs.take(), ['sync log 500', 'synced', 'appended'])
  await log.close()
})

test('a folder is synced when that resolves, the root too', {
  skip: process.platform === 'win32' && 'Windows has no handles on folders',
}, async (context) => {
  const { disk, syncs } = recordedDisk(context)
  await disk.makeFolder('names')
  await syncs.during('synced', disk.syncFolder('names'))
  await syncs.during('root synced', disk.syncFolder(''))
  assert.deepEqual(syncs.take(), ['sync names', 'synced', 'sync .', 'root synced'])
})

test('each sync is told of once: of a file, a folder, an appended file', async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-sync-'))
  context.after(() => fs.rmSync(folder, { recursive: true }))
  let count = 0
  const disk = createNodeDisk(folder, { onSync: () => count++ })
  await disk.write('plain', [new Uint8Array(3)])
  assert.equal(count, 0)
  await disk.writeSynced('synced', [new Uint8Array(3)])
  await disk.syncFile('plain')
  const log = await disk.openAppend('log')
  await log.append([new Uint8Array(3)])
  await log.sync()
  await log.close()
  assert.equal(count, 3)
})
