/**
 * Goal: wherever a member dies, nothing is lost, repeated or told too early.
 *
 * Method: a scripted run of four members in calm weather; member 0 dies at one effect (before or
 * after a send, a commit or an execution, or before an answer) and comes back, and every promise
 * must hold. Here every twelfth effect; `npm run sim:ci` takes each of them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countBoundaries, runBoundary } from '../../tools/sim/boundary.ts'

const step = 12

test('C90 C96: a crash at any effect breaks no promise (every twelfth effect)', async () => {
  const count = await countBoundaries()
  assert(count > 500, `${count} effects`)
  for (let boundary = 0; boundary < count; boundary += step) await runBoundary(boundary)
})

test('an effect that never comes is no crash, and said to be none', async () => {
  await assert.rejects(runBoundary(1_000_000), /there is no effect 1000000/)
})
