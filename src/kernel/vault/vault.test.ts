import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  blockNameKey,
  blockOf,
  crypto,
  MemoryDisk,
  partitionOf,
  storageKey,
  vaultOn,
} from '../../../test/conformance/vault-fixture.ts'
import { isUnosysError } from '../../base/error.ts'
import { digestOf } from '../../base/ids.ts'
import { BlockNames } from './block-name.ts'
import type { BlockKey, StoredBlock } from './index.ts'
import { allFolders } from './layout.ts'
import { constantModifiedMs } from './limits.ts'

const names = new BlockNames(crypto, blockNameKey)
/** What a start asks of the disk besides the folders of blocks. */
const outsideFolders = [
  ...['list vault', 'read vault/README.txt', 'read vault/sealings.txt'],
  ...['syncFolder vault', 'syncFolder '],
]
const withCode =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

/** The one block file of a disk. */
function onlyPath(disk: MemoryDisk): string {
  const [path, ...more] = disk.blockPaths()
  assert.ok(path !== undefined && more.length === 0, 'exactly one block file')
  return path
}
function renameOnDisk(disk: MemoryDisk, from: string, to: string): void {
  const file = disk.files.get(from)
  assert.ok(file)
  disk.files.delete(from)
  disk.files.set(to, file)
}
const keyOf = ({ id, version, hash }: StoredBlock): BlockKey => ({ id, version, hash })

test('what was put is got, with its release tag', async () => {
  const vault = await vaultOn(new MemoryDisk())
  for (const bytes of [0, 1, 4_000, 4_096, 65_564, 4 * 1024 * 1024 + 4 * 1024]) {
    const block = blockOf(1, { bytes, version: bytes + 1 })
    assert.equal(vault.has(block), false)
    await vault.put(block)
    assert.equal(vault.has(block), true)
    const { sealed, releaseTag } = await vault.get(keyOf(block))
    assert.deepEqual([sealed, releaseTag], [block.sealed, block.releaseTag])
  }
})

test('C47: a block is one file, under the name that its fields give, in the folder of its partition', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  const block = blockOf(1, { bytes: 65_564 })
  await vault.put(block)
  const folder = (partitionOf(block.id) >> 7).toString(16).padStart(2, '0')
  const name = names.nameOf({ ...keyOf(block), keyEpoch: 1, pageCount: 17 })
  assert.equal(onlyPath(disk), `vault/${folder}/${name}`)
  assert.equal(disk.files.get(onlyPath(disk))?.bytes.length, 17 * 4096)
  assert.equal(disk.files.get(onlyPath(disk))?.modifiedMs, constantModifiedMs)
})

test('C43: a block keeps its id over rewriting, restart and a new storage key; all its versions are there', async () => {
  const disk = new MemoryDisk()
  const first = blockOf(1)
  const second = blockOf(1, { version: 2 })
  const before = await vaultOn(disk)
  await before.put(first)
  await before.close()
  const after = await vaultOn(disk, { storageKeys: [storageKey(1), storageKey(2)] })
  await after.put(second)
  assert.equal(first.id, second.id)
  for (const block of [first, second])
    assert.deepEqual((await after.get(keyOf(block))).sealed, block.sealed)
  const listed = after.list(partitionOf(first.id))
  assert.deepEqual(listed, [keyOf(first), keyOf(second)])
  const epochs = disk.blockPaths().map((path) => names.parse(path.slice(9))?.keyEpoch)
  assert.deepEqual(epochs.sort(), [1, 2])
})

test('what this process did not store is unproven, read or not, until it is put again', async () => {
  const disk = new MemoryDisk()
  const block = blockOf(1)
  const partition = partitionOf(block.id)
  const before = await vaultOn(disk)
  await before.put(block)
  assert.deepEqual(before.unproven(partition), [])
  const after = await vaultOn(disk)
  const second = blockOf(1, { version: 2 })
  await after.put(second)
  await after.get(block)
  assert.deepEqual(after.unproven(partition), [keyOf(block)])
  assert.deepEqual(after.list(partition), [keyOf(block), keyOf(second)])
  await after.put(block)
  assert.deepEqual(after.unproven(partition), [])
})

