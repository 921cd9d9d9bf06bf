/** Goal: `npm run sim` does what all its options say, or refuses them with a sentence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from './numbers.ts'
import { parseOneArguments } from './one-arguments.ts'

const parse = (text: string): ReturnType<typeof parseOneArguments> =>
  parseOneArguments(text.split(' ').filter((word) => word !== ''))

test('what is given is taken, and the rest has its defaults', () => {
  const usual = parse('')
  assert.deepEqual([usual?.seed, usual?.nodeCount, usual?.itemCount], [42, 4, 30])
  assert.deepEqual([usual?.trace, usual?.liars], [false, {}])
  const group = parse('--seed 7 --nodes 7 --liars twins,forger --items 3 --node 6')
  assert.deepEqual([group?.seed, group?.nodeCount, group?.itemCount], [7, 7, 3])
  assert.deepEqual([group?.node, group?.trace], [6, true])
  assert.deepEqual(group?.liars, { liars: ['twins', 'forger'] })
  assert.deepEqual(parse('--liars 3')?.liars, { liarCount: 3 })
  assert.equal(parse('--boundary 300 --trace --node 0 --from 3')?.boundary, 300)
  const world = parse('--world --seed 3 --nodes 5 --node 5')
  assert.deepEqual([world?.world, world?.seed, world?.nodeCount, world?.node], [true, 3, 5, 5])
  assert.equal(parse('--help'), undefined)
})

test('options that a run has no use for are refused', () => {
  for (const [kind, ...others] of [
    ['--world', '--liars 1', '--forget', '--items 3', '--real', '--mutant quorum-too-small'],
    ['--boundary 3', '--seed 3', '--nodes 4', '--liars 0', '--forget', '--items 40', '--real'],
    ['--boundary 3', '--mutant quorum-too-small', '--world'],
  ] as const)
    for (const other of others)
      for (const text of [`${kind} ${other}`, `${other} ${kind}`])
        assert.throws(() => parse(text), { message: /^--(world|boundary) takes no --/ }, text)
})

test('numbers that name nobody are refused', () => {
  for (const text of [
    '--node 4',
    '--nodes 7 --node 7',
    '--world --node 0',
    '--world --node 5',
    '--world --nodes 14',
    '--boundary 3 --node 4',
    '--boundary x',
    '--liars 4',
    '--liars 9 --nodes 4',
    '--liars twins,twins,twins,twins',
    '--nodes 1 --liars twins',
    '--liars nobody',
  ])
    assert.throws(() => parse(text), UsageError, text)
})
