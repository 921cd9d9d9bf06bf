import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import { concat } from '../../src/base/bytes.ts'
import { isUnosysError } from '../../src/base/error.ts'
import type { Disk } from '../../src/ports/disk.ts'

export type DiskWorld = {
  readonly disk: Disk
  /** Run the body of a test, with the world's time passing. */
  readonly drive: (body: () => Promise<void>) => Promise<void>
  readonly close: () => Promise<void>
}

export type DiskSubject = {
  readonly name: string
  readonly open: () => Promise<DiskWorld>
}

type Check = (title: string, run: (disk: Disk) => Promise<void>) => void

function checksOf({ name, open }: DiskSubject): Check {
  return (title, run) => {
    test(`${name}: ${title}`, { timeout: 30_000 }, async () => {
      const world = await open()
      try {
        await world.drive(() => run(world.disk))
      } finally {
        await world.close()
      }
    })
  }
}

const bytesOf = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)

function patterned(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + seed) & 0xff)
}

const failsWith = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => isUnosysError(error, code))

/** What every `Disk` promises while nothing is wrong. */
export function diskCompliance(subject: DiskSubject): void {
  files(subject)
  synced(subject)
  names(subject)
  appending(subject)
}

function files(subject: DiskSubject): void {
  const check = checksOf(subject)

  check(
    'what is written is read, parts as if joined, a second write replacing the first',
    async (disk) => {
      for (const parts of [
        [],
        [bytesOf()],
        [bytesOf(1, 2), bytesOf(), bytesOf(3)],
        [patterned(70_000), patterned(1), patterned(5_000)],
        [bytesOf(9)],
      ]) {
        await disk.write('file', parts)
        assert.deepEqual(await disk.read('file'), concat(parts))
        assert.equal((await disk.stat('file'))?.sizeBytes, concat(parts).length)
      }
    },
  )

  check('what is read is a plain Uint8Array of its own', async (disk) => {
    await disk.write('file', [bytesOf(1, 2, 3)])
    const first = await disk.read('file')
    assert.equal(first.constructor, Uint8Array)
    assert.equal(first.buffer.byteLength, 3)
    first[0] = 99
    assert.deepEqual(await disk.read('file'), bytesOf(1, 2, 3))
  })

  check('the caller may change its bytes once a write has resolved', async (disk) => {
    const bytes = patterned(8192)
    await disk.write('a', [bytes])
    await disk.writeSynced('b', [bytes])
    bytes.fill(0)
    assert.deepEqual(await disk.read('a'), patterned(8192))
    assert.deepEqual(await disk.read('b'), patterned(8192))
  })

  check('a given time stamp is kept', async (disk) => {
    const modifiedMs = 1_000_000_000_000
    await disk.write('a', [bytesOf(1)], { modifiedMs })
    await disk.writeSynced('b', [bytesOf(1)], { modifiedMs })
    await disk.writeSynced('c', [patterned(4096)], { modifiedMs })
    for (const path of ['a', 'b', 'c'])
      assert.equal((await disk.stat(path))?.modifiedMs, modifiedMs)
  })

  check(
    'what is missing: no stat, nothing to remove, and `disk/not-found` elsewhere',
    async (disk) => {
      assert.equal(await disk.stat('none'), undefined)
      assert.equal(await disk.stat('none/below'), undefined)
      await disk.remove('none')
      await failsWith(disk.read('none'), 'disk/not-found')
      await failsWith(disk.rename('none', 'other'), 'disk/not-found')
      await failsWith(disk.syncFile('none'), 'disk/not-found')
      await failsWith(disk.syncFolder('none'), 'disk/not-found')
      await failsWith(disk.write('none/file', []), 'disk/not-found')
      await failsWith(disk.writeSynced('none/file', []), 'disk/not-found')
      await failsWith(disk.openAppend('none/file'), 'disk/not-found')
    },
  )

  check('there is room, counted in whole bytes', async (disk) => {
    const freeBytes = await disk.freeBytes()
    assert.ok(Number.isSafeInteger(freeBytes) && freeBytes > 0)
  })

  check('a path that leaves the folder is our own mistake', async (disk) => {
    const wrong = ['/etc/passwd', '..', 'a/../b', 'a//b', 'a/', '.', './a', 'a\\b', 'a\0b', 'c:x']
    for (const path of wrong) {
      await assert.rejects(async () => disk.read(path), AssertionError)
      await assert.rejects(async () => disk.write(path, []), AssertionError)
      await assert.rejects(async () => disk.writeSynced(path, []), AssertionError)
      await assert.rejects(async () => disk.rename('a', path), AssertionError)
      await assert.rejects(async () => disk.makeFolder(path), AssertionError)
      await assert.rejects(async () => disk.openAppend(path), AssertionError)
      await assert.rejects(async () => disk.list(path), AssertionError)
    }
  })
}

