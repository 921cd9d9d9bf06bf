import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { digestOf } from '../../base/ids.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import { type JournalReader, loadJournal, readProvedRange, readStoredBlocks } from './journal.ts'
import { heightKey, writesOf } from './records.ts'
import { createMachine } from './state.ts'
import type { Block, JournalRecord } from './types.ts'

const group = new Group(4)
const { context, crypto } = group
const self = 2

const openJournal = (): Promise<Journal> =>
  new SimJournals({ random: new SimRandom(1) }).opener().open('consensus')

const readerOf = (journal: Journal, limits = group.limits): JournalReader => ({
  journal,
  crypto,
  context,
  limits,
})

const commit = async (journal: Journal, records: readonly JournalRecord[]): Promise<void> =>
  journal.commit(records.flatMap((record) => writesOf(record, context)))

/** Executed blocks, certified at the given heights only. */
async function executed(
  journal: Journal,
  chain: readonly Block[],
  certified: number[],
): Promise<void> {
  for (const [at, block] of chain.entries()) {
    const height = at + 1
    const { digest, header } = block
    const certificate = certified.includes(height)
      ? group.certificate('finalize', header.view, { digest })
      : undefined
    await commit(journal, [
      { kind: 'haveBlock', block },
      { kind: 'executed', height, block, certificate },
    ])
  }
}

const isDamaged = (error: unknown): boolean =>
  error instanceof ConsensusError && error.code === ConsensusCode.JournalDamaged

test('a new journal is marked as this group’s and remembers nothing', async () => {
  const journal = await openJournal()
  const restored = await loadJournal(readerOf(journal), self)
  assert.deepEqual(restored, {
    executed: undefined,
    final: undefined,
    votes: [],
    certificates: [],
    blocks: [],
    muted: false,
    stable: undefined,
    prunedHeight: 0,
  })
  await loadJournal(readerOf(journal), self)
})

test('a journal of another group is refused, and is not called damaged', async () => {
  const journal = await openJournal()
  await loadJournal(readerOf(journal), self)
  const other = { ...context, group: digestOf('99'.repeat(32)) }
  await assert.rejects(loadJournal({ ...readerOf(journal), context: other }, self), {
    code: ConsensusCode.JournalForeign,
  })
})

test('what was written comes back', async () => {
  const journal = await openJournal()
  const [a, b] = group.chain(2)
  const vote = group.vote('notarize', 2, { signer: self, digest: b!.digest })
  const final = group.certificate('finalize', 1, { digest: a!.digest })
  const notarized = group.certificate('notarize', 2, { digest: b!.digest })
  await executed(journal, [a!], [1])
  await commit(journal, [
    { kind: 'final', certificate: final },
    { kind: 'haveBlock', block: b! },
    { kind: 'myVote', vote },
    { kind: 'haveCertificate', certificate: notarized },
    { kind: 'muted' },
  ])
  const restored = await loadJournal(readerOf(journal), self)
  assert.deepEqual(restored, {
    executed: { height: 1, view: 1, digest: a!.digest },
    final,
    votes: [vote],
    certificates: [notarized],
    blocks: [b!],
    muted: true,
    stable: undefined,
    prunedHeight: 0,
  })
})

test('dropped and pruned records are gone', async () => {
  const journal = await openJournal()
  const chain = group.chain(3)
  const votes = chain.map((block) =>
    group.vote('notarize', block.header.view, { signer: self, digest: block.digest }),
  )
  await commit(journal, [
    ...votes.map((vote): JournalRecord => ({ kind: 'myVote', vote })),
    ...chain.map((block): JournalRecord => ({ kind: 'haveBlock', block })),
    { kind: 'haveCertificate', certificate: group.certificate('nullify', 1) },
  ])
  await commit(journal, [
    { kind: 'prune', belowView: 3 },
    { kind: 'dropBlock', view: 2, digest: chain[1]!.digest },
  ])
  const restored = await loadJournal(readerOf(journal), self)
  assert.deepEqual(
    restored.votes.map((vote) => vote.view),
    [3],
  )
  assert.deepEqual(restored.certificates, [])
  assert.deepEqual(
    restored.blocks.map((block) => block.header.view),
    [1, 3],
  )
})

