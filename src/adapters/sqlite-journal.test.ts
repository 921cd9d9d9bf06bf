// Goal: what only the real store shows: kills in the middle of commits, damaged and foreign files,
// other processes, a bound on its size and on its write-ahead log, the hardened runtime.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { numberKey, partCount } from '../../test/compliance/journal-numbers.ts'
import { isUnosysError } from '../base/error.ts'
import type { Journal, JournalWrite } from '../ports/journal.ts'
import { createSqliteJournals } from './sqlite-journal.ts'
import { eachWrite, packWrites } from './sqlite-journal-format.ts'
import { damageOfLog } from './sqlite-log-check.ts'

const writerFile = new URL('../../test/compliance/journal-writer.ts', import.meta.url).pathname
const hardened = [
  '--disallow-code-generation-from-strings',
  '--disable-proto=delete',
  `--import=${new URL('./frozen-builtins.ts', import.meta.url).href}`,
  '--disable-sigusr1',
]

function tempFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-journal-'))
  context.after(() => fs.rmSync(folder, { recursive: true }))
  return folder
}

const failsWith = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => isUnosysError(error, code))

const put = (number: number, lengthBytes: number): JournalWrite => ({
  kind: 'put',
  key: numberKey(number, 0),
  value: new Uint8Array(lengthBytes).fill(number),
})

const all = (journal: Journal): ReturnType<Journal['range']> =>
  journal.range({
    from: new Uint8Array(0),
    to: Uint8Array.of(255, 255, 255, 255, 255, 255),
    countMax: 10_000_000,
  })

/** A process that commits numbers; `acknowledged` is the last one that it printed. */
class Writer {
  readonly child: ChildProcess
  readonly acknowledged: number[] = []
  errors = ''

  constructor(folder: string, context: TestContext) {
    this.child = spawn(process.execPath, [...hardened, writerFile, folder])
    context.after(() => this.child.kill('SIGKILL'))
    let partial = ''
    this.child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (partial + chunk.toString()).split('\n')
      partial = lines.pop() ?? ''
      this.acknowledged.push(...lines.map(Number))
    })
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
    })
  }

  async reach(count: number): Promise<void> {
    while (this.acknowledged.length < count) {
      assert.equal(this.child.exitCode, null, this.errors)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    // Closed when all it printed has arrived.
    await once(this.child, 'close')
  }
}

test('killed in the middle of commits: all acknowledged are there, the rest whole and in order', {
  timeout: 60_000,
}, async (context) => {
  const folder = tempFolder(context)
  for (let round = 1; round <= 4; round++) {
    const writer = new Writer(folder, context)
    await writer.reach(100 + 437 * round)
    await writer.kill()
    const journal = await createSqliteJournals(folder).open('main')
    const entries = await all(journal)
    await journal.close()
    assert.equal(entries.length % partCount, 0)
    const presentCount = entries.length / partCount
    assert.ok(presentCount >= Math.max(...writer.acknowledged), 'an acknowledged commit is lost')
    for (const [index, { key, value }] of entries.entries()) {
      const number = Math.floor(index / partCount) + 1
      assert.deepEqual(key, numberKey(number, index % partCount))
      assert.equal(value.length, (number * 97) % 9000)
      assert.ok(value.every((byte) => byte === (number & 0xff)))
    }
  }
})

test('a store that another process has open is locked, and free when that one is gone', {
  timeout: 30_000,
}, async (context) => {
  const folder = tempFolder(context)
  const writer = new Writer(folder, context)
  await writer.reach(10)
  await failsWith(createSqliteJournals(folder).open('main'), 'journal/locked')
  await writer.kill()
  const journal = await createSqliteJournals(folder).open('main')
  assert.ok((await all(journal)).length >= 10 * partCount)
  await journal.close()
})

