// Goal: what is promised survives every crash; what is not promised is really taken away sometimes,
// in every way we know; each fault shows as the error that the port names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat, equalBytes, toHex } from '../base/bytes.ts'
import { isUnosysError } from '../base/error.ts'
import type { AppendFile, Disk } from '../ports/disk.ts'
import { Scheduler } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { SimDisk } from './sim-disk.ts'
import { SimProcess } from './sim-process.ts'
import { SimRandom } from './sim-random.ts'

const seedCount = 200

const patterned = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => 1 + ((index * 31 + (index >> 8) + seed) % 255))

const failsWith = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => isUnosysError(error, code))

/** What a disk holds after `write` and a crash, for many seeds. */
async function crashed<Value>(
  write: (disk: Disk) => Promise<void>,
  look: (disk: Disk) => Promise<Value>,
): Promise<Value[]> {
  const found: Value[] = []
  for (let seed = 0; seed < seedCount; seed++) {
    const disk = new SimDisk({ random: new SimRandom(seed) })
    await write(disk.mount())
    disk.crash()
    found.push(await look(disk.mount()))
  }
  return found
}

const contentOf =
  (path: string) =>
  async (disk: Disk): Promise<Uint8Array | undefined> =>
    (await disk.stat(path)) && disk.read(path)

const isZeros = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

test('crash: a synced file with a synced name is always there, whole', async () => {
  const body = patterned(5000)
  const found = await crashed(
    async (disk) => {
      await disk.makeFolder('a/b')
      await disk.syncFolder('')
      await disk.syncFolder('a')
      await disk.writeSynced('a/b/one', [body])
      await disk.write('a/b/two', [body], { modifiedMs: 1000 })
      await disk.syncFile('a/b/two')
      await disk.syncFolder('a/b')
    },
    async (disk) => {
      assert.deepEqual(await disk.list('a/b'), ['one', 'two'])
      assert.equal((await disk.stat('a/b/two'))?.modifiedMs, 1000)
      return [await disk.read('a/b/one'), await disk.read('a/b/two')]
    },
  )
  for (const pair of found) assert.deepEqual(pair, [body, body])
})

test('crash: a name that was not synced is there or not; the synced content never suffers', async () => {
  const body = patterned(5000)
  const found = await crashed((disk) => disk.writeSynced('file', [body]), contentOf('file'))
  assert.ok(found.some((content) => content === undefined))
  assert.ok(found.some((content) => content !== undefined))
  for (const content of found) if (content !== undefined) assert.deepEqual(content, body)
})

test('crash: content that was not synced may vanish, be cut, lose sectors, or survive', async () => {
  const body = patterned(5000)
  const found = await crashed(async (disk) => {
    await disk.write('file', [body])
    await disk.syncFolder('')
  }, contentOf('file'))
  const kinds = { empty: 0, whole: 0, cut: 0, holed: 0 }
  for (const content of found) {
    assert.ok(content !== undefined && content.length <= body.length)
    if (content.length === 0) kinds.empty++
    else if (equalBytes(content, body)) kinds.whole++
    else if (equalBytes(content, body.subarray(0, content.length))) kinds.cut++
    else {
      kinds.holed++
      for (let start = 0; start < content.length; start += 512) {
        const sector = content.subarray(start, start + 512)
        const written = body.subarray(start, start + sector.length)
        assert.ok(equalBytes(sector, written) || isZeros(sector))
      }
    }
  }
  for (const [kind, count] of Object.entries(kinds)) assert.ok(count > 0, kind)
})

test('crash: a file replaced and not synced holds old, new, or pieces of both', async () => {
  const before = patterned(3000, 1)
  const after = patterned(3000, 2)
  const found = await crashed(async (disk) => {
    await disk.writeSynced('file', [before])
    await disk.syncFolder('')
    await disk.write('file', [after])
  }, contentOf('file'))
  assert.ok(found.some((content) => equalBytes(content ?? after, before)))
  assert.ok(found.some((content) => equalBytes(content ?? before, after)))
  assert.ok(found.some((content) => content !== undefined && content.length < 3000))
})

