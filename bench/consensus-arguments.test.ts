// Goal: wrong use of the bench is refused before anything is measured.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConsensusArguments, UsageError } from './consensus-arguments.ts'

test('arguments of the bench are understood', () => {
  const usual = parseConsensusArguments([])
  assert.deepEqual(usual.levels, ['group', 'http'])
  assert.deepEqual(usual.memberCounts, [4, 7])
  assert.deepEqual(usual.clientCounts, [1, 16, 64, 256])
  assert.equal(usual.ms, 5_000)
  const args = ['--quick', '--level', 'http', '--clients', '8', '--seconds', '0.5', '--no-faults']
  const given = parseConsensusArguments(args)
  assert.deepEqual([given.levels, given.memberCounts], [['http'], [4]])
  assert.deepEqual([given.clientCounts, given.ms, given.faults], [[8], 500, false])
})

for (const [args, pattern] of [
  [['--level', 'foo'], /group or http/],
  [['--level', 'group,'], /group or http/],
  [['--members', 'many'], /--members/],
  [['--members', '3'], /--members/],
  [['--members', '4,'], /--members/],
  [['--clients', '0'], /--clients/],
  [['--clients', '1.5'], /--clients/],
  [['--seconds', 'x'], /--seconds/],
  [['--seconds', '0'], /--seconds/],
  [['--fast'], /--fast/],
] as const) {
  test(`${args.join(' ')} is refused by the bench`, () => {
    assert.throws(
      () => parseConsensusArguments(args),
      (error) => error instanceof UsageError && pattern.test(error.message),
    )
  })
}