test('a store that is full says so, has half written nothing, and keeps what it had', async (context) => {
  const folder = tempFolder(context)
  const journal = await createSqliteJournals(folder, { bytesMax: 400_000 }).open('main')
  let keptCount = 0
  for (;;) {
    const commit = journal.commit([put(keptCount, 5000), put(1000 + keptCount, 5000)])
    const kept = await commit.then(
      () => true,
      (error: unknown) => {
        assert.ok(isUnosysError(error, 'journal/full'), String(error))
        return false
      },
    )
    if (!kept) break
    keptCount++
  }
  assert.ok(keptCount > 20)
  await failsWith(journal.commit([{ kind: 'delete', key: numberKey(0, 0) }]), 'journal/full')
  await journal.close()
  const again = await createSqliteJournals(folder).open('main')
  assert.equal((await all(again)).length, 2 * keptCount)
  await again.commit([put(5000, 5000)])
  await again.close()
})

test('a torn tail of the log is cut: what is left is whole commits, a prefix of what was', async (context) => {
  const folder = tempFolder(context)
  const journal = await createSqliteJournals(folder).open('main')
  for (let number = 1; number <= 12; number++) await journal.commit([put(number, 5000)])
  const log = fs.readFileSync(path.join(folder, 'main.sqlite-wal'))
  const base = fs.readFileSync(path.join(folder, 'main.sqlite'))
  await journal.close()
  let least = 12
  for (const tornBytes of [1, 24, 4_096, 9_000, 30_000]) {
    for (const how of ['cut', 'garbled']) {
      const copy = tempFolder(context)
      const torn = log.slice(0, how === 'cut' ? log.length - tornBytes : log.length)
      if (how === 'garbled') torn.fill(0x5a, log.length - tornBytes)
      fs.writeFileSync(path.join(copy, 'main.sqlite'), base)
      fs.writeFileSync(path.join(copy, 'main.sqlite-wal'), torn)
      const opened = await createSqliteJournals(copy).open('main')
      const entries = await all(opened)
      for (const [index, { key, value }] of entries.entries()) {
        assert.deepEqual(key, numberKey(index + 1, 0), `${how} ${tornBytes}`)
        assert.ok(value.length === 5_000 && value.every((byte) => byte === index + 1))
      }
      assert.ok(entries.length < 12, 'the newest commit was torn')
      least = Math.min(least, entries.length)
      await opened.commit([put(99, 10)])
      await opened.close()
    }
  }
  assert.ok(least >= 5 && least < 11, `${least} commits before the largest damage`)
})

test('C90 (9, corrupted): a bit that turned before the last transaction of the log is damage, not its end', async (context) => {
  const folder = tempFolder(context)
  const journal = await createSqliteJournals(folder).open('main')
  for (let number = 1; number <= 12; number++) await journal.commit([put(number, 5000)])
  const log = fs.readFileSync(path.join(folder, 'main.sqlite-wal'))
  const base = fs.readFileSync(path.join(folder, 'main.sqlite'))
  await journal.close()
  const frameBytes = 24 + 4_096
  const frameCount = (log.length - 32) / frameBytes
  assert.ok(Number.isInteger(frameCount) && frameCount > 24, `${frameCount} frames`)
  assert.equal(damageOfLog(log), undefined)
  const turned = (at: number): Buffer => {
    const copy = Buffer.from(log)
    copy[at] = (copy[at] ?? 0) ^ 0x10
    return copy
  }
  // In the header; in a frame's page number, size, salt, checksum and page.
  const places = [3, 9, 17, 25]
  const headOf = (frame: number): number => 32 + frame * frameBytes
  const ends = Array.from({ length: frameCount }, (_, frame) => frame).filter(
    (frame) => log.readUInt32BE(headOf(frame) + 4) !== 0,
  )
  assert.equal(ends.length, 12)
  for (let frame = 0; frame < (ends.at(-2) ?? 0); frame++) {
    const at = headOf(frame)
    places.push(at, at + 5, at + 9, at + 17, at + 24 + frame, at + frameBytes - 1)
  }
  for (const at of places) assert.ok(damageOfLog(turned(at)), `byte ${at} of ${log.length}`)
  // The last transaction may be torn, and where the one before ends may be a part of it.
  for (const at of [log.length - 1, log.length - frameBytes + 20, headOf(ends.at(-2) ?? 0) + 9]) {
    assert.equal(damageOfLog(turned(at)), undefined)
  }
  const copy = tempFolder(context)
  fs.writeFileSync(path.join(copy, 'main.sqlite'), base)
  fs.writeFileSync(path.join(copy, 'main.sqlite-wal'), turned(32 + 5 * frameBytes + 100))
  await failsWith(createSqliteJournals(copy).open('main'), 'journal/damaged')
})