test('crash: what was appended and synced stays; only the tail falls', async () => {
  const head = patterned(1300, 1)
  const tail = patterned(2000, 2)
  const found = await crashed(async (disk) => {
    const file = await disk.openAppend('log')
    await disk.syncFolder('')
    await file.append([head])
    await file.sync()
    await file.append([tail])
  }, contentOf('log'))
  const lengths = new Set<number>()
  for (const content of found) {
    assert.ok(content !== undefined && content.length >= head.length)
    assert.deepEqual(content.subarray(0, head.length), head)
    lengths.add(content.length)
  }
  assert.ok(lengths.has(head.length) && lengths.has(head.length + tail.length) && lengths.size > 9)
})

test('crash: a rename happens or not, and never loses the file', async () => {
  const body = patterned(700)
  const found = await crashed(
    async (disk) => {
      await disk.makeFolder('a')
      await disk.makeFolder('b')
      await disk.syncFolder('')
      await disk.writeSynced('a/new', [body])
      await disk.writeSynced('b/kept', [patterned(10)])
      await disk.syncFolder('a')
      await disk.syncFolder('b')
      await disk.rename('a/new', 'a/newer')
      await disk.rename('a/newer', 'b/kept')
    },
    async (disk) => {
      const names = [...(await disk.list('a')), ...(await disk.list('b'))]
      const kept = await disk.read('b/kept')
      return `${names.join(' ')} ${kept.length}`
    },
  )
  assert.deepEqual([...new Set(found)].sort(), ['kept 700', 'new kept 10'])
})

test('crash: a removed name may come back, unless its folder was synced', async () => {
  const write =
    (sync: boolean) =>
    async (disk: Disk): Promise<void> => {
      await disk.writeSynced('file', [patterned(10)])
      await disk.syncFolder('')
      await disk.remove('file')
      if (sync) await disk.syncFolder('')
    }
  const loose = await crashed(write(false), (disk) => disk.list(''))
  assert.ok(loose.some((names) => names.length === 0) && loose.some((names) => names.length === 1))
  const synced = await crashed(write(true), (disk) => disk.list(''))
  assert.ok(synced.every((names) => names.length === 0))
})

test('crash: a folder whose name was not synced takes its files along', async () => {
  const found = await crashed(
    async (disk) => {
      await disk.makeFolder('a')
      await disk.writeSynced('a/file', [patterned(10)])
      await disk.syncFolder('a')
    },
    (disk) => disk.list('a'),
  )
  assert.ok(found.some((names) => names.length === 0) && found.some((names) => names.length === 1))
})

test('crash: whatever was done before, what was made safe is safe', async () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('write', 'append', 'writeSynced', 'secure'), name }),
    fc.record({ kind: fc.constantFrom('remove', 'syncFile'), name }),
    fc.record({ kind: fc.constant('rename'), name, to: name }),
    fc.record({ kind: fc.constant('syncFolder'), name }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(), async (steps, seed) => {
      const disk = new SimDisk({ random: new SimRandom(seed) })
      const mount = disk.mount()
      /** Names made safe and not touched since. */
      const safe = new Map<string, string>()
      let version = 0
      for (const one of steps) {
        const body = patterned(600, ++version)
        const { kind, name: path } = one
        if (kind !== 'syncFolder' && kind !== 'syncFile' && kind !== 'secure') safe.delete(path)
        try {
          if (kind === 'write') await mount.write(path, [body])
          else if (kind === 'writeSynced') await mount.writeSynced(path, [body])
          else if (kind === 'append') await append(mount, path, body)
          else if (kind === 'remove') await mount.remove(path)
          else if (kind === 'syncFile') await mount.syncFile(path)
          else if (kind === 'syncFolder') await mount.syncFolder('')
          else if ('to' in one) {
            safe.delete(one.to)
            await mount.rename(path, one.to)
          } else {
            await mount.syncFile(path)
            await mount.syncFolder('')
            safe.set(path, toHex(await mount.read(path)))
          }
        } catch (error) {
          const expected =
            isUnosysError(error, 'disk/not-found') || isUnosysError(error, 'disk/exists')
          assert.ok(expected, String(error))
        }
      }
      disk.crash()
      const after = disk.mount()
      for (const [path, hex] of safe) assert.equal(toHex(await after.read(path)), hex)
      // The disk counts right and works on.
      let usedBytes = 0
      for (const path of await after.list('')) usedBytes += (await after.stat(path))?.sizeBytes ?? 0
      assert.equal(await after.freeBytes(), 2 ** 40 - usedBytes)
      const names = await after.list('')
      disk.crash()
      assert.deepEqual(await disk.mount().list(''), names)
    }),
    { numRuns: 300 },
  )
})

