import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission } from './admission.ts'

test('no more than so many from one address, and in all', () => {
  const admission = new Admission({ perAddressMax: 2, totalMax: 3 })
  const first = admission.enter('a')
  assert.ok(first && admission.enter('a'))
  assert.equal(admission.enter('a'), undefined)
  assert.ok(admission.enter('b'))
  assert.equal(admission.enter('c'), undefined)
  assert.equal(admission.count, 3)
  first()
  first()
  assert.equal(admission.count, 2, 'leaving twice counts once')
  assert.ok(admission.enter('a'))
})

test('addresses that are gone leave nothing behind', () => {
  const admission = new Admission({ perAddressMax: 1, totalMax: 1 })
  for (let index = 0; index < 1_000; index++) admission.enter(`address ${index}`)?.()
  assert.equal(admission.count, 0)
})