test('what one crash left behind the end of the log is no damage after the next', async (context) => {
  const [first, second] = [tempFolder(context), tempFolder(context)]
  const frameBytes = 24 + 4_096
  const copyOf = (from: string, to: string, more: (log: Buffer) => Buffer): void => {
    fs.copyFileSync(path.join(from, 'main.sqlite'), path.join(to, 'main.sqlite'))
    const log = more(fs.readFileSync(path.join(from, 'main.sqlite-wal')))
    fs.writeFileSync(path.join(to, 'main.sqlite-wal'), log)
  }
  // A large transaction whose first frame never reached the disk, and all others did.
  const torn = (place: (log: Buffer) => number) => (log: Buffer) => {
    log.fill(0, place(log), place(log) + frameBytes)
    return log
  }
  const journal = await createSqliteJournals(first).open('main')
  await journal.commit([put(1, 5_000)])
  const before = fs.statSync(path.join(first, 'main.sqlite-wal')).size
  await journal.commit([put(2, 60_000)])
  copyOf(
    first,
    second,
    torn(() => before),
  )
  await journal.close()
  const again = await createSqliteJournals(second).open('main')
  assert.equal((await all(again)).length, 1)
  await again.commit([put(3, 5_000)])
  const third = tempFolder(context)
  copyOf(
    second,
    third,
    torn((log) => log.length - 2 * frameBytes),
  )
  await again.close()
  const last = await createSqliteJournals(third).open('main')
  assert.equal((await all(last)).length, 1)
  await last.close()
})

test('a log that was emptied and begun again is whole, whatever the one before left behind it', async (context) => {
  const folder = tempFolder(context)
  const journal = await createSqliteJournals(folder).open('main')
  const file = path.join(folder, 'main.sqlite-wal')
  let largest = 0
  for (let number = 1; number <= 40; number++) {
    await journal.commit([put(number, 200_000)])
    await all(journal)
    largest = Math.max(largest, fs.statSync(file).size)
    assert.equal(damageOfLog(fs.readFileSync(file)), undefined, `after ${number} commits`)
  }
  assert.ok(largest < 40 * 200_000, `it was never begun again: ${largest} bytes`)
  await journal.close()
})

test('a damaged or foreign file is refused, and so is a folder that cannot be', async (context) => {
  const folder = tempFolder(context)
  fs.writeFileSync(path.join(folder, 'foreign.sqlite'), 'this is no database '.repeat(500))
  await failsWith(createSqliteJournals(folder).open('foreign'), 'journal/damaged')
  fs.mkdirSync(path.join(folder, 'taken.sqlite'))
  await failsWith(createSqliteJournals(folder).open('taken'), 'journal/failed')
  const below = path.join(folder, 'foreign.sqlite', 'below')
  await failsWith(createSqliteJournals(below).open('main'), 'journal/failed')

  const journal = await createSqliteJournals(folder).open('torn')
  for (let number = 0; number < 50; number++) await journal.commit([put(number, 5000)])
  await journal.close()
  const file = path.join(folder, 'torn.sqlite')
  const bytes = fs.readFileSync(file)
  bytes.fill(0x5a, 4096, 4096 * 20)
  fs.writeFileSync(file, bytes)
  const opened = await createSqliteJournals(folder).open('torn')
  await failsWith(all(opened), 'journal/damaged')
  await failsWith(opened.commit([put(1, 1)]), 'journal/damaged')
  await opened.close()
})

