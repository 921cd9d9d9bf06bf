import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CodecError } from '../../base/codec.ts'
import { blockIdOf, digestOf } from '../../base/ids.ts'
import { batchBlocksMax } from './limits.ts'
import {
  type BlockRequest,
  decodeGetReply,
  decodeReceiptReply,
  decodeRequest,
  encodeGetReply,
  encodeReceiptReply,
  encodeRequest,
  GetStatus,
} from './wire.ts'

const key = {
  id: blockIdOf('ab'.repeat(16)),
  version: 2 ** 48 - 1,
  hash: digestOf('cd'.repeat(32)),
}
const block = { ...key, sealedBytes: 65_564, releaseTag: new Uint8Array(16).fill(9) }
const requests: readonly BlockRequest[] = [
  { kind: 'put', replicas: 3, block },
  { kind: 'put', replicas: 255, block: { ...block, version: 1 } },
  { kind: 'receipt', replicas: 1, blocks: [block, { ...block, version: 1 }] },
  { kind: 'receipt', replicas: 1, blocks: [] },
  { kind: 'get', key },
]

test('requests come out as they went in', () => {
  for (const request of requests) assert.deepEqual(decodeRequest(encodeRequest(request)), request)
})

test('replies come out as they went in', () => {
  for (const status of Object.values(GetStatus)) {
    const reply = { key, status, releaseTag: block.releaseTag }
    assert.deepEqual(decodeGetReply(encodeGetReply(reply)), reply)
  }
  const receipt = {
    taken: [0, 3, 255],
    placementEpoch: 4,
    putMs: 1_735_689_600_000,
    signature: new Uint8Array(64).fill(3),
  }
  assert.deepEqual(decodeReceiptReply(encodeReceiptReply(receipt)), receipt)
})

test('refused: version 0, no replicas, too many blocks, a receipt that counts a block twice', () => {
  const refused = (bytes: Uint8Array): void => assert.throws(() => decodeRequest(bytes), CodecError)
  refused(encodeRequest({ kind: 'get', key: { ...key, version: 0 } }))
  refused(encodeRequest({ kind: 'put', replicas: 0, block }))
  const blocks = Array.from({ length: batchBlocksMax + 1 }, () => block)
  refused(encodeRequest({ kind: 'receipt', replicas: 1, blocks }))
  refused(Uint8Array.of(9))
  const reply = { taken: [1, 1], placementEpoch: 1, putMs: 1, signature: new Uint8Array(64) }
  assert.throws(() => decodeReceiptReply(encodeReceiptReply(reply)), CodecError)
  const falling = { ...reply, taken: [2, 1] }
  assert.throws(() => decodeReceiptReply(encodeReceiptReply(falling)), CodecError)
})

test('whatever arrives is decoded or refused, never more, and has one encoding only', () => {
  const tried = (bytes: Uint8Array): void => {
    for (const [decode, encode] of [
      [decodeRequest, encodeRequest],
      [decodeGetReply, encodeGetReply],
      [decodeReceiptReply, encodeReceiptReply],
    ] as const) {
      try {
        const decoded = decode(bytes)
        assert.deepEqual((encode as (value: unknown) => Uint8Array)(decoded), bytes)
      } catch (error) {
        assert(error instanceof CodecError)
      }
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tried))
  fc.assert(
    fc.property(fc.constantFrom(...requests), fc.nat(), fc.nat(255), (request, place, value) => {
      const bytes = encodeRequest(request)
      bytes[place % bytes.length] = value
      tried(bytes)
      tried(bytes.subarray(0, place % bytes.length))
    }),
  )
})
