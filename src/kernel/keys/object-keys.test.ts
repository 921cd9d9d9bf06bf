import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  realCrypto,
  seededObject,
  seededPorts,
  someBlock,
  someDomain,
  someObject,
  tampered,
} from '../../../test/conformance/keys-fixture.ts'
import { isUnosysError } from '../../base/error.ts'
import {
  contentKeyOf,
  createDomainKey,
  createObjectKeys,
  domainEpochOfWrapped,
  dropEpochsBefore,
  newestContentKey,
  nextDomainKey,
  nextObjectKeys,
  type ObjectKeys,
  objectKeyEpochsMax,
  openBlock,
  sealBlock,
  unwrapObjectKeys,
  wrapObjectKeys,
  wrappedKeysBytesMax,
} from './index.ts'

const { ports, domainKey, keys, wrapped } = seededObject()
const { object } = keys

/** What matters of keys, comparable. */
const rawOf = ({ content, tagKey, releaseKey, epoch }: ObjectKeys): unknown => ({
  content: content.map((each) => [each.epoch, [...each.raw]]),
  tagKey: [...tagKey],
  releaseKey: [...releaseKey],
  epoch,
})

function withEpochs(count: number): ObjectKeys {
  let result = keys
  for (let epoch = 1; epoch < count; epoch++) result = nextObjectKeys(ports, result)
  return result
}

test('C20: an object’s keys come out of its handle only with the domain’s key', () => {
  const opened = unwrapObjectKeys(realCrypto, { object, domainKey, wrapped })
  assert.ok(opened)
  assert.deepEqual(rawOf(opened), rawOf(keys))
  const stranger = createDomainKey(ports, domainKey.domain)
  assert.equal(unwrapObjectKeys(realCrypto, { object, domainKey: stranger, wrapped }), undefined)
})

test('C20: what rests in the section holds no key in clear', () => {
  const text = Buffer.from(wrapped).toString('hex')
  for (const raw of [keys.content[0]?.raw, keys.tagKey, keys.releaseKey, domainKey.raw]) {
    assert.equal(text.includes(Buffer.from(raw ?? []).toString('hex')), false)
  }
})

test('C53: content, tag and release keys are drawn anew for each object', () => {
  const seen = new Set<string>()
  for (let count = 0; count < 50; count++) {
    const drawn = createObjectKeys(ports, { object, domainKey }).keys
    for (const raw of [newestContentKey(drawn).raw, drawn.tagKey, drawn.releaseKey]) {
      seen.add(raw.join())
    }
  }
  assert.equal(seen.size, 150)
})

test('wrapped keys: each changed byte is refused, with one epoch and with several', () => {
  const many = wrapObjectKeys(ports, withEpochs(4), domainKey)
  for (const bytes of [wrapped, many]) {
    for (const wrong of tampered(bytes)) {
      assert.equal(unwrapObjectKeys(realCrypto, { object, domainKey, wrapped: wrong }), undefined)
    }
  }
})

test('wrapped keys: bound to object, domain and domain epoch', () => {
  const elsewhere = { ...domainKey, domain: someDomain(0x23) }
  const later = { ...domainKey, epoch: 2 }
  const tries = [
    { object: someObject(0x12), domainKey, wrapped },
    { object, domainKey: elsewhere, wrapped },
    { object, domainKey: later, wrapped },
  ]
  for (const wrong of tries) assert.equal(unwrapObjectKeys(realCrypto, wrong), undefined)
  assert.equal(domainEpochOfWrapped(wrapped), 1)
  assert.equal(domainEpochOfWrapped(new Uint8Array(5)), undefined)
})

test('key epochs: all of them come back, old blocks open and new ones need the new key', () => {
  const third = withEpochs(3)
  const again = unwrapObjectKeys(realCrypto, {
    object,
    domainKey,
    wrapped: wrapObjectKeys(ports, third, domainKey),
  })
  assert.ok(again)
  assert.deepEqual(rawOf(again), rawOf(third))
  const plain = new Uint8Array(16).fill(9)
  for (const content of third.content) {
    const block = { ...someBlock, key: content.key, keyEpoch: content.epoch }
    const sealed = sealBlock(ports, { ...block, plain })
    const same = contentKeyOf(again, content.epoch)
    assert.ok(same)
    assert.deepEqual(openBlock(realCrypto, { ...block, key: same.key, sealed }), plain)
  }
  assert.equal(newestContentKey(again).epoch, 3)
})

test('key epochs: the most fit into the section’s room; one more is refused with what to do', () => {
  const most = withEpochs(objectKeyEpochsMax)
  const bytes = wrapObjectKeys(ports, most, domainKey)
  assert.ok(bytes.length <= wrappedKeysBytesMax)
  const opened = unwrapObjectKeys(realCrypto, { object, domainKey, wrapped: bytes })
  assert.equal(opened?.content.length, objectKeyEpochsMax)
  const tooMany = nextObjectKeys(ports, most)
  assert.throws(
    () => wrapObjectKeys(ports, tooMany, domainKey),
    (error) => isUnosysError(error, 'keys/too-many-epochs'),
  )
  const fewer = dropEpochsBefore(tooMany, 3)
  const shortened = wrapObjectKeys(ports, fewer, domainKey)
  const kept = unwrapObjectKeys(realCrypto, { object, domainKey, wrapped: shortened })
  assert.deepEqual(kept && rawOf(kept), rawOf(fewer))
  assert.equal(kept?.content[0]?.epoch, 3)
})

test('key epochs: the next key does not follow from those before', () => {
  const one = nextObjectKeys(seededPorts('a'), keys)
  const two = nextObjectKeys(seededPorts('b'), keys)
  assert.notDeepEqual(newestContentKey(one).raw, newestContentKey(two).raw)
})

test('wrapped keys: a new domain epoch takes all of them over', () => {
  const next = nextDomainKey(ports, domainKey)
  const moved = wrapObjectKeys(ports, nextObjectKeys(ports, keys), next)
  assert.equal(unwrapObjectKeys(realCrypto, { object, domainKey, wrapped: moved }), undefined)
  const opened = unwrapObjectKeys(realCrypto, { object, domainKey: next, wrapped: moved })
  assert.deepEqual(opened?.content[0]?.raw, keys.content[0]?.raw)
  assert.deepEqual(opened?.releaseKey, keys.releaseKey)
})

test('wrapped keys: any bytes are refused without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_200 }), (bytes) => {
      assert.equal(unwrapObjectKeys(realCrypto, { object, domainKey, wrapped: bytes }), undefined)
    }),
  )
})
