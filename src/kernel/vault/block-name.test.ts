import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockNameKey, blockOf, crypto } from '../../../test/conformance/vault-fixture.ts'
import { toBase32, toHex } from '../../base/bytes.ts'
import { domains } from '../../base/domains.ts'
import { blockIdOf, digestOf } from '../../base/ids.ts'
import { BlockNames, type NameFields, nameCharacters, resembles } from './block-name.ts'

const names = new BlockNames(crypto, blockNameKey)
const hexOf = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex)
const anyFields: fc.Arbitrary<NameFields> = fc.record(
  {
    id: hexOf(16).map(blockIdOf),
    version: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    hash: hexOf(32).map(digestOf),
    keyEpoch: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    pageCount: fc.integer({ min: 0, max: 65_535 }),
  },
  { noNullPrototype: true },
)
const fieldsOf = (number: number): NameFields => {
  const { id, version, hash } = blockOf(number)
  return { id, version, hash, keyEpoch: 3, pageCount: 17 }
}

test('a name has one length, at most 200 characters, that no file system folds or forbids', () => {
  fc.assert(
    fc.property(anyFields, (fields) => {
      const name = names.nameOf(fields)
      assert.equal(name.length, nameCharacters)
      assert.ok(name.length <= 200)
      assert.match(name, /^[a-z2-7]+(-[a-z2-7]+){5}$/)
      assert.deepEqual(names.parse(name), fields)
    }),
  )
})

test('parse takes anything and accepts only names', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      assert.equal(names.parse(text), undefined)
    }),
  )
})

test('C57: any character changed to any other, removed, doubled or in upper case is detected', () => {
  const name = names.nameOf(fieldsOf(1))
  for (let at = 0; at < name.length; at++) {
    const head = name.slice(0, at)
    const tail = name.slice(at + 1)
    const old = name[at] ?? ''
    for (const other of 'abcdefghijklmnopqrstuvwxyz234567-018_.A')
      if (other !== old) assert.equal(names.parse(head + other + tail), undefined)
    assert.equal(names.parse(head + tail), undefined)
    assert.equal(names.parse(head + old + old + tail), undefined)
    if (old.toUpperCase() !== old)
      assert.equal(names.parse(head + old.toUpperCase() + tail), undefined)
  }
  assert.equal(names.parse(name.toUpperCase()), undefined)
  assert.equal(names.parse(`${name}.bak`), undefined)
})

test('C57: fields exchanged between two good names are detected', () => {
  const one = names.nameOf(fieldsOf(1)).split('-')
  const two = names.nameOf({ ...fieldsOf(2), version: 5, keyEpoch: 4, pageCount: 2 }).split('-')
  for (let bits = 1; bits < 63; bits++) {
    const mixed = one.map((field, index) => ((bits >> index) & 1 ? two[index] : field)).join('-')
    assert.equal(names.parse(mixed), undefined)
  }
})

test('C58: two replicas agree on the placeholder; it depends on id and version and on nothing else', () => {
  const replica = new BlockNames(crypto, blockNameKey.slice())
  const { id, version } = fieldsOf(1)
  assert.deepEqual(replica.placeholderOf(id, version), names.placeholderOf(id, version))
  assert.notDeepEqual(names.placeholderOf(id, version + 1), names.placeholderOf(id, version))
  assert.notDeepEqual(
    names.placeholderOf(fieldsOf(2).id, version),
    names.placeholderOf(id, version),
  )
})

test('C58: placeholders are unique to each block and look random', () => {
  const seen = new Set<string>()
  let ones = 0
  for (let number = 0; number < 2_000; number++) {
    const placeholder = names.placeholderOf(blockOf(number, { bytes: 0 }).id, 1)
    seen.add(toHex(placeholder))
    for (const byte of placeholder) ones += byte.toString(2).replaceAll('0', '').length
  }
  assert.equal(seen.size, 2_000)
  const bits = 2_000 * 256
  assert.ok(Math.abs(ones - bits / 2) < 5 * Math.sqrt(bits / 4), `${ones} of ${bits} bits`)
})

test('C58: who has the source and the disk, but not the key, forges no name that is accepted', () => {
  const victim = fieldsOf(1)
  const forged = { ...victim, version: victim.version + 1 }
  const known = names.nameOf(victim)
  // The stem is public: the attacker writes it with any key and cuts off that key's hash.
  const someKey = new Uint8Array(32)
  const stem = new BlockNames(crypto, someKey).nameOf(forged).slice(0, -52)
  const hashWith = (placeholder: Uint8Array): string =>
    toBase32(
      createHash('sha256')
        .update(`${domains.blockName}\0${stem}${toBase32(placeholder)}`)
        .digest(),
    )
  const idBytes = Buffer.from(victim.id, 'hex')
  const guesses = [
    new Uint8Array(32),
    createHash('sha256').update(idBytes).digest(),
    createHash('sha256').update(`${domains.blockPlaceholder}\0`).update(idBytes).digest(),
    createHmac('sha256', someKey).update(idBytes).digest(),
    createHmac('sha256', Buffer.from(victim.hash, 'hex')).update(idBytes).digest(),
    new BlockNames(crypto, someKey).placeholderOf(forged.id, forged.version),
    Buffer.from(known.slice(-52).padEnd(32, '0').slice(0, 32)),
  ]
  for (const guess of guesses) assert.equal(names.parse(stem + hashWith(guess)), undefined)
  // The old name hash under the new stem, and no hash at all.
  assert.equal(names.parse(stem + known.slice(-52)), undefined)
  assert.equal(names.parse(stem + 'a'.repeat(52)), undefined)
  // With the right placeholder the same steps do give the accepted name: the test tests something.
  assert.equal(
    stem + hashWith(names.placeholderOf(forged.id, forged.version)),
    names.nameOf(forged),
  )
})

test('a renamed file is recognised by what is left of its name', () => {
  const name = names.nameOf(fieldsOf(1))
  assert.ok(resembles(`${name}.bak`, name))
  assert.ok(resembles(name.toUpperCase(), name))
  assert.ok(resembles(`x${name.slice(1)}`, name))
  assert.ok(!resembles(names.nameOf(fieldsOf(2)), name))
  assert.ok(!resembles('holiday.jpg', name))
})

test('versions and epochs outside the format are mistakes of ours', () => {
  for (const version of [0, 1.5, 2 ** 48]) {
    assert.throws(() => names.nameOf({ ...fieldsOf(1), version }))
  }
  for (const keyEpoch of [-1, 2 ** 32]) {
    assert.throws(() => names.nameOf({ ...fieldsOf(1), keyEpoch }))
  }
})
