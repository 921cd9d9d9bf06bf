import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createNodeCrypto } from '../../adapters/node-crypto.ts'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { type MapFormat, MerkleMap, numberKey } from './merkle-map.ts'
import { proveRange, type RangeClaim, verifyRange } from './merkle-proof.ts'

const crypto = createNodeCrypto()
const format: MapFormat<string> = {
  keyBytes: 4,
  writeValue: (writer, value) => writer.text(value),
}
const empty = new MerkleMap<string, string>(format)
const bytesOf = (value: string): Uint8Array => {
  const text = utf8(value)
  return new Uint8Array([text.length >> 8, text.length & 0xff, ...text])
}

const mapOf = (entries: Iterable<readonly [string, string]>): MerkleMap<string, string> => {
  let map = empty
  for (const [key, value] of entries) map = map.set(key, value)
  return map
}

// Few different bytes, so that keys share long prefixes.
const key = fc
  .array(fc.constantFrom('00', '01', '80', 'ff'), { minLength: 4, maxLength: 4 })
  .map((parts) => parts.join(''))
const step = fc.record({ key, value: fc.string({ maxLength: 5 }), remove: fc.boolean() })

test('a Merkle map gives back what a plain map does, in key order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const plain = new Map<string, string>()
      let map = empty
      for (const { key, value, remove } of steps) {
        if (remove) plain.delete(key)
        else plain.set(key, value)
        map = remove ? map.delete(key) : map.set(key, value)
      }
      const sorted = [...plain].sort(([a], [b]) => (a < b ? -1 : 1))
      assert.equal(map.size, plain.size)
      assert.deepEqual(
        [...map.leaves()].map(({ key, value }) => [key, value]),
        sorted,
      )
      assert.equal(map.first()?.key, sorted[0]?.[0])
      for (const { key } of steps) {
        assert.equal(map.get(key), plain.get(key))
        assert.equal(map.has(key), plain.has(key))
        const after = sorted.filter(([other]) => other > key)
        assert.deepEqual(
          [...map.leaves(key)].map(({ key, value }) => [key, value]),
          after,
        )
        assert.equal(map.countUpTo(key), plain.size - after.length)
      }
    }),
  )
})

test('equal contents have equal roots, whatever their history', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const plain = new Map<string, string>()
      let map = empty
      for (const { key, value, remove } of steps) {
        if (remove) plain.delete(key)
        else plain.set(key, value)
        map = remove ? map.delete(key) : map.set(key, value)
        // Hashes computed on the way must not outlive what they were over.
        map.root(crypto)
      }
      assert.equal(map.root(crypto), mapOf([...plain].reverse()).root(crypto))
    }),
  )
})

test('different contents have different roots', () => {
  const roots = new Set<string>()
  const keys = ['00000000', '00000001', '80000000', 'ffffffff']
  for (let set = 0; set < 16; set++) {
    for (const value of ['a', 'b']) {
      const chosen = keys.filter((_, index) => (set & (1 << index)) !== 0)
      roots.add(mapOf(chosen.map((key) => [key, value])).root(crypto))
    }
  }
  assert.equal(roots.size, 31)
})

test('a change leaves the map that it was made from as it was', () => {
  const before = mapOf([
    ['00000000', 'a'],
    ['00000001', 'b'],
  ])
  const root = before.root(crypto)
  const after = before.set('00000001', 'c').delete('00000000').set('ff000000', 'd')
  assert.equal(before.root(crypto), root)
  assert.equal(before.get('00000001'), 'b')
  assert.notEqual(after.root(crypto), root)
  assert.equal(before.delete('12345678'), before)
})

test('a key of another length is a programmer’s error', () => {
  assert.throws(() => empty.set('00', 'a'), { name: 'AssertionError' })
})

test('keys of numbers sort like numbers', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      assert.equal(a < b, numberKey(a) < numberKey(b))
    }),
  )
})

type Range = { entries: [string, string][]; after: string | undefined; countMax: number }
const range: fc.Arbitrary<Range> = fc.record({
  entries: fc.array(fc.tuple(key, fc.string({ maxLength: 3 })), { maxLength: 40 }),
  after: fc.option(key, { nil: undefined }),
  countMax: fc.integer({ min: 1, max: 12 }),
})

function claimOf({
  entries,
  after,
  countMax,
}: Range): RangeClaim & { map: MerkleMap<string, string> } {
  const map = mapOf(entries)
  const proved = proveRange(crypto, map, { after, countMax })
  return {
    map,
    root: map.rootBytes(crypto),
    keyBytes: 4,
    valueBytesMax: 64,
    after,
    countMax,
    entries: proved.leaves.map(({ key, value }) => ({ key, value: bytesOf(value) })),
    more: proved.more,
    proof: proved.proof,
  }
}

