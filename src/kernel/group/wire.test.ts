import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8 } from '../../base/bytes.ts'
import { CodecError } from '../../base/codec.ts'
import { blockIdOf, digestOf, objectIdOf, tagOf } from '../../base/ids.ts'
import type { Query } from '../section/index.ts'
import { messageBytesMax } from './limits.ts'
import {
  decodeAddedList,
  decodeAddedReply,
  decodeGroupRequest,
  decodeReadReply,
  decodeReadsReply,
  encodeAddedList,
  encodeAddedReply,
  encodeGroupRequest,
  encodeReadReply,
  encodeReadsReply,
  type GroupRequest,
} from './wire.ts'

const object = objectIdOf('ab'.repeat(16))
const tag = tagOf('cd'.repeat(32))
const queries: Query[] = [
  { kind: 'object', object, sinceSeq: 7 },
  { kind: 'entry', directory: object, tag },
]
const page = { directory: object, root: digestOf('12'.repeat(32)), after: tag, countMax: 50 }
const requests: readonly GroupRequest[] = [
  { kind: 'submit', batch: utf8('a batch') },
  { kind: 'read', queries, atBlock: undefined },
  { kind: 'read', queries: [], atBlock: digestOf('56'.repeat(32)) },
  { kind: 'page', page },
  { kind: 'page', page: { ...page, after: undefined } },
  { kind: 'added', fromHeight: 12, countMax: 256 },
  { kind: 'reads', reads: [queries, [], queries] },
]

test('requests come out as they went in', () => {
  for (const request of requests) {
    assert.deepEqual(decodeGroupRequest(encodeGroupRequest(request)), request)
  }
})

test('answers come out as they went in', () => {
  for (const finality of [utf8('proof'), undefined]) {
    const read = { height: 99, finality, answers: utf8('answers') }
    assert.deepEqual(decodeReadReply(encodeReadReply(read)), read)
  }
  const one = encodeReadReply({ height: 99, finality: undefined, answers: utf8('answers') })
  const replies = [one, undefined, one]
  assert.deepEqual(decodeReadsReply(encodeReadsReply(replies)), replies)
  const block = {
    id: blockIdOf('ef'.repeat(16)),
    version: 3,
    hash: digestOf('34'.repeat(32)),
    sealedBytes: 4_124,
    releaseTag: new Uint8Array(16).fill(5),
    replicas: 3,
  }
  const list = { height: 5, blocks: [block, { ...block, version: 4 }] }
  assert.deepEqual(decodeAddedList(encodeAddedList(list)), list)
  const reply = {
    lists: [encodeAddedList(list), encodeAddedList({ height: 6, blocks: [] })],
    nextHeight: 7,
  }
  assert.deepEqual(decodeAddedReply(encodeAddedReply(reply)), reply)
})

test('an answer as large as a message may be is taken, a larger one refused', () => {
  const read = { height: 1, finality: undefined, answers: new Uint8Array(messageBytesMax) }
  assert.equal(decodeReadReply(encodeReadReply(read)).answers.length, messageBytesMax)
  const over = encodeReadReply({
    height: 1,
    finality: undefined,
    answers: new Uint8Array(messageBytesMax + 1),
  })
  assert.throws(() => decodeReadReply(over), CodecError)
})

test('whatever arrives is decoded or refused, never more, and has one encoding only', () => {
  const decoders = [decodeGroupRequest, decodeReadReply, decodeAddedList, decodeAddedReply]
  const tried = (bytes: Uint8Array): void => {
    for (const decode of decoders) {
      try {
        decode(bytes)
      } catch (error) {
        assert(error instanceof CodecError)
      }
    }
    try {
      const request = decodeGroupRequest(bytes)
      assert.deepEqual(encodeGroupRequest(request), bytes)
    } catch (error) {
      assert(error instanceof CodecError)
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tried))
  const mutated = fc.tuple(fc.constantFrom(...requests), fc.nat(), fc.nat(255))
  fc.assert(
    fc.property(mutated, ([request, place, value]) => {
      const bytes = encodeGroupRequest(request)
      bytes[place % bytes.length] = value
      tried(bytes)
      tried(bytes.subarray(0, place % bytes.length))
    }),
  )
})
