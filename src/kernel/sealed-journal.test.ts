import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeCrypto } from '../adapters/node-crypto.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { isUnosysError } from '../base/error.ts'
import { worldIdOf } from '../base/ids.ts'
import type { Journal } from '../ports/journal.ts'
import { SimJournals } from '../simulator/sim-journal.ts'
import { SimRandom } from '../simulator/sim-random.ts'
import { journalKeyOf, sealedJournal } from './sealed-journal.ts'

const crypto = createNodeCrypto()
const world = worldIdOf('ab'.repeat(32))
const storageKey = new Uint8Array(32).fill(7)
const key = journalKeyOf(crypto, { storageKey, world })

type Both = { readonly inner: Journal; readonly journal: Journal }

async function opened(): Promise<Both> {
  const inner = await new SimJournals({ random: new SimRandom('sealed') }).opener().open('test')
  return { inner, journal: sealedJournal({ crypto, random: new SimRandom('nonces') }, key, inner) }
}

const put = (name: string, value: string) =>
  ({ kind: 'put', key: utf8(name), value: utf8(value) }) as const

const all = { from: utf8(''), to: utf8('~'), countMax: 100 }

test('what goes in comes out, in the order of keys, and removals remove', async () => {
  const { journal } = await opened()
  await journal.commit([put('b', 'two'), put('a', 'one'), put('c', ''), put('d', 'four')])
  assert.deepEqual(await journal.get(utf8('a')), utf8('one'))
  assert.equal(await journal.get(utf8('x')), undefined)
  await journal.commit([
    { kind: 'delete', key: utf8('a') },
    { kind: 'deleteRange', from: utf8('d'), to: utf8('e') },
  ])
  assert.deepEqual(await journal.range(all), [
    { key: utf8('b'), value: utf8('two') },
    { key: utf8('c'), value: utf8('') },
  ])
  await journal.close()
})

test('C49: the disk sees keys and lengths, and nothing of a value; equal values look different', async () => {
  const { inner, journal } = await opened()
  const secret = 'a plain text that nobody may find'
  await journal.commit([put('a', secret), put('b', secret)])
  const entries = await inner.range(all)
  assert.deepEqual(
    entries.map((entry) => entry.key),
    [utf8('a'), utf8('b')],
  )
  const [first = '', second = ''] = entries.map((entry) => toHex(entry.value))
  assert(!first.includes(toHex(utf8(secret.slice(0, 8)))))
  assert.notEqual(first, second)
})

test('a changed record, one under another key, and one of another node are damage', async () => {
  const { inner, journal } = await opened()
  await journal.commit([put('a', 'one'), put('b', 'two')])
  const stored = (await inner.get(utf8('a'))) ?? utf8('')
  const damage = async (name: string, value: Uint8Array): Promise<void> => {
    await inner.commit([{ kind: 'put', key: utf8(name), value }])
    const isDamage = (error: unknown): boolean => isUnosysError(error, 'journal/damaged')
    await assert.rejects(journal.get(utf8(name)), isDamage)
    await assert.rejects(journal.range(all), isDamage)
  }
  for (const place of [0, 12, stored.length - 1]) {
    const changed = stored.slice()
    changed[place] = (changed[place] ?? 0) ^ 1
    await damage('a', changed)
  }
  await damage('b', stored)
  await damage('b', new Uint8Array(3))
  const other = journalKeyOf(crypto, { storageKey, world: worldIdOf('cd'.repeat(32)) })
  const foreign = sealedJournal({ crypto, random: new SimRandom('x') }, other, inner)
  await foreign.commit([put('a', 'one')])
  await assert.rejects(journal.get(utf8('a')), { code: 'journal/damaged' })
})

test('the caller’s arrays are not changed', async () => {
  const { journal } = await opened()
  const value = utf8('kept as it is')
  await journal.commit([{ kind: 'put', key: utf8('a'), value }])
  assert.deepEqual(value, utf8('kept as it is'))
})