test('a page is exactly what follows the cursor, and its proof holds', () => {
  fc.assert(
    fc.property(range, (input) => {
      const { map, ...claim } = claimOf(input)
      const following = [...map.leaves(input.after)]
      assert.deepEqual(
        claim.entries.map(({ key }) => key),
        following.slice(0, input.countMax).map(({ key }) => key),
      )
      assert.equal(claim.more, following.length > input.countMax)
      assert.equal(verifyRange(crypto, claim), true)
    }),
    { numRuns: 500 },
  )
})

test('pages from cursor to cursor give every entry exactly once', () => {
  fc.assert(
    fc.property(range, (input) => {
      const seen: string[] = []
      let after: string | undefined
      for (;;) {
        const { map, ...claim } = claimOf({ ...input, after })
        assert(verifyRange(crypto, claim))
        seen.push(...claim.entries.map(({ key }) => key))
        after = claim.entries.at(-1)?.key
        if (!claim.more) {
          assert.deepEqual(
            seen,
            [...map.leaves()].map(({ key }) => key),
          )
          return
        }
      }
    }),
  )
})

test('a page that leaves out, adds or changes anything does not verify', () => {
  fc.assert(
    fc.property(range, fc.nat(), (input, choice) => {
      const { map, ...claim } = claimOf(input)
      const place = claim.entries.length === 0 ? 0 : choice % claim.entries.length
      const without = claim.entries.filter((_, index) => index !== place)
      const changed = claim.entries.map((entry, index) =>
        index === place ? { ...entry, value: bytesOf('other') } : entry,
      )
      const lies: RangeClaim[] = [{ ...claim, more: !claim.more }]
      if (claim.entries.length > 0) {
        lies.push({ ...claim, entries: without }, { ...claim, entries: changed })
        lies.push({ ...claim, after: claim.entries[place]?.key })
      }
      for (const lie of lies) assert.equal(verifyRange(crypto, lie), false)
    }),
    { numRuns: 500 },
  )
})

/** What a liar can make with the true tree in his hands: any set of leaves shown, any mark. */
function forgedProofs(map: MerkleMap<string, string>, shown: (key: string) => number): Uint8Array {
  const parts: number[] = []
  const hashOf = (node: NonNullable<typeof map.top>): Uint8Array =>
    new MerkleMap(format, node).rootBytes(crypto)
  const walk = (node: NonNullable<typeof map.top>): void => {
    if (!node.isLeaf) {
      parts.push(0)
      walk(node.left)
      walk(node.right)
      return
    }
    const mark = shown(node.key)
    if (mark === 1) parts.push(1, ...hashOf(node))
    else if (mark === 2) parts.push(2)
    else {
      const value = bytesOf(node.value)
      parts.push(3, ...fromHex(node.key), 0, 0, 0, value.length, ...value)
    }
  }
  if (map.top !== undefined) walk(map.top)
  return new Uint8Array(parts)
}

test('no way of folding the true tree hides an entry of the page', () => {
  fc.assert(
    fc.property(
      range,
      fc.array(fc.constantFrom(1, 2, 2, 3), { minLength: 40, maxLength: 40 }),
      (input, marks) => {
        const map = mapOf(input.entries)
        const leaves = [...map.leaves()]
        const markOf = new Map(leaves.map(({ key }, index) => [key, marks[index] ?? 1]))
        const entries = leaves
          .filter(({ key }) => markOf.get(key) === 2)
          .map(({ key, value }) => ({ key, value: bytesOf(value) }))
        const proof = forgedProofs(map, (key) => markOf.get(key) ?? 1)
        for (const more of [false, true]) {
          const { after, countMax } = input
          const claim = {
            root: map.rootBytes(crypto),
            keyBytes: 4,
            valueBytesMax: 64,
            after,
            countMax,
          }
          if (!verifyRange(crypto, { ...claim, entries, more, proof })) continue
          const true_ = [...map.leaves(after)]
          assert.deepEqual(
            entries.map(({ key }) => key),
            true_.slice(0, countMax).map(({ key }) => key),
          )
          assert.equal(more, true_.length > countMax)
        }
      },
    ),
    { numRuns: 2_000 },
  )
})

test('any bytes as a proof are refused without an exception', () => {
  const { map, ...claim } = claimOf({
    entries: [
      ['00000000', 'a'],
      ['00000001', 'b'],
      ['ff000000', 'c'],
    ],
    after: '00000000',
    countMax: 1,
  })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (proof) => {
      assert.equal(verifyRange(crypto, { ...claim, proof }), toHex(proof) === toHex(claim.proof))
    }),
  )
  const deep = new Uint8Array(100_000)
  assert.equal(verifyRange(crypto, { ...claim, proof: deep }), false)
  for (let cut = 0; cut < claim.proof.length; cut++)
    assert.equal(verifyRange(crypto, { ...claim, proof: claim.proof.subarray(0, cut) }), false)
})
