import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FileError } from './errors.ts'
import { checkPreconditions, isConditional } from './preconditions.ts'

const holds = (...args: Parameters<typeof checkPreconditions>): boolean => {
  try {
    checkPreconditions(...args)
    return true
  } catch (error) {
    assert(error instanceof FileError && error.code === 'filesystem/precondition')
    return false
  }
}

test('If-Match and If-None-Match hold as RFC 9110 says', () => {
  assert.equal(holds({}, undefined), true)
  assert.equal(holds({ ifMatch: '*' }, '"a"'), true)
  assert.equal(holds({ ifMatch: '*' }, undefined), false)
  assert.equal(holds({ ifMatch: ['"a"', '"b"'] }, '"b"'), true)
  assert.equal(holds({ ifMatch: ['"a"'] }, '"b"'), false)
  assert.equal(holds({ ifMatch: ['W/"a"'] }, '"a"'), false, 'strong comparison')
  assert.equal(holds({ ifNoneMatch: '*' }, undefined), true)
  assert.equal(holds({ ifNoneMatch: '*' }, '"a"'), false)
  assert.equal(holds({ ifNoneMatch: ['"b"'] }, '"a"'), true)
  assert.equal(holds({ ifNoneMatch: ['"a"'] }, '"a"'), false)
  assert.equal(isConditional({}), false)
  assert.equal(isConditional({ ifMatch: '*' }), true)
})