async function append(disk: Disk, path: string, body: Uint8Array): Promise<void> {
  const file = await disk.openAppend(path)
  await file.append([body])
  await file.close()
}

test('a crash, and the end of the process, end the mount and its open files', async () => {
  for (const how of ['crash', 'detach'] as const) {
    const disk = new SimDisk({ random: new SimRandom(1) })
    const mount = disk.mount()
    const file = await mount.openAppend('log')
    await file.append([patterned(10)])
    disk[how]()
    await failsWith(file.append([patterned(10)]), 'disk/failed')
    await failsWith(file.sync(), 'disk/failed')
    await failsWith(mount.read('log'), 'disk/failed')
    await failsWith(mount.write('other', []), 'disk/failed')
    await failsWith(mount.syncFolder(''), 'disk/failed')
    assert.ok(!(await disk.mount().list('')).includes('other'))
  }
})

test('the end of the process alone loses nothing that was written', async () => {
  const disk = new SimDisk({ random: new SimRandom(1) })
  const mount = disk.mount()
  await mount.makeFolder('a')
  await mount.write('a/file', [patterned(3000)])
  disk.detach()
  assert.deepEqual(await disk.mount().read('a/file'), patterned(3000))
})

test('the same seed gives the same crash', async () => {
  const run = async (): Promise<string[]> => {
    const disk = new SimDisk({ random: new SimRandom(7) })
    const mount = disk.mount()
    for (let number = 0; number < 20; number++)
      await mount.write(`f${number}`, [patterned(3000, number)])
    disk.crash()
    const after = disk.mount()
    const found: string[] = []
    for (const path of disk.paths()) found.push(`${path} ${toHex(await after.read(path))}`)
    return found
  }
  assert.deepEqual(await run(), await run())
})

type Timed = { scheduler: Scheduler; disk: SimDisk; mount: Disk; process: SimProcess }

function timed(): Timed {
  const scheduler = new Scheduler({ settle: () => new Promise((done) => setImmediate(done)) })
  const process = new SimProcess(scheduler, 'a')
  const disk = new SimDisk({ random: new SimRandom(3) })
  return { scheduler, disk, process, mount: disk.mount(new SimClock(process)) }
}

test('with a clock operations take time, more when the disk is slow; a sync under way at a crash is not done', async () => {
  const { scheduler, disk, mount } = timed()
  disk.faults.delayMs = { min: 100, max: 100 }
  disk.faults.syncDelayMs = { min: 1000, max: 1000 }
  let written = false
  let synced = false
  const chain = mount
    .write('file', [patterned(2000)])
    .then(() => {
      written = true
      return mount.syncFolder('')
    })
    .then(() => {
      synced = true
      return mount.syncFile('file')
    })
  const failed = failsWith(chain, 'disk/failed')
  await scheduler.run({ until: () => written })
  assert.equal(scheduler.nowMs, 100)
  await scheduler.run({ until: () => synced })
  assert.equal(scheduler.nowMs, 1200)
  disk.crash()
  await scheduler.run({})
  await failed
})

test('of a killed process nothing is answered any more', async () => {
  const { scheduler, disk, mount, process } = timed()
  let answered = false
  const settle = (): void => {
    answered = true
  }
  mount.write('file', [patterned(10)]).then(settle, settle)
  process.kill()
  disk.detach()
  await scheduler.run({})
  assert.equal(answered, false)
})

test('fault full: clear refusal, appends whole or not at all, room again after a removal', async () => {
  const disk = new SimDisk({ random: new SimRandom(1), quotaBytes: 1000 })
  const mount = disk.mount()
  const file: AppendFile = await mount.openAppend('log')
  await file.append([patterned(600)])
  assert.equal(await mount.freeBytes(), 400)
  await failsWith(file.append([patterned(300), patterned(200)]), 'disk/full')
  await failsWith(mount.writeSynced('block', [patterned(401)]), 'disk/full')
  await failsWith(mount.write('note', [patterned(401)]), 'disk/full')
  assert.equal((await mount.stat('log'))?.sizeBytes, 600)
  assert.equal(await mount.stat('block'), undefined)
  await mount.remove('note')
  await file.append([patterned(400)])
  assert.deepEqual(await mount.read('log'), concat([patterned(600), patterned(400)]))
  await mount.remove('log')
  assert.equal(await mount.freeBytes(), 1000)
  disk.faults.full = true
  await failsWith(mount.write('small', [patterned(1)]), 'disk/full')
  assert.equal(await mount.freeBytes(), 0)
})

