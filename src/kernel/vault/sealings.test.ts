import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  blockOf,
  diskFault,
  MemoryDisk,
  storageKey,
  vaultOn,
} from '../../../test/conformance/vault-fixture.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { DiskCode } from '../../ports/disk.ts'
import type { Log } from '../../ports/log.ts'
import { sealingsMax, sealingsStep } from './limits.ts'
import { openSealings, type Sealings } from './sealings.ts'

const path = 'vault/sealings.txt'
const warnings: string[] = []
const log: Log = {
  debug() {},
  info() {},
  warn: (message) => void warnings.push(message),
  error() {},
  for: () => log,
}

async function diskWithFolder(text?: string): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await disk.makeFolder('vault')
  if (text !== undefined) await disk.write(path, [utf8(text)])
  disk.calls = []
  return disk
}

const countIn = (disk: MemoryDisk): string | undefined => {
  const file = disk.files.get(path)
  return file && fromUtf8(file.bytes)
}
const textOf = (epoch: number, bound: number): string =>
  `UnoSys sealings, format 1\nstorage key ${epoch}: at most ${bound}\n`
const opened = (disk: MemoryDisk, names = 0, epoch = 1): Promise<Sealings> =>
  openSealings({ disk, log }, { epoch, names })

const isUsedUp = (error: unknown): boolean =>
  isUnosysError(error, 'vault/unusable') &&
  /storage key 1 has sealed 4294967296/.test(error.message)

async function take(sealings: Sealings, count: number): Promise<void> {
  for (let taken = 0; taken < count; taken++) await sealings.take()
}

test('more than were ever taken stand durably in the file, before they are used', async () => {
  const disk = await diskWithFolder()
  const first = await opened(disk)
  assert.deepEqual(disk.calls, [`read ${path}`])
  await Promise.all([first.take(), first.take()])
  const write = [`remove ${path}.new`, `writeSynced ${path}.new`, `rename ${path}.new`]
  assert.deepEqual(disk.calls.slice(1), [...write, 'syncFolder vault'])
  assert.equal(countIn(disk), textOf(1, sealingsStep))
  await take(first, sealingsStep - 2)
  assert.equal(disk.calls.length, 5)
  await first.take()
  assert.equal(countIn(disk), textOf(1, 2 * sealingsStep))
  // The next run does not know how many of these were used: it counts all.
  await (await opened(disk)).take()
  assert.equal(countIn(disk), textOf(1, 3 * sealingsStep))
})

test('a step that cannot be kept is not used', async () => {
  const disk = await diskWithFolder()
  const sealings = await opened(disk)
  for (const failing of ['writeSynced', 'syncFolder'] as const) {
    disk.interfere = (call) => {
      if (call === failing) throw diskFault(DiskCode.Full, path)
    }
    await assert.rejects(sealings.take(), (error) => isUnosysError(error, 'disk/full'))
  }
  disk.interfere = () => {}
  await sealings.take()
  assert.equal(countIn(disk), textOf(1, sealingsStep))
})

test('another key begins anew; files found under a key count where nothing else does', async () => {
  const disk = await diskWithFolder(textOf(1, 900_000))
  await (await opened(disk, 5, 2)).take()
  assert.equal(countIn(disk), textOf(2, 5 + sealingsStep))
  for (const text of ['', 'nonsense', textOf(1, 7).slice(0, -1), undefined]) {
    warnings.length = 0
    const other = await diskWithFolder(text)
    await (await opened(other, 70_000)).take()
    assert.equal(countIn(other), textOf(1, 70_000 + sealingsStep))
    assert.equal(warnings.length, text === undefined ? 0 : 1)
  }
})

test('at 2^32 the key seals nothing more, in this run and in later ones', async () => {
  const disk = await diskWithFolder(textOf(1, sealingsMax - 2))
  const sealings = await opened(disk)
  await take(sealings, 2)
  await assert.rejects(sealings.take(), isUsedUp)
  await assert.rejects((await opened(disk)).take(), isUsedUp)
})

test('a vault whose key is used up refuses puts, in words, and reads on; a new key helps', async () => {
  const disk = new MemoryDisk()
  await (await vaultOn(disk)).put(blockOf(1))
  assert.equal(countIn(disk), textOf(1, sealingsStep))
  await disk.write(path, [utf8(textOf(1, sealingsMax))])
  const vault = await vaultOn(disk)
  await assert.rejects(vault.put(blockOf(2)), isUsedUp)
  assert.deepEqual((await vault.get(blockOf(1))).sealed, blockOf(1).sealed)
  const next = await vaultOn(disk, { storageKeys: [storageKey(1), storageKey(2)] })
  await next.put(blockOf(2))
  assert.deepEqual((await next.get(blockOf(2))).sealed, blockOf(2).sealed)
})
