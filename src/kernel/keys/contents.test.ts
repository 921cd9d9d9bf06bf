import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  realCrypto,
  seededObject,
  someObject,
  tampered,
} from '../../../test/conformance/keys-fixture.ts'
import { utf8 } from '../../base/bytes.ts'
import { tagOf } from '../../base/ids.ts'
import {
  endTag,
  entryTag,
  fileBlockTag,
  namedTag,
  nextObjectKeys,
  type ObjectKeys,
  openAttributes,
  openBase,
  openDelta,
  openEntryName,
  partOverheadBytes,
  type SealPorts,
  sealAttributes,
  sealBase,
  sealDelta,
  sealEntryName,
  truncateTag,
} from './index.ts'

const { ports, keys } = seededObject()
const { keys: strangers } = seededObject('stranger')
const place = {
  directory: keys.object,
  tag: entryTag(realCrypto, keys, 'report.txt'),
  object: someObject(0x77),
}

type Part = {
  readonly name: string
  readonly seal: (ports: SealPorts, keys: ObjectKeys, plain: Uint8Array) => Uint8Array
  readonly open: (keys: ObjectKeys, sealed: Uint8Array) => Uint8Array | undefined
}

const parts: readonly Part[] = [
  { name: 'delta', seal: sealDelta, open: (k, s) => openDelta(realCrypto, k, s) },
  { name: 'base', seal: sealBase, open: (k, s) => openBase(realCrypto, k, s) },
  { name: 'attributes', seal: sealAttributes, open: (k, s) => openAttributes(realCrypto, k, s) },
  {
    name: 'entry name',
    seal: (p, k) => sealEntryName(p, k, { ...place, name: 'report.txt' }),
    open: (k, sealed) => openEntryName(realCrypto, k, { ...place, sealed }),
  },
]
const plain = utf8('report.txt')

for (const part of parts) {
  test(`${part.name}: opens again, as long as promised; each changed byte is refused`, () => {
    const sealed = part.seal(ports, keys, plain)
    assert.equal(sealed.length, plain.length + partOverheadBytes)
    assert.deepEqual(part.open(keys, sealed), plain)
    for (const wrong of tampered(sealed)) assert.equal(part.open(keys, wrong), undefined)
  })

  test(`${part.name}: opens as nothing else, and for no other object`, () => {
    const sealed = part.seal(ports, keys, plain)
    for (const other of parts) {
      if (other !== part) assert.equal(other.open(keys, sealed), undefined, other.name)
    }
    assert.equal(part.open(strangers, sealed), undefined)
    if (part.name === 'entry name') return
    const sameKeys = { ...keys, object: someObject(0x12) }
    assert.equal(part.open(sameKeys, sealed), undefined, 'the object is bound')
  })

  test(`${part.name}: stays readable under later epochs, and is not under earlier ones`, () => {
    const old = part.seal(ports, keys, plain)
    const next = nextObjectKeys(ports, keys)
    assert.deepEqual(part.open(next, old), plain)
    const fresh = part.seal(ports, next, plain)
    assert.deepEqual(part.open(next, fresh), plain)
    assert.equal(part.open(keys, fresh), undefined)
  })
}

test('entry name: opens only in its directory, under its tag, for its object', () => {
  const sealed = sealEntryName(ports, keys, { ...place, name: 'report.txt' })
  for (const wrong of [
    { directory: someObject(0x78) },
    { tag: entryTag(realCrypto, keys, 'other.txt') },
    { object: someObject(0x79) },
  ]) {
    assert.equal(openEntryName(realCrypto, keys, { ...place, ...wrong, sealed }), undefined)
  }
})

test('entry name: 255 bytes of a name stay within what the section takes', () => {
  const name = 'ü'.repeat(127)
  const sealed = sealEntryName(ports, keys, { ...place, name })
  assert.ok(sealed.length <= 512)
  assert.deepEqual(openEntryName(realCrypto, keys, { ...place, sealed }), utf8(name))
})

test('tags: the same for the same, another for anything else', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const same = entryTag(realCrypto, keys, a) === entryTag(realCrypto, keys, b)
      assert.equal(same, a === b)
    }),
  )
  assert.notEqual(fileBlockTag(realCrypto, keys, 0), fileBlockTag(realCrypto, keys, 1))
  assert.notEqual(fileBlockTag(realCrypto, keys, 1), fileBlockTag(realCrypto, keys, 2 ** 32 + 1))
  assert.notEqual(endTag(realCrypto, keys), truncateTag(realCrypto, keys))
})

test('tags: a name, a block and a place of our own never share one; nor do two objects', () => {
  const tags = [keys, strangers].flatMap((each) => [
    entryTag(realCrypto, each, 'end'),
    namedTag(realCrypto, each, 'end'),
    entryTag(realCrypto, each, '\0\0\0\0\0\0\0\0'),
    fileBlockTag(realCrypto, each, 0),
    namedTag(realCrypto, each, '\0\0\0\0\0\0\0\0'),
  ])
  assert.equal(new Set(tags).size, tags.length)
  for (const tag of tags) assert.equal(tagOf(tag), tag)
})

test('tags: the content key’s epoch does not change them', () => {
  const next = nextObjectKeys(ports, keys)
  assert.equal(entryTag(realCrypto, next, 'a'), entryTag(realCrypto, keys, 'a'))
})
