import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { inlineBytesMax } from './limits.ts'
import { pack, unpack } from './packing.ts'

const crypto = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return new Uint8Array(hash.digest())
  },
}

test('any answer fits a message: long ones as its body, with their hash', () => {
  for (const length of [0, 1, inlineBytesMax, inlineBytesMax + 1, 1024 * 1024]) {
    const bytes = new Uint8Array(length).fill(7)
    const packed = pack(crypto, bytes)
    assert.deepEqual(unpack(packed), bytes)
    assert(packed.head.length <= inlineBytesMax)
    if (packed.body !== undefined) assert.deepEqual(packed.body.hash, crypto.sha256(bytes))
  }
})
