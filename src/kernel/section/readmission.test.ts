/** Readmissions: which of them apply, and what it takes to sign one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import { crypto, genesisOf, seedOf, startMs } from './fixture.test.ts'
import { execute, initialState, type Readmission, type SectionState, worldIdOf } from './index.ts'
import { readmissionGapMs } from './limits.ts'
import {
  decodeReadmission,
  encodeReadmission,
  isReadmissionSigned,
  readmit,
  signReadmission,
} from './readmission.ts'

const genesis = genesisOf()
const world = worldIdOf(crypto, genesis)
const pairs = [0, 1, 2, 3].map((index) => crypto.signKeyPair(seedOf(`node ${index}`)))
const nodeAt = (index: number): NodeId => toHex(pairs[index]!.publicKey) as NodeId

type Change = Partial<Pick<Readmission, 'epoch' | 'node' | 'consensusKey' | 'askedMs' | 'world'>>

function signed(name: string, change: Change & { readonly of?: number } = {}): Readmission {
  const { of = 0, ...fields } = change
  const consensus = crypto.signKeyPair(seedOf(`key ${name}`))
  return signReadmission(
    crypto,
    {
      ...{ world, epoch: 1, node: nodeAt(of), consensusKey: consensus.publicKey },
      ...{ askedMs: startMs, ...fields },
    },
    { nodeSecretKey: pairs[of]!.secretKey, consensus },
  )
}

const started = (): SectionState => ({
  ...initialState(crypto, genesis),
  effectiveMs: startMs + readmissionGapMs,
})

const keyOf = (state: SectionState, node: NodeId): Uint8Array | undefined =>
  state.consensus.members.find((member) => member.node === node)?.consensusKey

test('a readmission stands in the log as it was signed, and nothing else decodes', () => {
  const readmission = signed('a')
  const bytes = encodeReadmission(readmission)
  assert.deepEqual(decodeReadmission(bytes), readmission)
  assert(isReadmissionSigned(crypto, world, readmission))
  for (const wrong of [bytes.subarray(1), bytes.slice(0, -1), Uint8Array.of(...bytes, 0)])
    assert.throws(
      () => decodeReadmission(wrong),
      (error) => isUnosysError(error, 'base/malformed'),
    )
})

test('C29: it must be signed by the node and by the new key, for this world, over all of it', () => {
  const good = signed('a')
  const wrong: Readmission[] = [
    signed('a', { world: worldIdOf(crypto, genesisOf({ members: 7 })) }),
    { ...good, epoch: 2 },
    { ...good, askedMs: startMs + 1 },
    { ...good, node: nodeAt(1) },
    { ...good, consensusKey: crypto.signKeyPair(seedOf('stolen')).publicKey },
    { ...good, signature: good.possession },
    { ...good, possession: good.signature },
  ]
  for (const one of wrong) assert(!isReadmissionSigned(crypto, world, one))
})

test('C96: it gives the member its new key and begins the next epoch', () => {
  const before = started()
  const after = readmit(before, signed('a'))
  assert.equal(after.consensus.epoch, 2)
  assert.deepEqual(keyOf(after, nodeAt(0)), signed('a').consensusKey)
  for (const other of [1, 2, 3])
    assert.deepEqual(keyOf(after, nodeAt(other)), keyOf(before, nodeAt(other)))
})

test('it changes nothing from another epoch, of a stranger, or with a key that is in use', () => {
  const state = started()
  const stranger = crypto.signKeyPair(seedOf('stranger'))
  const node = toHex(stranger.publicKey) as NodeId
  const used = keyOf(state, nodeAt(1))!
  for (const one of [
    signed('a', { epoch: 2 }),
    signed('a', { node }),
    signed('a', { consensusKey: used }),
  ])
    assert.equal(readmit(state, one), state)
  const next = readmit(state, signed('a'))
  assert.equal(readmit(next, signed('a')), next, 'the same once more, in the next epoch')
})

test('a member is readmitted once in a while only; others meanwhile', () => {
  const first = readmit(started(), signed('a'))
  const again = signed('b', { epoch: 2 })
  const later = (state: SectionState, ms: number): SectionState => ({
    ...state,
    effectiveMs: first.effectiveMs + ms,
  })
  const early = later(first, readmissionGapMs - 1)
  assert.equal(readmit(early, again), early)
  assert.equal(readmit(early, signed('c', { epoch: 2, of: 1 })).consensus.epoch, 3)
  assert.equal(readmit(later(first, readmissionGapMs), again).consensus.epoch, 3)
})

test('two readmissions of one block: the first ends the epoch, the other one is of the past', () => {
  const state = started()
  const block = {
    ...{ height: state.height + 1, timeMs: state.effectiveMs, batches: [] },
    readmissions: [signed('a'), signed('b', { of: 1 })],
  }
  const outcome = execute({ crypto, world }, state, block)
  assert(outcome.endsEpoch)
  assert.equal(outcome.state.consensus.epoch, 2)
  assert.deepEqual(keyOf(outcome.state, nodeAt(1)), keyOf(state, nodeAt(1)))
  assert.deepEqual(keyOf(outcome.state, nodeAt(0)), signed('a').consensusKey)
  const idle = execute({ crypto, world }, state, { ...block, readmissions: [] })
  assert(!idle.endsEpoch)
})
