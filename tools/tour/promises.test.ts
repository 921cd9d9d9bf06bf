import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokenPromise, type PromiseResult, silentTeller, Walk } from './promises.ts'
import { jsonTeller, rate, textTeller } from './tellers.ts'

test('a step gives what its work gives, and remembers its promises', async () => {
  const walk = new Walk(silentTeller)
  const value = await walk.step('one', async () => {
    walk.promise('kept', true, 'seen')
    return 7
  })
  assert.equal(value, 7)
  assert.deepEqual(
    walk.results.map(({ step, title, promises }) => ({ step, title, promises })),
    [{ step: 1, title: 'one', promises: [{ promise: 'kept', kept: true, seen: 'seen' }] }],
  )
})

test('the first broken promise ends the step, is told, and counts', async () => {
  const told: PromiseResult[] = []
  const walk = new Walk({ ...silentTeller, promised: (result) => void told.push(result) })
  const work = async (): Promise<void> => {
    walk.promise('first', true, 'a')
    walk.promise('second', false, 'b')
    walk.promise('third', true, 'c')
  }
  await assert.rejects(walk.step('one', work), BrokenPromise)
  assert.deepEqual(
    told.map(({ kept }) => kept),
    [true, false],
  )
  assert.deepEqual(walk.promises.length, 2)
  assert.equal(walk.results.length, 0)
})

test('people read steps and marks, programs one line of JSON per event', async () => {
  const lines: string[] = []
  const walkWith = async (teller: ReturnType<typeof textTeller>): Promise<void> => {
    const walk = new Walk(teller)
    await walk.step('title', async () => {
      walk.seen('something')
      walk.promise('promise', true, '3 of 3')
    })
  }
  await walkWith(textTeller((line) => lines.push(line)))
  const text = lines.splice(0).join('\n')
  assert.match(text, / 1\. title/)
  assert.match(text, /✓ promise: 3 of 3/)
  await walkWith(jsonTeller((line) => lines.push(line)))
  const events = lines.map((line) => (JSON.parse(line) as { event: string }).event)
  assert.deepEqual(events, ['step', 'seen', 'promise', 'step-end'])
  assert.equal(rate(50_000_000, 2_000), '50.0 MB in 2.0 s (25.0 MB/s)')
})
