import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError, assert as held, unreachable } from './assert.ts'
import { isUnosysError, messageOf, UnosysError } from './error.ts'

test('assert: what holds passes, what does not throws with its message', () => {
  for (const truth of [true, 1, 'x', {}, []]) held(truth, 'never')
  for (const lie of [false, 0, '', null, undefined, Number.NaN])
    assert.throws(
      () => held(lie, 'the sentence'),
      (error) =>
        error instanceof AssertionError &&
        error.message === 'the sentence' &&
        error.name === 'AssertionError',
    )
})

test('assert: unreachable names the value that should not be', () => {
  assert.throws(() => unreachable('odd' as never), /unreachable: "odd"/)
  assert.throws(() => unreachable({ kind: 1 } as never), AssertionError)
})

test('assert: a broken promise of our own is no operating error', () => {
  assert.equal(isUnosysError(new AssertionError('x')), false)
})

class TestError extends UnosysError<'test/first' | 'test/second', { count: number }> {}

test('error: carries code, detail, message, cause and the name of its class', () => {
  const cause = new Error('below')
  const error = new TestError('test/first', 'it went wrong', { count: 3 }, { cause })
  assert.equal(error.code, 'test/first')
  assert.deepEqual(error.detail, { count: 3 })
  assert.equal(error.message, 'it went wrong')
  assert.equal(error.cause, cause)
  assert.equal(error.name, 'TestError')
  assert.match(String(error), /^TestError: it went wrong$/)
  assert.ok(error instanceof Error)
  assert.match(error.stack ?? '', /assert\.test/)
  assert.equal('cause' in new TestError('test/first', 'x', { count: 0 }), false)
})

test('error: the name is no part of what is listed, and belongs to the one error only', () => {
  const error = new TestError('test/second', 'x', { count: 1 })
  assert.deepEqual(Object.keys(error).sort(), ['code', 'detail'])
  assert.equal(new Error('other').name, 'Error')
})

test('error: isUnosysError tells operating errors, by code if one is given', () => {
  const error = new TestError('test/first', 'x', { count: 0 })
  assert.equal(isUnosysError(error), true)
  assert.equal(isUnosysError(error, 'test/first'), true)
  assert.equal(isUnosysError(error, 'test/second'), false)
  for (const other of [new Error('x'), 'text', undefined, null, { code: 'test/first' }])
    assert.equal(isUnosysError(other), false)
})

test('error: messageOf prints anything that can be thrown, without a stack', () => {
  assert.equal(messageOf(new TestError('test/first', 'sentence', { count: 0 })), 'sentence')
  assert.equal(messageOf('text'), 'text')
  assert.equal(messageOf(undefined), 'undefined')
  assert.equal(messageOf(7), '7')
})