test('two versions with one number but different content are two blocks', async () => {
  const vault = await vaultOn(new MemoryDisk())
  const block = blockOf(1)
  const rival = blockOf(2, { id: block.id })
  await Promise.all([vault.put(block), vault.put(rival)])
  assert.deepEqual((await vault.get(keyOf(block))).sealed, block.sealed)
  assert.deepEqual((await vault.get(keyOf(rival))).sealed, rival.sealed)
})

test('C48: a look-up is one read of one name, whether the vault holds ten blocks or ten thousand', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  for (const count of [10, 10_000]) {
    const puts: Promise<void>[] = []
    for (let number = 0; number < count; number++)
      puts.push(vault.put(blockOf(number, { bytes: 1 })))
    await Promise.all(puts)
    disk.calls = []
    await vault.get(blockOf(7, { bytes: 1 }))
    assert.equal(disk.calls.length, 1)
    assert.match(disk.calls[0] ?? '', /^read vault\/[0-7][0-9a-f]\/[a-z2-7-]+$/)
  }
})

test('has, list and the answer for a block never stored ask no disk', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await vault.put(blockOf(1))
  disk.calls = []
  vault.has(blockOf(1))
  vault.list(partitionOf(blockOf(1).id))
  await assert.rejects(vault.get(blockOf(2)), withCode('vault/missing'))
  assert.deepEqual(disk.calls, [])
})

test('a block that is held is not written again; puts of one block at once share one write', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await Promise.all([vault.put(blockOf(1)), vault.put(blockOf(1))])
  await vault.put(blockOf(1))
  assert.equal(
    disk.calls.filter((call) => /^writeSynced vault\/[0-9a-f]{2}\//.test(call)).length,
    1,
  )
  assert.equal(vault.status().blockCount, 1)
})

test('a put resolves only after the file, then the folder with its name, were synced', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  // The first put of a run asks for room, and takes sealings from the storage key.
  await vault.put(blockOf(2))
  disk.calls = []
  await vault.put(blockOf(1))
  const kinds = disk.calls.map((call) => call.split(' ')[0])
  assert.deepEqual(kinds, ['writeSynced', 'syncFolder'])
})

test('a block that is being put is waited for by who asks for it', async () => {
  const vault = await vaultOn(new MemoryDisk())
  const put = vault.put(blockOf(1))
  assert.equal(vault.has(blockOf(1)), false)
  assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  await put
})

test('no more files than allowed are written or read at once', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk, { limits: { writesInFlightMax: 3, readsInFlightMax: 2 } })
  let running = 0
  let most = 0
  const count = <Result>(work: (path: string) => Promise<Result>) => {
    return async (path: string): Promise<Result> => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      return work(path).finally(() => running--)
    }
  }
  const write = disk.writeSynced.bind(disk)
  disk.writeSynced = (path, parts, options) => count(() => write(path, parts, options))(path)
  disk.read = count(disk.read.bind(disk))
  const numbers = Array.from({ length: 20 }, (_, number) => number)
  await Promise.all(numbers.map((number) => vault.put(blockOf(number))))
  assert.equal(most, 3)
  most = 0
  await Promise.all(numbers.map((number) => vault.get(blockOf(number))))
  assert.equal(most, 2)
})