test('fault denied: the path and all below it', async () => {
  const disk = new SimDisk({ random: new SimRandom(1) })
  const mount = disk.mount()
  await mount.makeFolder('vault')
  await mount.write('vault/a', [patterned(1)])
  disk.faults.denied = ['vault']
  await failsWith(mount.read('vault/a'), 'disk/denied')
  await failsWith(mount.list('vault'), 'disk/denied')
  await failsWith(mount.writeSynced('vault/b', []), 'disk/denied')
  await failsWith(mount.rename('vault/a', 'a'), 'disk/denied')
  await mount.write('vaults', [patterned(1)])
  disk.faults.denied = []
  assert.deepEqual(await mount.read('vault/a'), patterned(1))
})

test('fault failing sync: the error says so, and a later sync does not bring back what was lost', async () => {
  const lost: boolean[] = []
  for (let seed = 0; seed < seedCount; seed++) {
    const disk = new SimDisk({ random: new SimRandom(seed) })
    const mount = disk.mount()
    await mount.write('file', [patterned(2000)])
    await mount.syncFolder('')
    disk.faults.failingSync = true
    await failsWith(mount.syncFile('file'), 'disk/failed')
    await failsWith(mount.writeSynced('block', [patterned(10)]), 'disk/failed')
    await failsWith(mount.syncFolder(''), 'disk/failed')
    assert.equal(await mount.stat('block'), undefined)
    const log = await mount.openAppend('log')
    await failsWith(log.sync(), 'disk/failed')
    disk.faults.failingSync = false
    await failsWith(log.append([patterned(1)]), 'disk/failed')
    await mount.syncFile('file')
    disk.crash()
    lost.push(!equalBytes(await disk.mount().read('file'), patterned(2000)))
  }
  assert.ok(lost.includes(true))
})

test('fault failing read', async () => {
  const disk = new SimDisk({ random: new SimRandom(1) })
  const mount = disk.mount()
  await mount.write('file', [patterned(1)])
  disk.faults.failingRead = true
  await failsWith(mount.read('file'), 'disk/unreadable')
})

test('fault busy: what opens a file fails, and nothing of it was done', async () => {
  const disk = new SimDisk({ random: new SimRandom(1) })
  const mount = disk.mount()
  await mount.write('file', [patterned(1)])
  disk.faults.busy = true
  const opening: (() => Promise<unknown>)[] = [
    () => mount.read('file'),
    () => mount.list(''),
    () => mount.write('file', []),
    () => mount.writeSynced('new', []),
    () => mount.syncFile('file'),
    () => mount.syncFolder(''),
    () => mount.openAppend('log'),
  ]
  for (const open of opening) await failsWith(open(), 'disk/busy')
  disk.faults.busy = false
  assert.deepEqual(await mount.list(''), ['file'])
  assert.deepEqual(await mount.read('file'), patterned(1))
})

test('fault rot: one bit of one byte, for good', async () => {
  const disk = new SimDisk({ random: new SimRandom(1) })
  const mount = disk.mount()
  await mount.writeSynced('file', [patterned(1000)])
  await mount.syncFolder('')
  const offset = disk.rot('file')
  assert.ok(offset !== undefined)
  const check = async (read: Promise<Uint8Array>): Promise<void> => {
    const changed = [...(await read).entries()].filter(([at, byte]) => byte !== patterned(1000)[at])
    assert.equal(changed.length, 1)
    const [[at, byte] = [0, 0]] = changed
    assert.equal(at, offset)
    const flipped = byte ^ (patterned(1000)[at] ?? 0)
    assert.equal(flipped & (flipped - 1), 0)
  }
  await check(mount.read('file'))
  disk.crash()
  await check(disk.mount().read('file'))
  assert.equal(disk.rot('file', 3), 3)
  await disk.mount().write('empty', [])
  assert.equal(disk.rot('empty'), undefined)
})