function synced(subject: DiskSubject): void {
  const check = checksOf(subject)

  check('a synced write creates files of any length', async (disk) => {
    const lengths = [0, 1, 4095, 4096, 4097, 65_536, 65_537, 131_072, 135_168, 1_048_576, 1_000_001]
    for (const length of lengths) {
      const half = length >> 1
      const parts = [patterned(length).subarray(0, half), patterned(length).subarray(half)]
      await disk.writeSynced(`f${length}`, parts)
      assert.deepEqual(await disk.read(`f${length}`), patterned(length))
    }
  })

  check('a synced write never replaces', async (disk) => {
    await disk.writeSynced('file', [patterned(4096)])
    for (const length of [4096, 10]) {
      await failsWith(disk.writeSynced('file', [patterned(length, 7)]), 'disk/exists')
      assert.deepEqual(await disk.read('file'), patterned(4096))
    }
  })

  check('many synced writes at once all arrive', async (disk) => {
    await disk.makeFolder('many')
    const numbers = Array.from({ length: 150 }, (_, index) => index)
    await Promise.all(
      numbers.map((number) =>
        disk.writeSynced(`many/${number}`, [patterned(4096 * (1 + (number % 3)), number)]),
      ),
    )
    for (const number of numbers)
      assert.deepEqual(
        await disk.read(`many/${number}`),
        patterned(4096 * (1 + (number % 3)), number),
      )
  })

  check('of two synced writes of one name at once, one wins whole', async (disk) => {
    const outcomes = await Promise.allSettled([
      disk.writeSynced('file', [patterned(8192, 1)]),
      disk.writeSynced('file', [patterned(8192, 2)]),
    ])
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.deepEqual(await disk.read('file'), patterned(8192, winner + 1))
  })

  check('files and folders can be synced, the root too', async (disk) => {
    await disk.makeFolder('folder')
    await disk.write('folder/file', [bytesOf(1)])
    await disk.syncFile('folder/file')
    await disk.syncFolder('folder')
    await disk.syncFolder('')
    assert.deepEqual(await disk.read('folder/file'), bytesOf(1))
  })
}

