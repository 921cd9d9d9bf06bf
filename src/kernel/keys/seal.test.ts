import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { realCrypto, seededPorts, tampered } from '../../../test/conformance/keys-fixture.ts'
import { utf8 } from '../../base/bytes.ts'
import { domains, separated } from '../../base/domains.ts'
import { isUnosysError } from '../../base/error.ts'
import { createDomainKey, everyoneKeyOf } from './index.ts'
import { sealOverheadBytes } from './limits.ts'
import { countSealing, freshKey, openBytes, sealBytes, sealedBytesOf, sealingsOf } from './seal.ts'

const associated = separated(domains.delta, utf8('for a test'))

test('seal: what was sealed opens, and is as long as promised', () => {
  const ports = seededPorts()
  const key = realCrypto.aeadKey(freshKey(ports))
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 40 }),
      (plain, ad) => {
        const sealed = sealBytes(ports, { key, plain, associated: ad })
        assert.equal(sealed.length, sealedBytesOf(plain.length))
        assert.equal(sealed.buffer.byteLength, sealed.length, 'memory of its own')
        assert.deepEqual(openBytes(realCrypto, { key, sealed, associated: ad }), plain)
      },
    ),
    { numRuns: 200 },
  )
})

test('seal: each changed byte, a shorter, a longer and an empty input are refused', () => {
  const ports = seededPorts()
  const key = realCrypto.aeadKey(freshKey(ports))
  const sealed = sealBytes(ports, { key, plain: utf8('a sentence of some length'), associated })
  for (const wrong of tampered(sealed)) {
    assert.equal(openBytes(realCrypto, { key, sealed: wrong, associated }), undefined)
  }
  for (const length of [1, sealOverheadBytes - 1]) {
    const short = sealed.subarray(0, length)
    assert.equal(openBytes(realCrypto, { key, sealed: short, associated }), undefined)
  }
})

test('seal: another key and other associated data are refused', () => {
  const ports = seededPorts()
  const key = realCrypto.aeadKey(freshKey(ports))
  const other = realCrypto.aeadKey(freshKey(ports))
  const sealed = sealBytes(ports, { key, plain: utf8('x'), associated })
  assert.equal(openBytes(realCrypto, { key: other, sealed, associated }), undefined)
  const elsewhere = separated(domains.blockInner, utf8('for a test'))
  assert.equal(openBytes(realCrypto, { key, sealed, associated: elsewhere }), undefined)
})

test('seal: a fresh nonce each time, so that equal contents do not look equal', () => {
  const ports = seededPorts()
  const key = realCrypto.aeadKey(freshKey(ports))
  const nonces = new Set<string>()
  for (let count = 0; count < 1_000; count++) {
    const sealed = sealBytes(ports, { key, plain: utf8('same'), associated })
    nonces.add(sealed.subarray(0, 12).join())
  }
  assert.equal(nonces.size, 1_000)
})

test('seal: a head stands in clear before the nonce', () => {
  const ports = seededPorts()
  const key = realCrypto.aeadKey(freshKey(ports))
  const head = utf8('head')
  const sealed = sealBytes(ports, { key, plain: utf8('body'), associated, head })
  assert.deepEqual(sealed.subarray(0, 4), head)
  const opened = openBytes(realCrypto, { key, sealed: sealed.subarray(4), associated })
  assert.deepEqual(opened, utf8('body'))
})

test('seal: uses of a key are counted, and one too many seals nothing', () => {
  const ports = seededPorts()
  const key = realCrypto.aeadKey(freshKey(ports))
  for (let count = 0; count < 3; count++) sealBytes(ports, { key, plain: utf8('x'), associated })
  assert.equal(sealingsOf(key), 3)
  countSealing(key, 4)
  assert.throws(
    () => countSealing(key, 4),
    (error) => isUnosysError(error, 'keys/exhausted'),
  )
  assert.equal(sealingsOf(key), 4, 'a refused use is no use')
  const another = createDomainKey(ports, 'aa'.repeat(16) as never)
  assert.equal(sealingsOf(another.key), 0)
  assert.equal(sealingsOf(everyoneKeyOf(realCrypto, freshKey(ports))), 0)
})
