import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { CodecError } from '../../base/codec.ts'
import { type Digest, digestOf } from '../../base/ids.ts'
import { blockOf, headerDigest, payloadHashOf, payloadOf, readPayload } from './encoding.ts'
import { inlinePayloadBytesMax, justificationCountMax } from './limits.ts'
import type { Block, Certificate, Header, Message, Vote, VoteKind } from './types.ts'
import { addressOf, decodeMessage, encodeMessage, kindOf } from './wire.ts'

const group = new Group(7)
const { context, crypto, wire } = group
const sender = 3

/** Records of the ordinary kind: fast-check’s own have no prototype, which deepEqual minds. */
const shape = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>

const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Digest)
const view = fc.integer({ min: 1, max: 2 ** 40 })
const signature = fc.uint8Array({ minLength: 64, maxLength: 64 })
const kind = fc.constantFrom<VoteKind>('notarize', 'nullify', 'finalize')

const vote: fc.Arbitrary<Vote> = shape({
  kind,
  view,
  digest,
  signer: fc.constant(sender),
  signature,
}).map((one) => (one.kind === 'nullify' ? { ...one, digest: undefined } : one))

const certificate: fc.Arbitrary<Certificate> = shape({
  kind,
  view,
  digest,
  signers: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 5, maxLength: 7 }),
  fill: signature,
}).map((one) => {
  const signers = [...one.signers].sort((a, b) => a - b)
  return {
    kind: one.kind,
    view: one.view,
    digest: one.kind === 'nullify' ? undefined : one.digest,
    signers,
    signatures: signers.map(() => one.fill),
  }
})

const items = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })

const block: fc.Arbitrary<Block> = shape({
  view,
  back: fc.integer({ min: 1, max: 100 }),
  digest,
  items,
  timeMs: fc.nat(),
}).map((one) => {
  const payload = payloadOf(crypto, one.items)
  const header: Header = {
    view: one.view,
    parentView: Math.max(0, one.view - one.back),
    parentDigest: one.digest,
    payloadHash: payloadHashOf(crypto, payload),
    timeMs: one.timeMs,
    flags: 0,
  }
  return blockOf(crypto, context, { header, payload })
})

const height = fc.integer({ min: 1, max: 2 ** 40 })

const range: fc.Arbitrary<Message> = shape({
  count: fc.integer({ min: 1, max: 6 }),
  tail: fc.integer({ min: 0, max: 5 }),
  height,
}).map(({ count, height: fromHeight, tail }): Message => {
  const chain = group.chain(count + tail)
  const last = chain.at(-1)!
  return {
    kind: 'range',
    fromHeight,
    blocks: chain.slice(0, count),
    tail: chain.slice(count).map((one) => one.header),
    certificate: group.certificate('finalize', last.header.view, { digest: last.digest }),
  }
})

const message: fc.Arbitrary<Message> = fc.oneof(
  shape({
    kind: fc.constant('propose' as const),
    block,
    justification: fc.array(certificate, { maxLength: 5 }),
  }),
  shape({ kind: fc.constant('vote' as const), vote }),
  shape({
    kind: fc.constant('certificates' as const),
    certificates: fc.array(certificate, { maxLength: 5 }),
  }),
  shape({
    kind: fc.constant('status' as const),
    view,
    finalView: view,
    height,
    stableHeight: height,
  }),
  shape({ kind: fc.constant('ask' as const), fromView: view, toView: view }),
  shape({ kind: fc.constant('fetch' as const), fromHeight: height, view, digest }),
  shape({ kind: fc.constant('block' as const), block }),
  shape({ kind: fc.constant('lacking' as const), fromHeight: height, digest }),
  range,
)

const refuses = (received: Parameters<typeof decodeMessage>[0]): void => {
  assert.throws(() => decodeMessage(received, sender, wire), CodecError)
}

test('every message comes back as it was sent, and has one encoding', () => {
  fc.assert(
    fc.property(message, (sent) => {
      const encoded = encodeMessage(sent, wire)
      const received = decodeMessage(encoded, sender, wire)
      assert.deepEqual(received, sent)
      assert.deepEqual(encodeMessage(received, wire), encoded)
      assert.equal(kindOf(encoded.head), sent.kind)
      assert.deepEqual(addressOf(encoded.head), { group: context.group, epoch: context.epoch })
    }),
    { numRuns: 300 },
  )
})

test('cut anywhere or with a tail, a message is refused', () => {
  fc.assert(
    fc.property(message, fc.nat(), (sent, at) => {
      const { body, head } = encodeMessage(sent, wire)
      const rest = body === undefined ? {} : { body }
      refuses({ head: head.subarray(0, at % head.length), ...rest })
      refuses({ head: Uint8Array.from([...head, 0]), ...rest })
    }),
    { numRuns: 200 },
  )
})

test('a flipped byte gives a refusal or another message, never a crash or the same one', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, flip) => {
      const { body, head } = encodeMessage(sent, wire)
      const changed = head.slice()
      const place = at % head.length
      changed[place] = (changed[place] ?? 0) ^ flip
      try {
        const rest = body === undefined ? {} : { body }
        const received = decodeMessage({ head: changed, ...rest }, sender, wire)
        assert.notDeepEqual(received, sent)
      } catch (error) {
        assert(error instanceof CodecError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('random bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (head) => {
      refuses({ head })
      addressOf(head)
    }),
    { numRuns: 500 },
  )
})

