/**
 * Goal: no kind of liar alone breaks agreement, stops the group for good, fills a memory, or gets
 * somebody correct accused.
 *
 * Method: the largest number of liars that the group survives, all of one kind, among the usual
 * troubles; four members with one, seven with two. Seeds that draw a mixture are in
 * consensus.test.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LiarKind, liarKinds } from '../../src/simulator/byzantine/consensus-liars.ts'
import { ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { groupParts } from '../../tools/sim/parts.ts'

const tested = new Set<LiarKind>()

/** Gives the evidence that correct members got hold of. */
async function suffers(kind: LiarKind): Promise<number> {
  tested.add(kind)
  let evidenceCount = 0
  for (const { liars, nodeCount, seeds } of [
    { nodeCount: 4, liars: [kind], seeds: 8 },
    { nodeCount: 7, liars: [kind, kind], seeds: 2 },
  ])
    for (let seed = 1; seed <= seeds; seed++) {
      const report = await new ConsensusCluster({ seed, nodeCount, liars, ...groupParts }).run()
      assert.deepEqual(report.liarKinds, liars)
      assert(report.height > 0)
      evidenceCount += report.evidenceCount
    }
  return evidenceCount
}

test('C96: two instances of one key, each with its own part of the others (twins) breaks nothing', async () => {
  await suffers('twins')
})

test('C96: a liar with stale parents, partial justifications, wrong payloads and made-up blocks (liar) breaks nothing', async () => {
  await suffers('liar')
})

test('C96: an equivocator, two blocks and two votes in each view (equivocator) breaks nothing', async () => {
  assert((await suffers('equivocator')) > 0, 'its contradictions are evidence in the end')
})

test('C96: a selective-silent member, there for some and gone for others (selective-silent) breaks nothing', async () => {
  await suffers('selective-silent')
})

test('C96: a nuller, who gives every view up (nuller) breaks nothing', async () => {
  await suffers('nuller')
})

test('C96: a forger of votes, certificates, epochs and groups (forger) breaks nothing', async () => {
  await suffers('forger')
})

test('C96: a replayer of everything ever said (replayer) breaks nothing', async () => {
  await suffers('replayer')
})

test('C96: a dripper, whose help is true and of no use (dripper) breaks nothing', async () => {
  await suffers('dripper')
})

test('C96: a flooder, as fast as the links take it (flooder) breaks nothing', async () => {
  await suffers('flooder')
})

test('C106: a flood of everything that is hard to refuse costs liveness for a moment only', async () => {
  const options = { nodeCount: 4, liars: ['flooder'] as const, ...groupParts }
  for (let seed = 21; seed <= 24; seed++) {
    const cluster = new ConsensusCluster({ seed, ...options })
    const { healedInMs } = await cluster.run()
    assert(healedInMs < 15_000, `${healedInMs} ms`)
  }
})

test('each kind of liar has a test of its own above', () => {
  assert.deepEqual([...tested].sort(), [...liarKinds].sort())
})
