import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import type { Random } from '../../src/ports/random.ts'

export type RandomSubject = { readonly name: string; readonly open: () => Random }

/** What every `Random` promises. */
export function randomCompliance({ name, open }: RandomSubject): void {
  test(`${name}: gives as many bytes as asked for, owned by the caller`, () => {
    const random = open()
    for (const count of [0, 1, 3, 4, 5, 12, 32, 1_000, 70_000]) {
      const bytes = random.bytes(count)
      assert.equal(bytes.length, count)
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype)
      assert.equal(bytes.buffer.byteLength, count, 'no memory is shared')
    }
  })

  test(`${name}: never the same bytes twice, from the source or its forks`, () => {
    const random = open()
    const sources = [random, random.fork('a'), random.fork('a'), random.fork('b')]
    sources.push(sources[1]?.fork('a') ?? random)
    const seen = new Set<string>()
    for (let round = 0; round < 500; round++)
      for (const source of sources) seen.add(toHex(source.bytes(16)))
    assert.equal(seen.size, 500 * sources.length)
  })

  test(`${name}: bits are even`, () => {
    const bytes = open().bytes(100_000)
    const counts = new Uint32Array(8)
    for (const byte of bytes)
      for (let bit = 0; bit < 8; bit++) counts[bit] = (counts[bit] ?? 0) + ((byte >> bit) & 1)
    // Six standard deviations of 100,000 fair coins are 949.
    for (const count of counts) assert.ok(Math.abs(count - 50_000) < 949, `${count}`)
  })
}
