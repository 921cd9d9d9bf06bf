import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeCrypto } from '../adapters/node-crypto.ts'
import { initialState, type SectionState } from '../kernel/section/index.ts'
import { drawWorld } from '../kernel/users/index.ts'
import { SimRandom } from './sim-random.ts'
import { WorldAgreement } from './world-agreement.ts'

const crypto = createNodeCrypto()
const plan = { nodeCount: 1, defaultReplicas: 1, createdMs: 1_000 }
const drawn = await drawWorld(
  { crypto, random: new SimRandom('agreement') },
  { ...plan, attributesOf: () => new Uint8Array(1) },
)
const state: SectionState = initialState(crypto, drawn.genesis)

test('members that come to the same states agree, and rest at one height', () => {
  const agreement = new WorldAgreement(crypto)
  for (const height of [1, 2]) {
    for (const n of [1, 2]) agreement.executed(n, { ...state, height })
  }
  assert.equal(agreement.heightCount, 2)
  assert.equal(agreement.faultAtRest([1, 2]), undefined)
  agreement.executed(2, { ...state, height: 3 })
  assert.match(agreement.faultAtRest([1, 2]) ?? '', /other heights/)
  assert.match(agreement.faultAtRest([1, 2, 3]) ?? '', /other heights/)
})

test('another root, and another derived count under the same root, are seen', () => {
  for (const change of [{ freedBytes: 1 }, { stagedBlockCount: 1 }]) {
    const agreement = new WorldAgreement(crypto)
    agreement.executed(1, state)
    agreement.executed(2, { ...state, ...change })
    assert.match(agreement.fault ?? '', /1 and 2 have other states at height 0/)
    assert.equal(agreement.faultAtRest([1]), agreement.fault)
  }
})

test('a member that executes a height once more, to something else, is seen', () => {
  const agreement = new WorldAgreement(crypto)
  agreement.executed(1, state)
  agreement.executed(1, { ...state, effectiveMs: state.effectiveMs + 1 })
  assert.notEqual(agreement.fault, undefined)
})

test('a derived count that a snapshot does not bring back is seen', () => {
  const agreement = new WorldAgreement(crypto)
  agreement.executed(1, { ...state, stagedBlockCount: 5 })
  assert.match(agreement.faultAtRest([1]) ?? '', /read back/)
})
