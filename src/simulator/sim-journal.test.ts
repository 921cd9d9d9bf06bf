// Goal: the crash rules of the journal port, for many seeds: resolved commits stay, of the others
// the first few are there, each whole; and every fault shows as its code.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnosysError } from '../base/error.ts'
import type { Journal, JournalWrite } from '../ports/journal.ts'
import { Scheduler } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { SimJournals } from './sim-journal.ts'
import { SimProcess } from './sim-process.ts'
import { SimRandom } from './sim-random.ts'

const seedCount = 200

const everything = { from: new Uint8Array(0), to: Uint8Array.of(255, 255), countMax: 1000 }
const put = (...key: number[]): JournalWrite => ({
  kind: 'put',
  key: Uint8Array.from(key),
  value: Uint8Array.from(key),
})

const keysOf = async (journal: Journal): Promise<string[]> =>
  (await journal.range(everything)).map(({ key }) => key.join('.'))

const failsWith = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => isUnosysError(error, code))

function timed(seed: number): { scheduler: Scheduler; clock: SimClock; journals: SimJournals } {
  const scheduler = new Scheduler({ settle: () => new Promise((done) => setImmediate(done)) })
  const clock = new SimClock(new SimProcess(scheduler, 'a'))
  return { scheduler, clock, journals: new SimJournals({ random: new SimRandom(seed) }) }
}

test('crash: resolved commits are there; of the others the first few, each whole', async () => {
  const counts = new Set<number>()
  for (let seed = 0; seed < seedCount; seed++) {
    const { scheduler, clock, journals } = timed(seed)
    const journal = await journals.opener(clock).open('main')
    let resolvedCount = 0
    const commits = Array.from({ length: 6 }, async (_, index) => {
      // Two turns' worth, so that some wait while others sync.
      if (index >= 3) await new Promise<void>((resolve) => clock.after(0.05, resolve))
      await journal.commit([put(index, 0), put(index, 1), put(index, 2)])
      resolvedCount++
    })
    const outcomes = Promise.allSettled(commits)
    await scheduler.run({ timeMsMax: seed % 2 === 0 ? 0.06 : 0.3 })
    const promisedCount = resolvedCount
    journals.crash()
    await scheduler.run({})
    const settled = await outcomes
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, promisedCount)
    for (const one of settled)
      if (one.status === 'rejected') assert.ok(isUnosysError(one.reason, 'journal/failed'))

    const keys = await keysOf(await journals.opener().open('main'))
    const presentCount = keys.length / 3
    assert.ok(presentCount >= promisedCount)
    const expected = Array.from({ length: presentCount }, (_, index) => [
      `${index}.0`,
      `${index}.1`,
      `${index}.2`,
    ])
    assert.deepEqual(keys, expected.flat())
    counts.add(presentCount - promisedCount)
  }
  assert.ok(counts.has(0) && counts.has(3) && counts.size >= 4, [...counts].join())
})

test('the same seed gives the same crash', async () => {
  const run = async (): Promise<string[]> => {
    const journals = new SimJournals({ random: new SimRandom(5) })
    const journal = await journals.opener().open('main')
    const outcomes = Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => journal.commit([put(index)])),
    )
    journals.crash()
    await outcomes
    return keysOf(await journals.opener().open('main'))
  }
  assert.deepEqual(await run(), await run())
})

test('a crash ends the store that was open, and unlocks it', async () => {
  const journals = new SimJournals({ random: new SimRandom(1) })
  const journal = await journals.opener().open('main')
  await journal.commit([put(1)])
  await failsWith(journals.opener().open('main'), 'journal/locked')
  journals.crash()
  await failsWith(journal.commit([put(2)]), 'journal/failed')
  await failsWith(journal.get(Uint8Array.of(1)), 'journal/failed')
  await failsWith(journal.range(everything), 'journal/failed')
  const again = await journals.opener().open('main')
  await journal.close()
  assert.deepEqual(await keysOf(again), ['1'])
  // The late close of the old one does not unlock the new one.
  await failsWith(journals.opener().open('main'), 'journal/locked')
})

test('fault full: nothing is half written, and the store has ended', async () => {
  const journals = new SimJournals({ random: new SimRandom(1) })
  const journal = await journals.opener().open('main')
  await journal.commit([put(1)])
  journals.faults.full = true
  await journal.commit([{ kind: 'delete', key: Uint8Array.of(9) }])
  await failsWith(journal.commit([put(2), put(3)]), 'journal/full')
  journals.faults.full = false
  await failsWith(journal.commit([put(4)]), 'journal/full')
  await journal.close()
  assert.deepEqual(await keysOf(await journals.opener().open('main')), ['1'])
})

test('fault failing: the node must stop, and finds each commit whole or not at all', async () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 50; seed++) {
    const journals = new SimJournals({ random: new SimRandom(seed) })
    const journal = await journals.opener().open('main')
    await journal.commit([put(1)])
    journals.faults.failing = true
    const commits = [journal.commit([put(2), put(3)]), journal.commit([put(4)])]
    for (const commit of commits) await failsWith(commit, 'journal/failed')
    journals.faults.failing = false
    await failsWith(journal.commit([put(5)]), 'journal/failed')
    await journal.close()
    seen.add((await keysOf(await journals.opener().open('main'))).join())
  }
  assert.deepEqual([...seen].sort(), ['1', '1,2,3', '1,2,3,4'])
})

test('commits of a slow store share the next sync', async () => {
  const { scheduler, clock, journals } = timed(1)
  journals.faults.commitMs = { min: 100, max: 100 }
  const journal = await journals.opener(clock).open('main')
  const resolvedMs: number[] = []
  const commit = async (key: number): Promise<void> => {
    await journal.commit([put(key)])
    resolvedMs.push(scheduler.nowMs)
  }
  const first = [commit(1), commit(2)]
  clock.after(50, () => first.push(commit(3), commit(4)))
  await scheduler.run({})
  await Promise.all(first)
  assert.deepEqual(resolvedMs, [100, 100, 200, 200])
})
