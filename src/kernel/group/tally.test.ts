import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { crypto, nodeAt } from './fixture.test.ts'
import { Tally } from './tally.ts'

const yes = utf8('yes')
const no = utf8('no')

test('a tally says once that enough distinct members gave the same answer', () => {
  const tally = new Tally(crypto, 3)
  assert.equal(tally.add(nodeAt(1), yes), false)
  assert.equal(tally.add(nodeAt(2), no), false)
  assert.equal(tally.add(nodeAt(3), yes), false)
  assert.equal(tally.largest, 2)
  assert.equal(tally.add(nodeAt(4), yes), true)
  assert.equal(tally.add(nodeAt(5), yes), false)
  assert.equal(tally.answerCount, 5)
  assert.equal(tally.largest, 4)
})

test('a member counts once, whatever it says later', () => {
  const tally = new Tally(crypto, 2)
  tally.add(nodeAt(1), yes)
  assert.equal(tally.add(nodeAt(1), yes), false)
  assert.equal(tally.add(nodeAt(1), no), false)
  assert.equal(tally.answerCount, 1)
  assert.equal(tally.largest, 1)
})

test('nothing was said: the largest number of equal answers is none', () => {
  assert.equal(new Tally(crypto, 1).largest, 0)
  assert.equal(new Tally(crypto, 1).add(nodeAt(1), no), true)
})
