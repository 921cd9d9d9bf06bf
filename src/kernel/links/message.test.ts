import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesOf, crypto, pattern } from '../../../test/conformance/links-world.ts'
import { CodecError, decode, encode } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import { channels } from './interface.ts'
import { bodyBytesMax, deadlineMsMax, headBytesMax } from './limits.ts'
import {
  contentBytes,
  MessageHasher,
  messageKinds,
  readContent,
  refusalCodeOf,
  refusalHead,
  type SignedContent,
  writeContent,
} from './message.ts'

const encoded = (content: SignedContent): Uint8Array =>
  encode((writer) => writeContent(writer, content))

const plain: SignedContent = {
  kind: messageKinds.message,
  channel: channels.group,
  id: 0,
  deadlineMs: 0,
  head: bytesOf('head'),
  body: undefined,
}

const bodies = fc.option(
  fc.record({
    length: fc.nat(bodyBytesMax),
    hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
  { nil: undefined },
)
const shared = {
  channel: fc.constantFrom(...Object.values(channels)),
  head: fc.uint8Array({ maxLength: 300 }),
  body: bodies,
}
const ids = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const contents: fc.Arbitrary<SignedContent> = fc.oneof(
  fc.record({
    ...shared,
    kind: fc.constant(messageKinds.message),
    id: fc.constant(0),
    deadlineMs: fc.constant(0),
  }),
  fc.record({
    ...shared,
    kind: fc.constant(messageKinds.request),
    id: ids,
    deadlineMs: fc.integer({ min: 1, max: deadlineMsMax }),
  }),
  fc.record({
    ...shared,
    kind: fc.constant(messageKinds.reply),
    id: ids,
    deadlineMs: fc.constant(0),
  }),
)

test('a message reads back as it was written, and its length is known before', () => {
  fc.assert(
    fc.property(contents, (content) => {
      const bytes = encoded(content)
      assert.equal(bytes.length, contentBytes(content))
      // Spread: what the generator makes has no prototype.
      const { body } = content
      assert.deepEqual(decode(bytes, readContent), { ...content, body: body && { ...body } })
    }),
  )
})

test('any bytes either decode to the message that encodes to them, or are refused', () => {
  const changed = fc
    .tuple(contents, fc.nat(), fc.integer({ min: 1, max: 255 }))
    .map(([content, at, flip]) => {
      const bytes = encoded(content).slice()
      const place = at % bytes.length
      bytes[place] = (bytes[place] ?? 0) ^ flip
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 100 })), (bytes) => {
      try {
        assert.deepEqual(encoded(decode(bytes, readContent)), bytes)
      } catch (error) {
        assert.ok(error instanceof CodecError, String(error))
      }
    }),
  )
})

test('what no sender of ours writes is refused', () => {
  const request = { ...plain, kind: messageKinds.request, id: 7, deadlineMs: 1_000 }
  const hash = pattern(32)
  const refusals: [string, SignedContent][] = [
    ['a one-way message with a number', { ...plain, id: 1 }],
    ['a one-way message with a deadline', { ...plain, deadlineMs: 1 }],
    ['a request without a number', { ...request, id: 0 }],
    ['a request without a deadline', { ...request, deadlineMs: 0 }],
    ['a request that lasts for years', { ...request, deadlineMs: deadlineMsMax + 1 }],
    ['a reply without a number', { ...plain, kind: messageKinds.reply }],
    ['a cancellation with a head', { ...plain, kind: messageKinds.cancel, id: 3 }],
    ['a refusal without a code', { ...plain, kind: messageKinds.refusal, id: 3, head: hash }],
    ['a head that is too long', { ...plain, head: new Uint8Array(headBytesMax + 1) }],
    ['a body that is too long', { ...plain, body: { length: bodyBytesMax + 1, hash } }],
  ]
  for (const [what, content] of refusals)
    assert.throws(() => decode(encoded(content), readContent), CodecError, what)
})

test('codes of refusals: ours pass, anything else travels as internal', () => {
  for (const code of ['link/overloaded', 'vault/full', 'internal', 'a/b-c'])
    assert.equal(refusalCodeOf(refusalHead(code)), code)
  for (const code of ['', 'ERR_FOO', 'a b', 'x'.repeat(65), 'naïve', '/x', 'x/'])
    assert.equal(refusalCodeOf(refusalHead(code)), 'internal')
  assert.equal(refusalCodeOf(Uint8Array.of(0xff, 0xfe)), undefined)
})

test('the hash of a message is that of domain and message, whatever the length', () => {
  const hasher = new MessageHasher(crypto)
  for (const length of [0, 1, 100, 8_000, 8_192, 8_193, 100_000]) {
    const message = pattern(length)
    assert.deepEqual(hasher.hash(message), crypto.sha256(bytesOf(domains.message), message))
  }
})
