/**
 * Found by reading: whoever read the log from a height that was gone was given the oldest blocks
 * that were left, with the heights that were asked for. At a restart that would have executed them
 * as other heights.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsensusCode } from '../../src/kernel/consensus/errors.ts'
import { writesOf } from '../../src/kernel/consensus/records.ts'
import { replay } from '../../src/kernel/consensus/replay.ts'
import { Shown } from '../../src/kernel/consensus/shown.ts'
import type { Journal } from '../../src/ports/journal.ts'
import { CountingApplication } from '../../src/simulator/consensus-application.ts'
import { SimJournals } from '../../src/simulator/sim-journal.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { Group } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const { config, context, crypto, limits } = group
const chain = group.chain(6)

async function logFrom(firstHeight: number): Promise<Journal> {
  const journal = await new SimJournals({ random: new SimRandom(1) }).opener().open('consensus')
  for (const [place, block] of chain.entries()) {
    const { digest, header } = block
    const certificate = group.certificate('finalize', header.view, { digest })
    const record = { kind: 'executed', height: place + 1, block, certificate } as const
    await journal.commit(writesOf({ kind: 'haveBlock', block }, context))
    await journal.commit(writesOf(record, context))
  }
  const last = { height: firstHeight - 1, view: chain[firstHeight - 2]!.header.view }
  await journal.commit(writesOf({ kind: 'pruneLog', upTo: last }, context))
  return journal
}

type Executed = readonly [height: number, digest: string]

/** Continue a state of that height with a log that begins at four. */
async function replayFrom(fromHeight: number, executed: Executed[]): Promise<void> {
  const journal = await logFrom(4)
  const application = new CountingApplication({
    onExecuted: ({ digest, height }) => executed.push([height, digest]),
    onDurable: () => undefined,
  })
  const reader = { journal, crypto, context, limits }
  const from = { reader, config, shown: new Shown(application) }
  await replay({ application, journal }, from, { fromHeight, toHeight: 6 })
}

test('a log that begins above the state that it should continue is damage', async () => {
  for (const fromHeight of [0, 2]) {
    const executed: Executed[] = []
    await assert.rejects(replayFrom(fromHeight, executed), {
      code: ConsensusCode.JournalDamaged,
      detail: { what: `block ${fromHeight + 1} is missing` },
    })
    assert.deepEqual(executed, [], 'no block is executed as another height')
  }
})

test('one that begins where the state ends is executed', async () => {
  const executed: Executed[] = []
  await replayFrom(3, executed)
  assert.deepEqual(
    executed,
    [4, 5, 6].map((height) => [height, chain[height - 1]!.digest]),
  )
})
