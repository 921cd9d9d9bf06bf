import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { somePrincipal } from '../../../test/conformance/keys-fixture.ts'
import { toHex } from '../../base/bytes.ts'
import { principalIdOf } from '../../base/ids.ts'
import { formatToken, parseToken, tokenCharacters, tokenPrefix, tokenSecretBytes } from './token.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const sample = formatToken({ principal: somePrincipal(), secret: new Uint8Array(32).fill(7) })

test('token: every token parses to what it was made of, and has the one length', () => {
  fc.assert(
    fc.property(bytes32, bytes32, (id, secret) => {
      const principal = principalIdOf(toHex(id))
      const text = formatToken({ principal, secret })
      assert.equal(text.length, tokenCharacters)
      assert.match(text, /^uno1_[a-z2-7]{52}\.[a-z2-7]{52}$/)
      assert.deepEqual(parseToken(text), { principal, secret })
    }),
  )
})

test('token: what parses is exactly what would be written: one spelling for each', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 105, maxLength: 105, unit: fc.constantFrom(...'abyz27.') }),
      (tail) => {
        const text = `${tokenPrefix}${tail}`
        const token = parseToken(text)
        if (token !== undefined) assert.equal(formatToken(token), text)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('token: any single changed character is another token or none', () => {
  for (let at = 0; at < sample.length; at++) {
    for (const character of ['a', 'z', '2', '.', '_', 'A', ' ', '\0', 'é', '1']) {
      if (sample[at] === character) continue
      const text = sample.slice(0, at) + character + sample.slice(at + 1)
      const token = parseToken(text)
      if (token === undefined) continue
      assert.equal(formatToken(token), text)
      assert.notEqual(text, sample)
    }
  }
})

test('token: other texts are refused, whatever their length, without an exception', () => {
  const wrongs = [
    ...['', ' ', 'Bearer', sample.slice(1), `${sample} `, ` ${sample}`, `${sample}\n`],
    ...[sample.toUpperCase(), sample.replace('uno1_', 'uno2_'), sample.replace('.', '-')],
    ...[`${sample}a`, sample.slice(0, -1), 'a'.repeat(tokenCharacters), 'x'.repeat(1_000_000)],
    ...[sample.replace(/.$/, 'b'), `${tokenPrefix}${'.'.repeat(105)}`, '\ud800'.repeat(110)],
  ]
  for (const text of wrongs) assert.equal(parseToken(text), undefined, text.slice(0, 120))
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      assert.equal(parseToken(text), undefined)
    }),
    { numRuns: 2_000 },
  )
})

test('token: the secret has 256 bits', () => {
  assert.equal(tokenSecretBytes, 32)
  assert.throws(() => formatToken({ principal: somePrincipal(), secret: new Uint8Array(31) }))
})