test('a changed byte in any record is damage, and the member does not start', async () => {
  const [a, b] = group.chain(2)
  const records: JournalRecord[] = [
    { kind: 'haveBlock', block: b! },
    { kind: 'final', certificate: group.certificate('finalize', 1, { digest: a!.digest }) },
    { kind: 'executed', height: 1, block: a!, certificate: undefined },
    { kind: 'myVote', vote: group.vote('nullify', 2, { signer: self }) },
    { kind: 'haveCertificate', certificate: group.certificate('nullify', 2) },
  ]
  for (const record of records) {
    const journal = await openJournal()
    const writes = writesOf(record, context).map((write): JournalWrite => {
      if (write.kind !== 'put') return write
      return { ...write, value: write.value.subarray(0, write.value.length - 1) }
    })
    await journal.commit(writes)
    await assert.rejects(loadJournal(readerOf(journal), self), isDamaged, record.kind)
  }
  const journal = await openJournal()
  const [write] = writesOf({ kind: 'haveBlock', block: b! }, context)
  assert(write?.kind === 'put')
  const value = write.value.slice()
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1
  await journal.commit([{ ...write, value }])
  await assert.rejects(loadJournal(readerOf(journal), self), isDamaged, 'a payload bit')
})

// Goal: whatever the order in which records are read back, the same machine comes out, and it never
// contradicts what it said before (Ava #328 and #280).
test('C25: a machine comes back by maxima: the order of records has no influence', () => {
  const chain = group.chain(4)
  const [, two, three] = chain
  const restored = {
    executed: undefined,
    final: group.certificate('finalize', 1, { digest: chain[0]!.digest }),
    votes: [
      group.vote('notarize', 2, { signer: self, digest: two!.digest }),
      group.vote('finalize', 2, { signer: self, digest: two!.digest }),
      group.vote('notarize', 3, { signer: self, digest: three!.digest }),
      group.vote('nullify', 3, { signer: self }),
      group.vote('nullify', 1, { signer: self }),
    ],
    certificates: [
      group.certificate('notarize', 2, { digest: two!.digest }),
      group.certificate('nullify', 1),
    ],
    blocks: chain,
    muted: false,
    stable: undefined,
    prunedHeight: 0,
  }
  fc.assert(
    fc.property(
      fc.shuffledSubarray(restored.votes, { minLength: 5 }),
      fc.shuffledSubarray(restored.certificates, { minLength: 2 }),
      fc.shuffledSubarray(restored.blocks, { minLength: 4 }),
      (votes, certificates, blocks) => {
        const machine = createMachine(group.setup(self), {
          ...restored,
          votes,
          certificates,
          blocks,
        })
        assert.equal(machine.view, 3)
        assert.equal(machine.final.view, 1)
        assert.equal(machine.notarizedView, 2)
        assert.equal(machine.rounds.get(3)?.mine.nullify?.view, 3)
        assert.equal(machine.rounds.get(2)?.mine.finalize?.view, 2)
        assert.equal(machine.rounds.get(3)?.proposal?.block.digest, three!.digest)
        assert.equal(machine.held.size, 4)
      },
    ),
    { numRuns: 50 },
  )
})

test('stored blocks come by height, bounded by count and bytes, the first one always', async () => {
  const journal = await openJournal()
  const chain: Block[] = []
  for (let view = 1; view <= 9; view++) {
    const parent = chain.at(-1)
    const items = [makeItem(view, 100)]
    chain.push(group.block(view * 3, parent === undefined ? { items } : { items, parent }))
  }
  await executed(journal, chain, [9])
  // Blocks of other views that came to nothing must not disturb.
  await commit(journal, [{ kind: 'haveBlock', block: group.block(4, { items: [] }) }])
  const reader = readerOf(journal)
  const heights = async (
    fromHeight: number,
    countMax: number,
    bytesMax: number,
  ): Promise<number[]> =>
    (await readStoredBlocks(reader, { fromHeight, countMax, bytesMax })).map((one) => one.height)
  assert.deepEqual(await heights(1, 3, 10_000), [1, 2, 3])
  assert.deepEqual(await heights(4, 100, 250), [4, 5])
  assert.deepEqual(await heights(4, 100, 0), [4])
  assert.deepEqual(await heights(10, 100, 1_000), [])
  const all = await readStoredBlocks(reader, { fromHeight: 1, countMax: 100, bytesMax: 1e6 })
  assert.deepEqual(
    all.map((one) => one.block.digest),
    chain.map((block) => block.digest),
  )
})