test('each transaction is told of, and many commits share one', async (context) => {
  let count = 0
  const journals = createSqliteJournals(tempFolder(context), { onSync: () => count++ })
  const journal = await journals.open('main')
  await journal.commit([put(1, 10)])
  assert.equal(count, 1)
  await Promise.all([2, 3, 4].map((number) => journal.commit([put(number, 10)])))
  assert.equal(count, 2)
  await journal.close()
})

test('a name that is no name is our own mistake', async (context) => {
  const journals = createSqliteJournals(tempFolder(context))
  for (const name of ['', '../x', 'A', 'a b', 'a.b', 'a/b'])
    await assert.rejects(journals.open(name), { name: 'AssertionError' })
})

test('files are for their owner only; after a close the log is gone', async (context) => {
  const folder = path.join(tempFolder(context), 'made')
  const journal = await createSqliteJournals(folder).open('main')
  await journal.commit([put(1, 10)])
  const modeOf = (name: string): number => fs.statSync(path.join(folder, name)).mode & 0o077
  assert.deepEqual(fs.readdirSync(folder), ['main.sqlite', 'main.sqlite-wal'])
  assert.equal(modeOf('main.sqlite') | modeOf('main.sqlite-wal') | modeOf('.'), 0)
  await journal.close()
  assert.deepEqual(fs.readdirSync(folder), ['main.sqlite'])
})

test('the write-ahead log stays bounded, whatever is written', {
  timeout: 60_000,
}, async (context) => {
  const folder = tempFolder(context)
  const journal = await createSqliteJournals(folder).open('main')
  const log = path.join(folder, 'main.sqlite-wal')
  let logBytesMax = 0
  for (let round = 0; round < 60; round++) {
    // 2.4 MB a round, in ten commits that wait together; the keys come again.
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        journal.commit(Array.from({ length: 30 }, (_, row) => put(index * 30 + row, 8000))),
      ),
    )
    logBytesMax = Math.max(logBytesMax, fs.statSync(log).size)
  }
  assert.ok(logBytesMax < 32 * 1024 * 1024, `${logBytesMax} bytes of log`)
  await journal.close()
})

test('a range over a whole store does not pull the log out of its bound', async (context) => {
  const folder = tempFolder(context)
  const journal = await createSqliteJournals(folder).open('main')
  await Promise.all(
    Array.from({ length: 2000 }, (_, number) => journal.commit([put(number, 3000)])),
  )
  await journal.commit([{ kind: 'deleteRange', from: numberKey(10, 0), to: numberKey(1990, 0) }])
  assert.equal((await all(journal)).length, 20)
  await journal.close()
})

test('packed writes come out as they went in, and a torn pack is noticed', () => {
  const writes: JournalWrite[] = [
    put(1, 3),
    { kind: 'delete', key: new Uint8Array(0) },
    { kind: 'deleteRange', from: Uint8Array.of(1), to: Uint8Array.of(2, 3) },
  ]
  const packed = packWrites([writes.slice(0, 1), [], writes.slice(1)])
  const seen: [string, number[], number[]][] = []
  eachWrite(packed, (kind, first, second) => seen.push([kind, [...first], [...second]]))
  assert.deepEqual(seen, [
    ['put', [0, 0, 0, 1, 0], [1, 1, 1]],
    ['delete', [], []],
    ['deleteRange', [1], [2, 3]],
  ])
  assert.throws(() => eachWrite(packed.subarray(0, packed.length - 1), () => {}))
  const other = packed.slice()
  other[0] = 9
  assert.throws(() => eachWrite(other, () => {}))
})
