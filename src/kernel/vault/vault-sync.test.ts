// Goal: on a real disk a put resolves after its file and then its folder were synced, and a vault
// is open after its folders were.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { RecordedSyncs } from '../../../test/compliance/recorded-syncs.ts'
import { blockOf, partitionOf, vaultOn } from '../../../test/conformance/vault-fixture.ts'
import { createNodeDisk } from '../../adapters/node-disk.ts'
import type { StoredBlock } from './index.ts'
import { folderOf } from './layout.ts'

function newFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-vault-'))
  context.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Where the block lies, once it is there. */
function pathOf(folder: string, block: StoredBlock): string {
  const below = folderOf(partitionOf(block.id))
  const [name, ...more] = fs.readdirSync(path.join(folder, below))
  assert(name !== undefined && more.length === 0, 'one block in the folder')
  return `${below}/${name}`
}

const skip = process.platform === 'win32' && 'Windows has no handles on folders'

test('durable: a put resolves after its file and then its folder were synced, first and again', {
  skip,
}, async (context) => {
  const folder = newFolder(context)
  const block = blockOf(1, { bytes: 5_000 })
  const first = await vaultOn(createNodeDisk(folder))
  const syncs = new RecordedSyncs(context, folder)
  // The first put of a run takes sealings from the storage key before it seals.
  const sealings = ['sync vault/sealings.txt 54', 'sync vault']
  await syncs.during('put', first.put(block))
  const file = pathOf(folder, block)
  const order = [`sync ${file} 8192`, `sync ${path.dirname(file)}`, 'put']
  assert.deepEqual(syncs.take(), [...sealings, ...order])
  await syncs.during('known', first.put(block))
  assert.deepEqual(syncs.take(), ['known'])
  const second = await vaultOn(createNodeDisk(folder))
  syncs.take()
  await syncs.during('put', second.put(block))
  assert.deepEqual(
    syncs.take(),
    [...sealings, ...order],
    'what a former run left is written and synced again',
  )
})

test('durable: a vault is open after its folders were synced, at each start', {
  skip,
}, async (context) => {
  const folder = newFolder(context)
  const syncs = new RecordedSyncs(context, folder)
  await syncs.during('open', vaultOn(createNodeDisk(folder)))
  const readme = 'vault/README.txt'
  const { size } = fs.statSync(path.join(folder, readme))
  assert.deepEqual(syncs.take(), [`sync ${readme} ${size}`, 'sync vault', 'sync .', 'open'])
  await syncs.during('open', vaultOn(createNodeDisk(folder)))
  assert.deepEqual(syncs.take(), ['sync vault', 'sync .', 'open'])
})
