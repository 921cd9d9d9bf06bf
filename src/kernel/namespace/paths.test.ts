import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isUnosysError } from '../../base/error.ts'
import { joinPath, parsePath } from './paths.ts'

const refused = (path: string, why: RegExp): void => {
  assert.throws(
    () => parsePath(path),
    (error) => isUnosysError(error, 'namespace/bad-path') && why.test(error.message),
    JSON.stringify(path.slice(0, 40)),
  )
}

test('bad input: paths with . or .., empty names, NUL, or without a leading slash', () => {
  refused('', /begins with a slash/)
  refused('a/b', /begins with a slash/)
  refused('/a/../b', /\.\./)
  refused('/..', /\.\./)
  refused('/a/./b', /\. or/)
  refused('/a//b', /empty/)
  refused('//', /empty/)
  refused('/a\0b', /NUL/)
})

test('bad input: an unpaired surrogate', () => {
  refused('/a\ud800', /surrogate/)
  refused('/\udc00a', /surrogate/)
  assert.deepEqual(parsePath('/\u{1F600}'), ['\u{1F600}'])
})

test('bad input: names of 255 bytes are allowed, one more is not', () => {
  assert.deepEqual(parsePath(`/${'n'.repeat(255)}`), ['n'.repeat(255)])
  refused(`/${'n'.repeat(256)}`, /256 bytes/)
  // Bytes count, not characters.
  assert.equal(parsePath(`/${'é'.repeat(127)}`).length, 1)
  refused(`/${'é'.repeat(128)}`, /256 bytes/)
})

test('bad input: paths of 4,096 bytes are allowed, one more is not', () => {
  const path = `/${Array.from({ length: 16 }, () => 'p'.repeat(255)).join('/')}`
  assert.equal(path.length, 4_096)
  assert.equal(parsePath(path).length, 16)
  refused(`${path}/`, /more than 4096 bytes/)
})

test('too many names in one path are refused', () => {
  assert.equal(parsePath('/a'.repeat(128)).length, 128)
  refused('/a'.repeat(129), /128 names/)
})

test('a path has one spelling, and comes back', () => {
  assert.deepEqual(parsePath('/'), [])
  assert.deepEqual(parsePath('/a/b/'), ['a', 'b'])
  const names = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((name) => !name.includes('/') && !name.includes('\0') && name !== '.' && name !== '..')
  fc.assert(
    fc.property(fc.array(names, { maxLength: 6 }), (list) => {
      assert.deepEqual(parsePath(joinPath(list)), list)
    }),
  )
})
