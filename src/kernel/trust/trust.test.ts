import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { nodeIdOf } from '../../base/ids.ts'
import type { Log } from '../../ports/log.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { decodeEvidence, encodeEvidence, evidenceHolds } from '../consensus/index.ts'
import type { Trust } from './interface.ts'
import { evidenceBytesMax, evidenceCountMax, proofsPerPeerMax } from './limits.ts'
import { openTrust } from './trust.ts'

const lines: string[] = []
const errors: string[] = []
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => lines.push(`${message} ${JSON.stringify(fields)}`),
  error: (message) => errors.push(message),
  for: () => log,
}
const counted = new Map<string, number>()
const metrics = {
  count: (name: string, by = 1) => void counted.set(name, (counted.get(name) ?? 0) + by),
  gauge: () => {},
  snapshot: () => Object.fromEntries(counted),
}
const peerA = nodeIdOf('aa'.repeat(32))
const peerB = nodeIdOf('bb'.repeat(32))

const newJournals = (): SimJournals => new SimJournals({ random: new SimRandom('trust') })
async function trustOn(journals: SimJournals): Promise<{ trust: Trust; close(): Promise<void> }> {
  const journal = await journals.opener().open('section')
  const trust = await openTrust({ log, metrics, journal })
  return { trust, close: () => journal.close() }
}

test('C61: a reported fault is counted by peer and kind, and logged', async () => {
  const { trust } = await trustOn(newJournals())
  trust.report({ peer: peerB, kind: 'missing', about: 'block 1' })
  trust.report({ peer: peerA, kind: 'wrong-block', about: 'block 2', evidence: new Uint8Array(3) })
  trust.report({ peer: peerB, kind: 'missing', about: 'block 3' })
  assert.deepEqual(trust.faults(), [
    { peer: peerA, counts: { 'wrong-block': 1 } },
    { peer: peerB, counts: { missing: 2 } },
  ])
  assert.equal(counted.get('trust.reported_wrong_block_count'), 1)
  assert.match(lines[1] ?? '', /wrong-block.*block 2.*"signed":true/)
})

test('evidence is kept newest first to go last, bounded in count and size', async () => {
  const { trust } = await trustOn(newJournals())
  for (let index = 0; index < evidenceCountMax + 5; index++) {
    const evidence = new Uint8Array([index])
    trust.report({ peer: peerA, kind: 'malformed', about: String(index), evidence })
  }
  const evidence = new Uint8Array(evidenceBytesMax + 1)
  trust.report({ peer: peerA, kind: 'malformed', about: 'too large', evidence })
  const kept = trust.evidenceOf(peerA)
  assert.equal(kept.length, evidenceCountMax)
  assert.equal(kept[0]?.about, '5')
  assert.equal(kept.at(-1)?.about, String(evidenceCountMax + 4))
  assert.equal(trust.faults()[0]?.counts.malformed, evidenceCountMax + 6)
  assert.deepEqual(trust.evidenceOf(peerB), [])
})

const group = new Group(4)

/** Two votes of member 1 in one view. */
function equivocation(view: number): Uint8Array {
  const { config } = group
  const [block, other] = [group.block(view), group.block(view, { items: [] })]
  const vote = (digest: typeof block.digest) => group.vote('notarize', view, { signer: 1, digest })
  return encodeEvidence({
    member: config.members[1]!.node,
    group: config.group,
    epoch: config.epoch,
    first: vote(block.digest),
    second: vote(other.digest),
  })
}

test('C61: a proof outlives the process, and whoever has the configuration can judge it', async () => {
  const journals = newJournals()
  const peer = group.config.members[1]!.node
  const before = await trustOn(journals)
  const kind = 'equivocation'
  before.trust.report({ peer, kind, about: 'view 3', evidence: equivocation(3), isProof: true })
  before.trust.report({ peer, kind, about: 'view 3', evidence: equivocation(3), isProof: true })
  await before.close()
  assert.match(lines.at(-2) ?? '', /proof against a peer.*"proof":"01/)
  const { trust } = await trustOn(journals)
  assert.deepEqual(trust.faults(), [{ peer, counts: { equivocation: 1 } }])
  const kept = trust.evidenceOf(peer)
  assert.equal(kept.length, 1)
  const evidence = decodeEvidence(kept[0]!.evidence!)
  assert(evidenceHolds(group, evidence))
  assert(!evidenceHolds(group, { ...evidence, second: evidence.first }))
  assert(!evidenceHolds(group, { ...evidence, member: group.config.members[2]!.node }))
})

test('a few proofs of a peer are kept, the first of each matter', async () => {
  const journals = newJournals()
  const peer = group.config.members[1]!.node
  const before = await trustOn(journals)
  for (let view = 1; view <= proofsPerPeerMax + 3; view++) {
    const proof = { evidence: equivocation(view), isProof: true }
    before.trust.report({ peer, kind: 'equivocation', about: `view ${view}`, ...proof })
  }
  await before.close()
  const { trust } = await trustOn(journals)
  const abouts = trust.evidenceOf(peer).map(({ about }) => about)
  assert.deepEqual(abouts, ['view 1', 'view 2', 'view 3', 'view 4'])
})

test('a proof that the disk does not take is said, and nothing else fails', async () => {
  const journals = newJournals()
  const { trust } = await trustOn(journals)
  journals.faults.failing = true
  const proof = { evidence: equivocation(1), isProof: true }
  trust.report({ peer: peerA, kind: 'equivocation', about: 'view 1', ...proof })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(errors.length, 1)
})