test('messages of another group, epoch or version are refused', () => {
  const { head } = encodeMessage({ kind: 'ask', fromView: 1, toView: 2 }, wire)
  const other = { ...context, group: digestOf('99'.repeat(32)) }
  refuses(encodeMessage({ kind: 'ask', fromView: 1, toView: 2 }, { ...wire, context: other }))
  const later = { ...context, epoch: 2 }
  refuses(encodeMessage({ kind: 'ask', fromView: 1, toView: 2 }, { ...wire, context: later }))
  const version = head.slice()
  version[0] = 2
  refuses({ head: version })
  assert.equal(addressOf(version), undefined)
})

test('a certificate with too few signers, or one beyond the group, is malformed', () => {
  const few = group.certificate('nullify', 3, { signers: [0, 1, 2, 3] })
  refuses(encodeMessage({ kind: 'certificates', certificates: [few] }, wire))
  const whole = group.certificate('nullify', 3)
  const { head } = encodeMessage({ kind: 'certificates', certificates: [whole] }, wire)
  const bitmapAt = 42 + 4 + 9
  assert.equal(head[bitmapAt], 0b11111)
  const beyond = head.slice()
  beyond[bitmapAt] = 0b10001111
  refuses({ head: beyond })
})

test('long payloads travel as bodies, uncopied; short ones in the head; never the other way', () => {
  const long = group.block(1, { items: [new Uint8Array(inlinePayloadBytesMax)] })
  const encoded = encodeMessage({ kind: 'block', block: long }, wire)
  assert.equal(encoded.body?.bytes, long.payload.bytes)
  assert.equal(encoded.body?.hash, long.payload.bytesHash)
  assert(encoded.head.length < 300)
  refuses({ head: encoded.head })
  const short = encodeMessage({ kind: 'block', block: group.block(1) }, wire)
  assert.equal(short.body, undefined)
  refuses({ head: short.head, body: { bytes: new Uint8Array(1), hash: new Uint8Array(32) } })
  const vote = encodeMessage({ kind: 'ask', fromView: 1, toView: 1 }, wire)
  refuses({ head: vote.head, body: { bytes: new Uint8Array(1), hash: new Uint8Array(32) } })
})

test('a payload that is not the header’s, or over the limits, is refused', () => {
  const honest = group.block(1)
  const other = payloadOf(crypto, [new Uint8Array(9)])
  refuses(encodeMessage({ kind: 'block', block: { ...honest, payload: other } }, wire))
  const small = { ...wire, limits: { ...wire.limits, itemBytesMax: 8 } }
  const large = group.block(1, { items: [new Uint8Array(9)] })
  const encoded = encodeMessage({ kind: 'block', block: large }, wire)
  assert.throws(() => decodeMessage(encoded, sender, small), CodecError)
  const bytes = new Uint8Array(wire.limits.payloadBytesMax + 1)
  assert.throws(() => readPayload(bytes, new Uint8Array(32), wire.limits), CodecError)
})

test('more certificates than a justification holds are refused', () => {
  const many = Array.from({ length: justificationCountMax + 2 }, (_, at) =>
    group.certificate('nullify', at + 1),
  )
  refuses(encodeMessage({ kind: 'propose', block: group.block(99), justification: many }, wire))
})

test('a range whose chain breaks, or that its certificate does not prove, is refused', () => {
  const [a, b, c] = group.chain(3)
  const proof = (of: Block, as: VoteKind = 'finalize'): Certificate =>
    group.certificate(as, of.header.view, { digest: of.digest })
  const send = (blocks: Block[], tail: Header[], certificate: Certificate): void =>
    refuses(encodeMessage({ kind: 'range', fromHeight: 1, blocks, tail, certificate }, wire))
  send([a!, c!], [], proof(c!))
  send([a!], [c!.header], proof(c!))
  send([a!, b!], [], proof(c!))
  send([a!, b!], [], proof(b!, 'notarize'))
  send([], [], proof(c!))
})

test('a header’s digest depends on every field, on the group and on the epoch', () => {
  const { header } = group.block(5)
  const variants: Header[] = [
    header,
    { ...header, view: 6 },
    { ...header, parentView: 1 },
    { ...header, parentDigest: digestOf('33'.repeat(32)) },
    { ...header, payloadHash: digestOf('33'.repeat(32)) },
    { ...header, timeMs: header.timeMs + 1 },
    { ...header, flags: 1 },
  ]
  const digests = variants.map((one) => headerDigest(crypto, context, one))
  digests.push(headerDigest(crypto, { ...context, epoch: 2 }, header))
  const other = digestOf('77'.repeat(32))
  digests.push(headerDigest(crypto, { ...context, group: other }, header))
  assert.equal(new Set(digests).size, digests.length)
})

test('headers with flags, view 0, or a parent that is not older are refused', () => {
  const { header, payload } = group.block(5)
  for (const wrong of [
    { ...header, flags: 1 },
    { ...header, view: 0 },
    { ...header, parentView: 5 },
  ])
    refuses(
      encodeMessage(
        { kind: 'block', block: blockOf(crypto, context, { header: wrong, payload }) },
        wire,
      ),
    )
})