function names(subject: DiskSubject): void {
  const check = checksOf(subject)

  check('folders are made with their parents, again is fine', async (disk) => {
    await disk.makeFolder('a/b/c')
    await disk.makeFolder('a/b/c')
    await disk.makeFolder('a/d')
    await disk.makeFolder('')
    assert.deepEqual(await disk.list('a'), ['b', 'd'])
    assert.deepEqual(await disk.list(''), ['a'])
    await disk.write('a/b/c/file', [bytesOf(1)])
    assert.deepEqual(await disk.list('a/b/c'), ['file'])
  })

  check('names are listed by code units; a missing folder has none', async (disk) => {
    await disk.makeFolder('f')
    const listed = ['10', '9', 'B', 'a', 'b', 'z-z', 'z_z', 'zz', 'ä']
    for (const name of listed.toReversed()) await disk.write(`f/${name}`, [])
    assert.deepEqual(await disk.list('f'), listed)
    assert.deepEqual(await disk.list('g'), [])
    assert.deepEqual(await disk.list('g/h'), [])
  })

  check('a rename moves, also between folders, and replaces what is there', async (disk) => {
    await disk.makeFolder('a')
    await disk.makeFolder('b')
    await disk.write('a/one', [bytesOf(1)])
    await disk.write('b/two', [bytesOf(2)])
    await disk.rename('a/one', 'a/uno')
    assert.deepEqual(await disk.list('a'), ['uno'])
    await disk.rename('a/uno', 'b/two')
    assert.deepEqual(await disk.list('a'), [])
    assert.deepEqual(await disk.list('b'), ['two'])
    assert.deepEqual(await disk.read('b/two'), bytesOf(1))
    await disk.rename('b', 'a/c')
    assert.deepEqual(await disk.read('a/c/two'), bytesOf(1))
    await failsWith(disk.rename('a/c/two', 'nowhere/two'), 'disk/not-found')
    assert.deepEqual(await disk.read('a/c/two'), bytesOf(1))
  })

  check('a removed file is gone, and its name free', async (disk) => {
    await disk.writeSynced('file', [bytesOf(1)])
    await disk.remove('file')
    assert.deepEqual(await disk.list(''), [])
    assert.equal(await disk.stat('file'), undefined)
    await disk.writeSynced('file', [bytesOf(2)])
    assert.deepEqual(await disk.read('file'), bytesOf(2))
  })

  check('a folder is not a file', async (disk) => {
    await disk.makeFolder('folder')
    await disk.write('file', [bytesOf(1)])
    await failsWith(disk.read('folder'), 'disk/unreadable')
    await failsWith(disk.write('folder', []), 'disk/failed')
    await failsWith(disk.list('file'), 'disk/failed')
    await failsWith(disk.makeFolder('file'), 'disk/exists')
    await failsWith(disk.writeSynced('folder', []), 'disk/exists')
    await failsWith(disk.rename('file', 'folder'), 'disk/exists')
  })
}

function appending(subject: DiskSubject): void {
  const check = checksOf(subject)

  check('appends arrive in the order of asking, however many wait', async (disk) => {
    const file = await disk.openAppend('log')
    const done: number[] = []
    const parts = Array.from({ length: 300 }, (_, index) => patterned(index, index))
    await Promise.all(
      parts.map(async (part, index) => {
        const append = file.append([part.subarray(0, 5), part.subarray(5)])
        if (index % 7 === 0) await file.sync()
        await append
        if (index % 7 !== 0) done.push(index)
      }),
    )
    assert.deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    )
    assert.deepEqual(await disk.read('log'), concat(parts))
    await file.close()
  })

  check('a file is appended to where it ended', async (disk) => {
    for (let round = 1; round <= 3; round++) {
      const file = await disk.openAppend('log')
      await file.append([bytesOf(round)])
      await file.append([])
      await file.append([bytesOf(), bytesOf(round)])
      await file.sync()
      await file.close()
    }
    assert.deepEqual(await disk.read('log'), bytesOf(1, 1, 2, 2, 3, 3))
  })

  check('an empty file is there once it was opened', async (disk) => {
    const file = await disk.openAppend('log')
    assert.deepEqual(await disk.read('log'), bytesOf())
    await file.close()
  })

  check('closing waits for what was asked before, and ends the file', async (disk) => {
    const file = await disk.openAppend('log')
    const appends = [file.append([patterned(100_000)]), file.sync(), file.append([bytesOf(1)])]
    await file.close()
    await Promise.all(appends)
    assert.equal((await disk.stat('log'))?.sizeBytes, 100_001)
    await failsWith(file.append([bytesOf(2)]), 'disk/failed')
    await failsWith(file.sync(), 'disk/failed')
    assert.equal((await disk.stat('log'))?.sizeBytes, 100_001)
  })

  check('two files are appended to independently', async (disk) => {
    const [a, b] = await Promise.all([disk.openAppend('a'), disk.openAppend('b')])
    await Promise.all([a.append([bytesOf(1)]), b.append([bytesOf(2)]), a.append([bytesOf(3)])])
    await Promise.all([a.sync(), b.sync(), a.close(), b.close()])
    assert.deepEqual(await disk.read('a'), bytesOf(1, 3))
    assert.deepEqual(await disk.read('b'), bytesOf(2))
  })
}
