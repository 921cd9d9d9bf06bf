import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { Outbox } from './outbox.ts'

/** A journal whose commits end when the test says so. */
class ManualJournal {
  readonly commits: { writes: number; resolve: () => void; reject: (error: Error) => void }[] = []

  readonly port: Journal = {
    commit: (writes) =>
      new Promise<void>((resolve, reject) => {
        this.commits.push({ writes: writes.length, resolve, reject })
      }),
    get: async () => undefined,
    range: async () => [],
    close: async () => undefined,
  }

  async end(index: number): Promise<void> {
    this.commits[index]!.resolve()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const put = (byte: number): JournalWrite[] => [
  { kind: 'put', key: Uint8Array.of(byte), value: Uint8Array.of(byte) },
]

type Heard = { ownVote: number; heights: readonly number[] }

function setUp(): { journal: ManualJournal; outbox: Outbox; heard: Heard[]; failures: unknown[] } {
  const journal = new ManualJournal()
  const heard: Heard[] = []
  const failures: unknown[] = []
  const outbox = new Outbox(journal.port, {
    onDurable: ({ heights, ownVote }) => heard.push({ heights, ownVote }),
    onFailed: (error) => failures.push(error),
  })
  return { journal, outbox, heard, failures }
}

// Goal: the driver's law. Nothing that shows a vote leaves before the vote is durable; what shows
// none leaves at once.
test('what shows a vote waits for it, what shows none does not', async () => {
  const { journal, outbox } = setUp()
  const left: string[] = []
  outbox.write(put(1), 1)
  outbox.leave(1, () => left.push('vote 1'))
  outbox.leave(0, () => left.push('proposal'))
  outbox.flush()
  assert.deepEqual(left, ['proposal'])
  await journal.end(0)
  assert.deepEqual(left, ['proposal', 'vote 1'])
  outbox.leave(1, () => left.push('certificate with vote 1'))
  assert.equal(left.length, 3, 'durable already')
})

test('a message waits for the youngest vote that it shows, not for later ones', async () => {
  const { journal, outbox } = setUp()
  const left: number[] = []
  outbox.write(put(1), 1)
  outbox.leave(1, () => left.push(1))
  outbox.flush()
  outbox.write(put(2), 2)
  outbox.leave(2, () => left.push(2))
  outbox.flush()
  await journal.end(0)
  assert.deepEqual(left, [1])
  await journal.end(1)
  assert.deepEqual(left, [1, 2])
})

test('two commits at once, what comes meanwhile shares the next', async () => {
  const { heard, journal, outbox } = setUp()
  for (let vote = 1; vote <= 5; vote++) {
    outbox.write(put(vote), vote)
    outbox.flush()
  }
  assert.deepEqual(
    journal.commits.map((commit) => commit.writes),
    [1, 1],
  )
  await journal.end(0)
  assert.deepEqual(
    journal.commits.map((commit) => commit.writes),
    [1, 1, 3],
  )
  await journal.end(1)
  await journal.end(2)
  assert.deepEqual(
    heard.map((done) => done.ownVote),
    [1, 2, 5],
  )
})

test('executed heights are reported when their commit is durable, in order', async () => {
  const { heard, journal, outbox } = setUp()
  outbox.write(put(1))
  outbox.executed(1)
  outbox.executed(2)
  outbox.flush()
  assert.deepEqual(heard, [])
  await journal.end(0)
  assert.deepEqual(heard, [{ heights: [1, 2], ownVote: 0 }])
})

test('nothing to write is no commit', () => {
  const { journal, outbox } = setUp()
  outbox.flush()
  assert.equal(journal.commits.length, 0)
})

test('a failing commit is reported, and nothing of it ever leaves', async () => {
  const { failures, journal, outbox } = setUp()
  const left: string[] = []
  outbox.write(put(1), 1)
  outbox.leave(1, () => left.push('vote'))
  outbox.flush()
  journal.commits[0]!.reject(new Error('no space'))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(failures.length, 1)
  assert.deepEqual(left, [])
})

test('closed, it lets nothing out, not even what becomes durable; and says when that is', async () => {
  const { heard, journal, outbox } = setUp()
  const left: string[] = []
  outbox.write(put(1), 1)
  outbox.leave(1, () => left.push('vote'))
  outbox.flush()
  outbox.close()
  let settled = false
  outbox.settled().then(
    () => {
      settled = true
    },
    () => assert.fail('settled never rejects'),
  )
  await new Promise((resolve) => setImmediate(resolve))
  assert(!settled)
  await journal.end(0)
  assert(settled)
  assert.deepEqual(left, [])
  assert.deepEqual(heard, [])
})

test('what waits for one vote leaves in its order, whatever leaving causes', async () => {
  const { journal, outbox } = setUp()
  const left: number[] = []
  outbox.write(put(1), 1)
  outbox.leave(1, () => {
    left.push(1)
    outbox.leave(1, () => left.push(3))
    outbox.leave(0, () => left.push(4))
  })
  outbox.leave(1, () => left.push(2))
  outbox.flush()
  await journal.end(0)
  assert.deepEqual(left, [1, 2, 3, 4])
  outbox.leave(1, () => left.push(5))
  assert.equal(left.length, 5, 'nothing waits any more')
})
