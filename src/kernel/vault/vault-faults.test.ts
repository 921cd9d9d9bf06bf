import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  blockOf,
  diskFault,
  MemoryDisk,
  partitionOf,
  vaultOn,
} from '../../../test/conformance/vault-fixture.ts'
import { isUnosysError } from '../../base/error.ts'
import { DiskCode } from '../../ports/disk.ts'
import type { StoredBlock } from './index.ts'

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
test('a full disk refuses the block, loses nothing, reads on and recovers by itself', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await vault.put(blockOf(1))
  disk.interfere = (call, path) => {
    if (call === 'writeSynced') throw diskFault(DiskCode.Full, path)
  }
  await assert.rejects(vault.put(blockOf(2)), withCode('vault/full'))
  assert.equal(vault.has(blockOf(2)), false)
  assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  disk.interfere = () => {}
  await vault.put(blockOf(2))
  assert.deepEqual((await vault.get(blockOf(2))).sealed, blockOf(2).sealed)
})

test('room is left to the rest of the system: puts are refused before the disk is full', async () => {
  const disk = new MemoryDisk()
  const limits = { reserveBytes: 1_000_000, roomCheckBytes: 100_000 }
  const vault = await vaultOn(disk, { limits })
  disk.free = 1_003_000
  await assert.rejects(vault.put(blockOf(1)), withCode('vault/full'))
  disk.free = 1_000_000 + 10 * 4096
  const puts = Array.from({ length: 30 }, (_, number) => vault.put(blockOf(number)))
  const kept = (await Promise.allSettled(puts)).filter(({ status }) => status === 'fulfilled')
  assert.equal(kept.length, 10)
  disk.free = 1e9
  await vault.put(blockOf(29))
})

test('a failing sync fails the put and every later one; reads go on', async () => {
  for (const failing of ['writeSynced', 'syncFolder'] as const) {
    const disk = new MemoryDisk()
    const vault = await vaultOn(disk)
    await vault.put(blockOf(1))
    disk.interfere = (call, path) => {
      if (call === failing) throw diskFault(DiskCode.Failed, path)
    }
    const puts = [2, 3, 4].map((number) => vault.put(blockOf(number)))
    for (const put of puts) await assert.rejects(put, withCode('vault/failed'))
    disk.interfere = () => {}
    disk.calls = []
    await assert.rejects(vault.put(blockOf(5)), withCode('vault/failed'))
    assert.deepEqual(disk.calls, [], 'a failed sync is not tried again')
    assert.equal(vault.has(blockOf(2)), false)
    assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  }
})

test('a folder sync that fails while others wait for it fails them too', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  const folder = (partitionOf(blockOf(0).id) >> 7).toString(16).padStart(2, '0')
  const same: StoredBlock[] = []
  for (let number = 0; same.length < 5; number++)
    if (partitionOf(blockOf(number).id) >> 7 === Number.parseInt(folder, 16))
      same.push(blockOf(number))
  let syncs = 0
  disk.interfere = (call, path) => {
    if (call === 'syncFolder' && path.endsWith(folder) && ++syncs === 1)
      throw diskFault(DiskCode.Failed, path)
  }
  const results = await Promise.allSettled(same.map((block) => vault.put(block)))
  assert.ok(results.every(({ status }) => status === 'rejected'))
})

test('rights taken away while running refuse the block and say so', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  disk.interfere = (call, path) => {
    if (call === 'writeSynced') throw diskFault(DiskCode.Denied, path)
  }
  await assert.rejects(vault.put(blockOf(1)), withCode('vault/unusable'))
  disk.interfere = () => {}
  await vault.put(blockOf(1))
})

test('an unreadable folder at start: unusable, with the path in words', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  disk.interfere = (call, path) => {
    if (call === 'list' && path === 'vault/3a') throw diskFault(DiskCode.Denied, path)
  }
  await assert.rejects(
    vaultOn(disk),
    (error) => isUnosysError(error, 'vault/unusable') && /vault\/3a/.test(error.message),
  )
})

test('a file that the medium does not give back is a changed content, not a reason to stop', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await vault.put(blockOf(1))
  disk.interfere = (call, path) => {
    if (call === 'read') throw diskFault(DiskCode.Unreadable, path)
  }
  await assert.rejects(vault.get(blockOf(1)), withCode('vault/content-changed'))
  assert.equal(vault.has(blockOf(1)), false)
})

test('a disk that cannot be asked now says nothing about a copy: it stays known, and is read later', async () => {
  for (const code of [DiskCode.Busy, DiskCode.Denied, DiskCode.Failed]) {
    const disk = new MemoryDisk()
    const vault = await vaultOn(disk)
    await vault.put(blockOf(1))
    disk.interfere = (call, path) => {
      if (call === 'read') throw diskFault(code, path)
    }
    await assert.rejects(vault.get(blockOf(1)), withCode('vault/busy'))
    disk.interfere = () => {}
    assert.ok(vault.has(blockOf(1)))
    assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
    const { contentChangedCount, missingCount, nameChangedCount } = vault.status()
    assert.deepEqual([contentChangedCount, missingCount, nameChangedCount], [0, 0, 0])
  }
})

test('a missing file in a folder that cannot be listed now is neither gone nor renamed yet', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  await vault.put(blockOf(1))
  disk.files.delete(onlyPath(disk))
  disk.interfere = (call, path) => {
    if (call === 'list') throw diskFault(DiskCode.Busy, path)
  }
  await assert.rejects(vault.get(blockOf(1)), withCode('vault/busy'))
  disk.interfere = () => {}
  await assert.rejects(vault.get(blockOf(1)), withCode('vault/missing'))
})

