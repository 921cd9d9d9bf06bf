import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from './assert.ts'
import { concat, utf8 } from './bytes.ts'
import { domainPrefix, domains, separated } from './domains.ts'
import {
  blockIdOf,
  digestOf,
  domainIdOf,
  isHexOf,
  nodeIdOf,
  objectIdOf,
  principalIdOf,
  sessionIdOf,
  tagOf,
  worldIdOf,
} from './ids.ts'

test('ids: exactly so many bytes of lower-case hexadecimal', () => {
  const makers: [(hex: string) => string, number][] = [
    [nodeIdOf, 32],
    [digestOf, 32],
    [worldIdOf, 32],
    [blockIdOf, 16],
    [objectIdOf, 16],
    [domainIdOf, 16],
    [principalIdOf, 32],
    [sessionIdOf, 32],
    [tagOf, 32],
  ]
  for (const [make, length] of makers) {
    const right = '0a'.repeat(length)
    assert.equal(make(right), right)
    const wrongs = ['', right.slice(2), `${right}00`, `${right.slice(1)}g`, right.toUpperCase()]
    for (const wrong of [...wrongs, `${right.slice(1)}\n`])
      assert.throws(() => make(wrong), AssertionError, JSON.stringify(wrong))
  }
})

test('ids: isHexOf does not take what only looks alike', () => {
  assert.equal(isHexOf('00ff', 2), true)
  assert.equal(isHexOf('', 0), true)
  for (const text of ['00f', '00fff', '00FF', '0x00', '00f\n', '\u0660\u0660ff'])
    assert.equal(isHexOf(text, 2), false, JSON.stringify(text))
})

test('domains: unique, and of the one form', () => {
  const all = Object.values(domains)
  assert.equal(new Set(all).size, all.length)
  for (const domain of all) assert.match(domain, /^unosys\/[a-z0-9-]+\/[1-9][0-9]*$/)
})

test('domains: no prefix begins another, so that no bytes belong to two purposes', () => {
  const prefixes = Object.values(domains).map((domain) => domainPrefix(domain))
  for (const [index, prefix] of prefixes.entries())
    for (const [other, longer] of prefixes.entries())
      if (index !== other) assert.notDeepEqual(longer.subarray(0, prefix.length), prefix)
})

test('domains: separated bytes are the domain, a zero byte and the parts', () => {
  const joined = separated(domains.vote, Uint8Array.of(1), Uint8Array.of(2, 3))
  assert.deepEqual(joined, concat([utf8('unosys/vote/1\0'), Uint8Array.of(1, 2, 3)]))
  assert.deepEqual(separated(domains.vote), domainPrefix(domains.vote))
  assert.equal(domainPrefix(domains.vote), domainPrefix(domains.vote), 'made once')
})