test('C59, C60: name changed, content changed and missing are three codes, in words, counted', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await Promise.all([1, 2, 3].map((number) => vault.put(blockOf(number))))
  const pathOf = (number: number): string => {
    const name = names.nameOf({ ...keyOf(blockOf(number)), keyEpoch: 1, pageCount: 1 })
    return disk.blockPaths().find((path) => path.endsWith(name)) ?? ''
  }
  renameOnDisk(disk, pathOf(1), `${pathOf(1).slice(0, -1)}${pathOf(1).endsWith('a') ? 'b' : 'a'}`)
  const content = disk.files.get(pathOf(2))?.bytes ?? new Uint8Array(1)
  content[100] = (content[100] ?? 0) ^ 1
  disk.files.delete(pathOf(3))
  await assert.rejects(vault.get(blockOf(1)), withCode('vault/name-changed'))
  await assert.rejects(vault.get(blockOf(2)), withCode('vault/content-changed'))
  await assert.rejects(vault.get(blockOf(3)), withCode('vault/missing'))
  const { nameChangedCount, contentChangedCount, missingCount, blockCount } = vault.status()
  assert.deepEqual([nameChangedCount, contentChangedCount, missingCount, blockCount], [1, 1, 1, 0])
})

test('a damaged copy is forgotten, and a later put stores the block again', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  const block = blockOf(1)
  await vault.put(block)
  const file = disk.files.get(onlyPath(disk))
  assert.ok(file)
  file.bytes = file.bytes.map((byte) => byte ^ 1)
  await assert.rejects(vault.get(block), withCode('vault/content-changed'))
  assert.equal(vault.has(block), false)
  assert.deepEqual(vault.list(partitionOf(block.id)), [])
  await vault.put(block)
  assert.deepEqual((await vault.get(block)).sealed, block.sealed)
})

test('a damaged copy is counted once, however many readers meet it', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await vault.put(blockOf(1))
  disk.files.delete(onlyPath(disk))
  const results = await Promise.allSettled([1, 2, 3].map(() => vault.get(blockOf(1))))
  assert.ok(results.every(({ status }) => status === 'rejected'))
  assert.equal(vault.status().missingCount, 1)
})

test('C57: each changed character of the name is detected, while running and at the next start', async () => {
  const disk = new MemoryDisk()
  const block = blockOf(1)
  await (await vaultOn(disk)).put(block)
  const path = onlyPath(disk)
  const nameStart = path.lastIndexOf('/') + 1
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567-'
  for (let at = nameStart; at < path.length; at++) {
    const old = path[at] ?? ''
    const other = alphabet[(alphabet.indexOf(old) + 1 + (at % 31)) % alphabet.length] ?? ''
    const changed = path.slice(0, at) + other + path.slice(at + 1)
    const running = await vaultOn(disk)
    renameOnDisk(disk, path, changed)
    await assert.rejects(running.get(block), withCode('vault/name-changed'), `character ${at}`)
    const restarted = await vaultOn(disk)
    assert.equal(restarted.has(block), false)
    assert.equal(restarted.status().nameChangedCount, 1)
    await assert.rejects(restarted.get(block), withCode('vault/name-changed'), `character ${at}`)
    assert.ok(disk.files.has(changed), 'left in place')
    renameOnDisk(disk, changed, path)
  }
})

test('a file put under the valid name of another block does not pass for it', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  const [one, two] = [blockOf(1), blockOf(2)]
  await vault.put(one)
  const onePath = onlyPath(disk)
  await vault.put(two)
  const twoPath = disk.blockPaths().find((path) => path !== onePath) ?? ''
  const swapped = disk.files.get(onePath)
  disk.files.set(onePath, disk.files.get(twoPath) ?? { bytes: new Uint8Array(), modifiedMs: 0 })
  disk.files.set(twoPath, swapped ?? { bytes: new Uint8Array(), modifiedMs: 0 })
  await assert.rejects(vault.get(one), withCode('vault/content-changed'))
  await assert.rejects(vault.get(two), withCode('vault/content-changed'))
})

test('a file moved to another folder is missing now and a changed name at the next start', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await vault.put(blockOf(1))
  const path = onlyPath(disk)
  const folder = path.startsWith('vault/00') ? 'vault/01' : 'vault/00'
  renameOnDisk(disk, path, folder + path.slice(8))
  await assert.rejects(vault.get(blockOf(1)), withCode('vault/missing'))
  const restarted = await vaultOn(disk)
  assert.equal(restarted.status().nameChangedCount, 1)
  await assert.rejects(restarted.get(blockOf(1)), withCode('vault/name-changed'))
})

