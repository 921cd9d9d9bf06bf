// Goal: whoever accuses a correct Processor once is found out, also when he has forgotten it since.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Accusations } from './accusations.ts'

const report = (n: number, of: number, faults: Readonly<Record<string, number>>) => ({
  n,
  processors: [
    { n, faults: {} },
    { n: of, faults },
  ],
})

test('what was reported once stays, with its highest count', () => {
  const accusations = new Accusations()
  accusations.note(report(1, 2, { equivocation: 2, malformed: 0 }))
  accusations.note(report(1, 2, {}))
  accusations.note(report(1, 2, { equivocation: 1 }))
  assert.deepEqual(accusations.found(), ['Processor 1 reports Processor 2: equivocation, 2 times'])
})

test('being slow is excused, a changed block only with a damaged disk', () => {
  const accusations = new Accusations()
  accusations.damaged.add(3)
  const changed = { late: 9, missing: 9, 'content-changed': 1, 'name-changed': 1 }
  accusations.note(report(1, 3, changed))
  assert.deepEqual(accusations.found(), [])
  accusations.note(report(1, 3, { 'wrong-block': 1 }))
  accusations.note(report(1, 2, changed))
  assert.deepEqual(accusations.found(), [
    'Processor 1 reports Processor 3: wrong-block, 1 times',
    'Processor 1 reports Processor 2: content-changed, 1 times',
    'Processor 1 reports Processor 2: name-changed, 1 times',
  ])
})

test('a liar may report anything, and be reported for anything, from when it lies', () => {
  const accusations = new Accusations()
  accusations.note(report(2, 1, { malformed: 1 }))
  accusations.liars.add(2)
  accusations.note(report(2, 3, { malformed: 1 }))
  accusations.note(report(3, 2, { equivocation: 1 }))
  assert.deepEqual(accusations.found(), ['Processor 2 reports Processor 1: malformed, 1 times'])
})
