import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { Digest, Tag } from '../../base/ids.ts'
import {
  alice,
  applyOf,
  createOf,
  crypto,
  hashOf,
  linkOf,
  makeFile,
  objectOf,
  root,
  TestWorld,
  tagOfName,
  unlinkOf,
} from './fixture.test.ts'
import {
  decodePage,
  type Entry,
  encodePage,
  type Page,
  type PageRequest,
  page,
  type SectionState,
  verifyPage,
  viewOf,
} from './index.ts'
import { emptyMaps } from './state-maps.ts'

const rootOf = (state: SectionState): Digest => {
  const directory = state.objects.get(root)
  assert(directory !== undefined)
  const { entriesRoot } = viewOf(crypto, directory, 0)
  assert(entriesRoot !== undefined)
  return entriesRoot
}

const requestOf = (state: SectionState, more: Partial<PageRequest> = {}): PageRequest => ({
  directory: root,
  root: rootOf(state),
  after: undefined,
  countMax: 1_000,
  ...more,
})

/** All entries by pages, each checked. */
function listed(state: SectionState, countMax: number): Entry[] {
  const entries: Entry[] = []
  let after: Tag | undefined
  for (;;) {
    const request = requestOf(state, { after, countMax })
    const found = page(crypto, state, request)
    assert(found !== undefined)
    const sent = decodePage(encodePage(found))
    assert(verifyPage(crypto, request, sent))
    entries.push(...sent.entries)
    after = sent.entries.at(-1)?.tag
    if (!sent.more) return entries
  }
}

test('a listing in pages gives every entry once, in the order of tags', () => {
  const world = new TestWorld()
  const client = world.client('one')
  for (let index = 0; index < 50; index++) makeFile(client, `f${index}`)
  for (const countMax of [1, 7, 51, 1_000]) {
    const tags = listed(world.state, countMax).map(({ tag }) => tag)
    assert.equal(tags.length, 51)
    assert.deepEqual(tags, [...tags].sort())
    assert(tags.includes(tagOfName('f7')))
  }
})

test('a member that leaves out, adds or changes an entry is found out', () => {
  const world = new TestWorld()
  const client = world.client('one')
  for (let index = 0; index < 20; index++) makeFile(client, `f${index}`)
  const request = requestOf(world.state, { after: `8${'0'.repeat(63)}` as Tag, countMax: 5 })
  const good = page(crypto, world.state, request)
  assert(good !== undefined && good.entries.length === 5)
  assert(verifyPage(crypto, request, good))
  const [first, second, ...rest] = good.entries
  assert(first !== undefined && second !== undefined)
  const lies: Page[] = [
    { ...good, entries: [first, ...rest] },
    { ...good, entries: [second, first, ...rest] },
    { ...good, entries: [{ ...first, object: objectOf('other') }, second, ...rest] },
    { ...good, entries: [{ ...first, sealedName: utf8('other') }, second, ...rest] },
    { ...good, more: false },
    { ...good, entries: [] },
    { entries: [], more: false, proof: new Uint8Array(0) },
  ]
  for (const lie of lies) assert.equal(verifyPage(crypto, request, lie), false)
  const shorter = page(crypto, world.state, { ...request, countMax: 4 })
  assert(shorter !== undefined)
  assert.equal(verifyPage(crypto, request, shorter), false)
})

test('an older root is served from the state that had it, and from no other', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const seq = makeFile(client, 'a')
  const before = world.state
  const request = requestOf(before)
  client.done(unlinkOf('a', seq), createOf('b'), linkOf('b'))
  assert.equal(page(crypto, world.state, request), undefined)
  const found = page(crypto, before, request)
  assert(found !== undefined && verifyPage(crypto, request, found))
  assert.equal(page(crypto, world.state, { ...request, directory: objectOf('none') }), undefined)
  // What is no entry of the directory does not change its root.
  const newer = requestOf(world.state)
  client.done(applyOf('b'))
  assert(page(crypto, world.state, newer) !== undefined)
})

test('an entry neither renamed nor removed meanwhile appears exactly once', () => {
  const world = new TestWorld()
  const client = world.client('one')
  for (let index = 0; index < 30; index++) makeFile(client, `f${index}`)
  const seen: Tag[] = []
  let after: Tag | undefined
  for (let more = true, turn = 0; more; turn++) {
    const request = requestOf(world.state, { after, countMax: 4 })
    const found = page(crypto, world.state, request)
    assert(found !== undefined)
    seen.push(...found.entries.map(({ tag }) => tag))
    after = found.entries.at(-1)?.tag
    more = found.more
    makeFile(client, `new ${turn}`)
  }
  for (let index = 0; index < 30; index++) {
    const tag = tagOfName(`f${index}`)
    assert.equal(seen.filter((other) => other === tag).length, 1)
  }
})

test('the page of an empty directory, and after the last entry', () => {
  const world = new TestWorld()
  const directory = world.state.objects.get(root)
  assert(directory !== undefined)
  const objects = world.state.objects.set(root, { ...directory, entries: emptyMaps.entries })
  const state = { ...world.state, objects }
  const request = requestOf(state)
  assert.deepEqual(page(crypto, state, request), {
    entries: [],
    more: false,
    proof: new Uint8Array(0),
  })
  assert.deepEqual(listed(state, 10), [])
  const last = requestOf(world.state, { after: 'f'.repeat(64) as Tag })
  const found = page(crypto, world.state, last)
  assert(found !== undefined && verifyPage(crypto, last, found))
  assert.deepEqual(found.entries, [])
})

test('C15: a directory of 100,000 entries is listed in pages of 1,000, each with its proof', () => {
  const world = new TestWorld()
  const directory = world.state.objects.get(root)
  assert(directory !== undefined)
  let { entries } = directory
  for (let index = 0; index < 99_999; index++) {
    const tag = hashOf(`tag ${index}`) as string as Tag
    const { principal: creator } = alice.view
    const entry: Entry = {
      tag,
      seq: index + 3,
      object: objectOf('one'),
      kind: 2,
      creator,
      keyEpoch: 1,
      sealedName: utf8(`${index}`),
    }
    entries = entries.set(tag, entry)
  }
  const objects = world.state.objects.set(root, { ...directory, entries })
  const state = { ...world.state, objects }
  const request = requestOf(state, { after: tagOfName('middle') })
  const found = page(crypto, state, request)
  assert(found !== undefined && found.entries.length === 1_000)
  assert(verifyPage(crypto, request, found))
  assert(encodePage(found).length < 256 * 1024)
  const tags = new Set(listed(state, 1_000).map(({ tag }) => tag))
  assert.equal(tags.size, 100_000)
})
