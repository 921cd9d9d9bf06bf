import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { httpDate } from './http-date.ts'

test('a time is written as RFC 9110 wants it, like the platform does', () => {
  fc.assert(
    fc.property(fc.nat({ max: 253_402_300_799_999 }), (ms) => {
      assert.equal(httpDate(ms), new Date(ms).toUTCString())
    }),
    { numRuns: 2_000 },
  )
  for (const ms of [0, 951_782_400_000, 951_868_800_000, 1_709_164_800_000, 4_107_542_400_000]) {
    assert.equal(httpDate(ms), new Date(ms).toUTCString())
  }
})
