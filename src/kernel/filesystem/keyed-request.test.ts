import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeCrypto } from '../../adapters/node-crypto.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import type { Digest } from '../../base/ids.ts'
import { KeyedRequest } from './keyed-request.ts'

const crypto = createNodeCrypto()
const hashOf = (text: string): Digest => toHex(crypto.sha256(utf8(text))) as Digest

const keyed = (asked: Record<string, unknown>, key = 'k'): KeyedRequest =>
  new KeyedRequest({ crypto, hashOf }, key, asked)

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield utf8(text)
}

async function through(request: KeyedRequest, ...texts: readonly string[]): Promise<string> {
  let passed = ''
  for await (const chunk of request.taking(pieces(...texts))) {
    passed += new TextDecoder().decode(chunk)
  }
  return passed
}

const put = { verb: 'PUT', path: '/a' }

test('a request is its key, what is asked and every byte of its body, however it is cut', async () => {
  const one = keyed({ ...put, blockBytes: 4_096, parents: undefined })
  assert.equal(await through(one, 'ab', '', 'c'), 'abc')
  const same = keyed({ blockBytes: 4_096, path: '/a', verb: 'PUT' })
  await through(same, 'abc')
  assert.deepEqual(same.mark, one.mark)
  assert.deepEqual(one.mark, one.mark)
  const other = keyed({ ...put, blockBytes: 4_096 })
  await through(other, 'abcd')
  assert.equal(other.mark.id, one.mark.id)
  assert.notEqual(other.mark.print, one.mark.print)
  const empty = keyed(put)
  await through(empty)
  assert.deepEqual(empty.mark, keyed(put).mark)
  const asked = [put, { ...put, path: '/b' }, { ...put, verb: 'DELETE' }, { ...put, size: 1 }]
  assert.equal(new Set(asked.map((one) => keyed(one).mark.print)).size, asked.length)
})

test('equal requests under two keys show nothing in common', () => {
  const [one, two] = [keyed(put, 'one').mark, keyed(put, 'two').mark]
  assert.equal(new Set([one.id, one.print, two.id, two.print]).size, 4)
})

test('a body that nobody has begun can be read for the print alone, and only then has one', async () => {
  const whole = keyed(put)
  await through(whole, 'abc')
  const unread = keyed(put)
  unread.taking(pieces('a', 'bc'))
  assert.equal(unread.isUnread, true)
  assert.throws(() => unread.mark, /the print covers the body/)
  assert.equal(unread.idOnly.id, whole.mark.id)
  assert.notEqual(unread.idOnly.print, whole.mark.print)
  await unread.readBody()
  assert.deepEqual(unread.mark, whole.mark)
  assert.equal(unread.isUnread, false)
})