test('a range proves itself: up to the last certified block, or on to the next as headers', async () => {
  const journal = await openJournal()
  await executed(journal, group.chain(10), [2, 5, 9])
  const one = { ...group.limits, rangeBytesMax: 1 }
  const shape = async (
    fromHeight: number,
    limits = group.limits,
  ): Promise<number[] | undefined> => {
    const range = await readProvedRange(readerOf(journal, limits), fromHeight)
    return range && [range.blocks.length, range.tail.length, range.certificate.view]
  }
  assert.deepEqual(await shape(1), [9, 0, 9])
  assert.deepEqual(await shape(6, one), [1, 3, 9])
  assert.deepEqual(await shape(9, one), [1, 0, 9])
  assert.equal(await shape(10), undefined, 'nothing proves the last one yet')
  assert.equal(await shape(11), undefined)
})

test('C25: a log that is cleared while it is read is no damage, one with a hole in it is', async () => {
  const journal = await openJournal()
  const chain = group.chain(3)
  await executed(journal, chain, [1, 2, 3])
  /** The blocks go between the reading of heights and that of blocks. */
  const cleared: Journal = {
    ...{ commit: (writes) => journal.commit(writes), close: () => journal.close() },
    get: (key) => journal.get(key),
    range: async (range) => {
      const found = await journal.range(range)
      await commit(journal, [{ kind: 'pruneLog', upTo: { height: 3, view: 3 } }])
      return found
    },
  }
  assert.equal(await readProvedRange(readerOf(cleared), 1), undefined)
  const range = { fromHeight: 1, countMax: 3, bytesMax: 1_000 }
  await executed(journal, chain, [1, 2, 3])
  assert.deepEqual(await readStoredBlocks(readerOf(cleared), range), [])
  await executed(journal, chain, [1, 2, 3])
  await commit(journal, [{ kind: 'dropBlock', view: 2, digest: chain[1]!.digest }])
  await assert.rejects(readProvedRange(readerOf(journal), 1), isDamaged)
})

test('nothing is read from a height that is gone, and nothing behind one that is missing', async () => {
  const journal = await openJournal()
  const chain = group.chain(6)
  await executed(journal, chain, [1, 2, 3, 4, 5, 6])
  await commit(journal, [{ kind: 'pruneLog', upTo: { height: 2, view: 2 } }])
  const reader = readerOf(journal)
  const stored = (fromHeight: number): ReturnType<typeof readStoredBlocks> =>
    readStoredBlocks(reader, { fromHeight, countMax: 9, bytesMax: 1e6 })
  for (const gone of [0, 1, 2]) {
    assert.deepEqual(await stored(gone), [])
    assert.equal(await readProvedRange(reader, gone), undefined)
  }
  await journal.commit([{ kind: 'delete', key: heightKey(5) }])
  const kept = await stored(3)
  assert.deepEqual(
    kept.map(({ block, height }) => [height, block.digest]),
    [3, 4].map((height) => [height, chain[height - 1]!.digest]),
  )
  const range = await readProvedRange(reader, 3)
  assert.deepEqual([range?.blocks.length, range?.certificate.view], [2, 4])
})

test('a range ends with its epoch, whatever follows in the log', async () => {
  const journal = await openJournal()
  const chain = group.chain(3)
  await executed(journal, chain.slice(0, 2), [2])
  const later = { ...context, epoch: 2 }
  const block = chain[2]!
  const certificate = group.certificate('finalize', 3, { digest: block.digest })
  const records: JournalRecord[] = [
    { kind: 'haveBlock', block },
    { kind: 'executed', height: 3, block, certificate },
  ]
  await journal.commit(records.flatMap((record) => writesOf(record, later)))
  const range = await readProvedRange(readerOf(journal), 1)
  assert.deepEqual([range?.blocks.length, range?.tail.length], [2, 0])
})