test('a caller who lies about the content hash is found out at the first read', async () => {
  const vault = await vaultOn(new MemoryDisk())
  const lie = { ...blockOf(1), hash: digestOf('ab'.repeat(32)) }
  await vault.put(lie)
  await assert.rejects(vault.get(lie), withCode('vault/content-changed'))
})

test('the index is rebuilt from the names at start: one list of each folder, no file read, however many blocks there are', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).close()
  const { hash } = blockOf(0, { bytes: 0 })
  const keys: BlockKey[] = []
  for (const count of [10, 10_000]) {
    while (keys.length < count) {
      const { id } = blockOf(keys.length, { bytes: 0 })
      const folder = (partitionOf(id) >> 7).toString(16).padStart(2, '0')
      const name = names.nameOf({ id, version: 1, hash, keyEpoch: 1, pageCount: 17 })
      // Not one byte of a block: whoever opened the file would find it damaged.
      disk.files.set(`vault/${folder}/${name}`, { bytes: new Uint8Array(), modifiedMs: 0 })
      keys.push({ id, version: 1, hash })
    }
    disk.calls = []
    const vault = await vaultOn(disk)
    const { blockCount, storedBytes } = vault.status()
    assert.deepEqual([blockCount, storedBytes], [count, count * 17 * 4096])
    assert.ok(keys.every((key) => vault.has(key)))
    const blockCalls = disk.calls.filter((call) => !outsideFolders.includes(call))
    assert.deepEqual(
      blockCalls,
      allFolders.map((folder) => `list ${folder}`),
    )
    assert.equal(disk.calls.length, blockCalls.length + outsideFolders.length)
  }
})

test('an older storage key still opens its files; new blocks are sealed under the newest', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  const rotated = await vaultOn(disk, { storageKeys: [storageKey(1), storageKey(2)] })
  await rotated.put(blockOf(2))
  assert.deepEqual((await rotated.get(blockOf(1))).sealed, blockOf(1).sealed)
  assert.deepEqual((await rotated.get(blockOf(2))).sealed, blockOf(2).sealed)
  const onlyNew = await vaultOn(disk, { storageKeys: [storageKey(2)] })
  assert.deepEqual((await onlyNew.get(blockOf(2))).sealed, blockOf(2).sealed)
  await assert.rejects(onlyNew.get(blockOf(1)), withCode('vault/content-changed'))
})

test('a block of a former run that is put again under a newer storage key leaves no second file', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  const vault = await vaultOn(disk, { storageKeys: [storageKey(1), storageKey(2)] })
  await vault.put(blockOf(1))
  assert.equal(names.parse(onlyPath(disk).slice(9))?.keyEpoch, 2)
  assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  assert.equal(vault.status().blockCount, 1)
})

test('of two files of one block under different storage keys the newer one counts', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  const old = disk.files.get(onlyPath(disk))
  const oldPath = onlyPath(disk)
  await (await vaultOn(disk, { storageKeys: [storageKey(1), storageKey(2)] })).put(blockOf(1))
  if (old !== undefined) disk.files.set(oldPath, old)
  for (const storageKeys of [[storageKey(1), storageKey(2)], [storageKey(2)]]) {
    const vault = await vaultOn(disk, { storageKeys })
    assert.equal(vault.status().blockCount, 1)
    assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  }
})

test('close waits for what is under way; a closed vault takes no calls', async () => {
  const vault = await vaultOn(new MemoryDisk())
  let stored = false
  void vault.put(blockOf(1)).then(() => {
    stored = true
  })
  await vault.close()
  assert.ok(stored)
  assert.throws(() => vault.put(blockOf(2)), /open/)
  assert.throws(() => vault.get(blockOf(1)), /open/)
})