test('no open file left: the put is refused, and the next one succeeds', async () => {
  for (const busy of ['writeSynced', 'syncFolder'] as const) {
    const disk = new MemoryDisk()
    const vault = await vaultOn(disk)
    disk.interfere = (call, path) => {
      if (call === busy) throw diskFault(DiskCode.Busy, path)
    }
    await assert.rejects(vault.put(blockOf(1)), withCode('vault/busy'))
    assert.equal(vault.has(blockOf(1)), false)
    disk.interfere = () => {}
    await vault.put(blockOf(1))
    assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  }
})

test('a folder where a block file belongs: refused, not a reason to stop', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  disk.interfere = (call, path) => {
    if (call === 'writeSynced' && !path.endsWith('.new')) throw diskFault(DiskCode.Exists, path)
    if (call === 'rename') throw diskFault(DiskCode.Exists, path)
  }
  await assert.rejects(vault.put(blockOf(1)), withCode('vault/unusable'))
  disk.interfere = () => {}
  await vault.put(blockOf(2))
})

test('a vault of another format is refused; one without its README gets it again', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  const readme = disk.files.get('vault/README.txt')
  assert.match(Buffer.from(readme?.bytes ?? []).toString(), /^UnoSys vault, format 1\n/)
  disk.files.set('vault/README.txt', {
    bytes: new TextEncoder().encode('UnoSys vault, format 2\n'),
    modifiedMs: 0,
  })
  await assert.rejects(
    vaultOn(disk),
    (error) => isUnosysError(error, 'vault/unusable') && /format 2/.test(error.message),
  )
  disk.files.delete('vault/README.txt')
  const vault = await vaultOn(disk)
  assert.ok(vault.has(blockOf(1)))
  assert.deepEqual(disk.files.get('vault/README.txt')?.bytes, readme?.bytes)
})

test('a folder removed while running: its blocks are missing, new ones are kept', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  const block = blockOf(1)
  await vault.put(block)
  const folder = onlyPath(disk).slice(0, 8)
  disk.files.delete(onlyPath(disk))
  disk.folders.delete(folder)
  await assert.rejects(vault.get(block), withCode('vault/missing'))
  await vault.put(block)
  assert.deepEqual((await vault.get(block)).sealed, block.sealed)
})

test('a folder removed in the middle of a put fails that put only', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  disk.interfere = (call, path) => {
    if (call === 'syncFolder') throw diskFault(DiskCode.NotFound, path)
  }
  await assert.rejects(vault.put(blockOf(1)), withCode('vault/unusable'))
  assert.equal(vault.has(blockOf(1)), false)
  disk.interfere = () => {}
  await vault.put(blockOf(1))
  assert.ok(vault.has(blockOf(1)))
})

test('files that are none of ours are left alone and not counted as damage', async () => {
  const disk = new MemoryDisk()
  await vaultOn(disk)
  disk.files.set('vault/00/.DS_Store', { bytes: new Uint8Array(6), modifiedMs: 0 })
  const vault = await vaultOn(disk)
  assert.equal(vault.status().nameChangedCount, 0)
  assert.ok(disk.files.has('vault/00/.DS_Store'))
})

test('a torn file of a former run: detected by a read, replaced by a put, never acknowledged as it is', async () => {
  const disk = new MemoryDisk()
  const block = blockOf(1)
  await (await vaultOn(disk)).put(block)
  for (const cut of [0, 1, 4095]) {
    const file = disk.files.get(onlyPath(disk))
    assert.ok(file)
    file.bytes = file.bytes.slice(0, cut)
    const reader = await vaultOn(disk)
    await assert.rejects(reader.get(block), withCode('vault/content-changed'))
    const writer = await vaultOn(disk)
    await writer.put(block)
    assert.deepEqual((await writer.get(block)).sealed, block.sealed)
    assert.equal(writer.status().contentChangedCount, 0, 'an unfinished write is no damage')
  }
})

test('a file of a former run is not trusted: a put writes it again, beside it and then over it', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  const path = onlyPath(disk)
  const vault = await vaultOn(disk)
  disk.calls = []
  await vault.put(blockOf(1))
  const ofBlock = disk.calls.filter((call) => call.includes(path.slice(0, 8)))
  assert.deepEqual(ofBlock, [
    `remove ${path}.new`,
    `writeSynced ${path}.new`,
    `rename ${path}.new`,
    `syncFolder ${path.slice(0, 8)}`,
  ])
  assert.equal(onlyPath(disk), path)
  disk.calls = []
  await vault.put(blockOf(1))
  assert.deepEqual(disk.calls, [])
})

test('what a crash left of an unfinished replacement is removed at start', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  const path = onlyPath(disk)
  disk.files.set(`${path}.new`, { bytes: new Uint8Array(10), modifiedMs: 0 })
  const vault = await vaultOn(disk)
  assert.equal(onlyPath(disk), path)
  assert.equal(vault.status().nameChangedCount, 0)
  assert.ok(vault.has(blockOf(1)))
})

test('a read that fails while the block is stored again looks again', async () => {
  const disk = new MemoryDisk()
  const vault = await vaultOn(disk)
  const block = blockOf(1)
  await vault.put(block)
  const file = disk.files.get(onlyPath(disk))
  assert.ok(file)
  file.bytes = file.bytes.map((byte) => byte ^ 1)
  const read = disk.read.bind(disk)
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  disk.read = async (path) => {
    disk.read = read
    const bytes = await read(path)
    await held
    return bytes
  }
  const slow = vault.get(block)
  await assert.rejects(vault.get(block), withCode('vault/content-changed'))
  await vault.put(block)
  release()
  assert.deepEqual((await slow).sealed, block.sealed)
  assert.ok(vault.has(block), 'the fresh copy is not forgotten for the old one')
})
