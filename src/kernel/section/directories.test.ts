import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { ObjectId } from '../../base/ids.ts'
import type { TestClient } from './fixture.test.ts'
import {
  alice,
  aliceReader,
  aliceToken,
  applyOf,
  bob,
  createDirectory,
  createOf,
  crypto,
  domainOf,
  linkOf,
  makeFile,
  objectOf,
  publicDirectory,
  publicDomain,
  renameOf,
  root,
  TestWorld,
  tagOfName,
  unlinkOf,
} from './fixture.test.ts'
import { answer, type Entry, type Operation, type RejectCode } from './index.ts'
import { directoryDepthMax } from './limits.ts'

const setUp = (): { world: TestWorld; client: TestClient } => {
  const world = new TestWorld()
  return { world, client: world.client('one') }
}

const entryOf = (world: TestWorld, name: string, directory: ObjectId = root): Entry | undefined =>
  world.state.objects.get(directory)?.entries.get(tagOfName(name))

/** The operation, as the last of its command, is refused with this code and changes nothing. */
function refuses(
  client: TestClient,
  operation: Operation,
  code: RejectCode,
  at: object = {},
): void {
  const { world } = client
  const before = world.state.objects
  assert.deepEqual(client.run(operation), { ok: false, code, operation: 0, ...at })
  assert.equal(world.state.objects, before)
}

test('create: a new object is unlinked, at seq 1, and belongs to the user behind the token', () => {
  const { world } = setUp()
  const client = world.client('token', aliceToken)
  assert.deepEqual(client.done(createOf('a')), [1])
  const object = world.state.objects.get(objectOf('a'))
  assert.equal(object?.creator, alice.view.principal)
  assert.equal(object?.baseSeq, 1)
  const [found] = answer(crypto, world.state, [
    { kind: 'object', object: objectOf('a'), sinceSeq: 0 },
  ])
  assert(found?.kind === 'object' && found.object?.unlinked === true)
  assert.equal(found.object.createdMs, world.timeMs)
  assert.equal(found.object.entriesRoot, undefined)
})

test('create: each check, in order', () => {
  const { world, client } = setUp()
  makeFile(client, 'a')
  refuses(client, createOf('a', { domain: domainOf('none') }), 'exists')
  refuses(client, createOf('b', { domain: domainOf('none'), replicas: 9 }), 'not-found')
  const bobs = world.client('bob', bob)
  refuses(bobs, createOf('b', { domainEpoch: 2 }), 'denied')
  refuses(client, createOf('b', { domainEpoch: 2, keyEpoch: 2 }), 'retry-base')
  refuses(client, createOf('b', { keyEpoch: 2 }), 'invalid')
  refuses(client, createOf('b', { replicas: 5 }), 'invalid')
  client.done(createOf('b', { replicas: 4 }))
})

test('create: a token without the right is refused, though its owner has it', () => {
  const { world } = setUp()
  refuses(world.client('reader', aliceReader), createOf('b'), 'denied')
})

test('link: an entry appears with the directory’s next seq', () => {
  const { world, client } = setUp()
  assert.deepEqual(client.done(createOf('a'), linkOf('a')), [1, 3])
  assert.deepEqual(entryOf(world, 'a'), {
    tag: tagOfName('a'),
    seq: 3,
    object: objectOf('a'),
    kind: 2,
    creator: alice.view.principal,
    keyEpoch: 1,
    sealedName: utf8('sealed a'),
  })
  assert.equal(world.state.objects.get(root)?.seq, 3)
  assert.equal(world.state.objects.get(objectOf('a'))?.parent, root)
  assert.equal(world.state.objects.get(objectOf('a'))?.unlinkedMs, undefined)
})

test('link: each check, in order', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  client.done(createOf('b'), createDirectory('d'), createDirectory('d2'), linkOf('d2'))
  client.done(createOf('c'), linkOf('c', { directory: objectOf('d2') }))
  refuses(client, linkOf('b', { directory: objectOf('none') }), 'not-found')
  refuses(client, linkOf('b', { directory: objectOf('a') }), 'invalid')
  refuses(client, linkOf('b', { directory: objectOf('d') }), 'not-empty')
  const bobs = world.client('bob', bob)
  refuses(bobs, linkOf('b', { keyEpoch: 9 }), 'denied')
  refuses(client, linkOf('b', { keyEpoch: 9, seenSeq: 9 }), 'retry-base')
  refuses(client, linkOf('b', { seenSeq: 9 }), 'conflict', { tag: tagOfName('b'), lastSeq: 0 })
  const atA = { tag: tagOfName('a'), object: objectOf('none') }
  refuses(client, linkOf('b', atA), 'conflict', { tag: tagOfName('a'), lastSeq: seq })
  refuses(client, linkOf('b', { ...atA, seenSeq: seq }), 'not-found')
  refuses(client, linkOf('b', { object: objectOf('a') }), 'conflict')
  refuses(client, linkOf('b', { object: root }), 'conflict')
  const d2 = { tag: tagOfName('d2'), seenSeq: entryOf(world, 'd2')?.seq ?? 0 }
  refuses(client, linkOf('b', d2), 'not-empty')
})

test('link: what another user made and did not link cannot be taken', () => {
  const { world, client } = setUp()
  const bobs = world.client('bob', bob)
  client.done(createOf('a'))
  refuses(bobs, linkOf('a', { directory: publicDirectory }), 'denied')
})

test('link: in the place of an entry, the old object is deleted in the same step', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  client.done(applyOf('a', { added: world.added(2, { bytes: 500 }) }))
  const [, newSeq] = client.done(createOf('b'), linkOf('b', { tag: tagOfName('a'), seenSeq: seq }))
  assert.equal(entryOf(world, 'a')?.object, objectOf('b'))
  assert.equal(entryOf(world, 'a')?.seq, newSeq)
  assert.equal(world.state.objects.has(objectOf('a')), false)
  assert.equal(world.state.freedBytes, 1_000)
})

test('two creators of one name: exactly one wins, the other learns the seq', () => {
  const { world, client } = setUp()
  const other = world.client('two')
  const one = client.batch([
    client.command([createOf('a'), linkOf('n', { object: objectOf('a') })]),
  ])
  const two = other.batch([other.command([createOf('b'), linkOf('n', { object: objectOf('b') })])])
  const [[first] = [], [second] = []] = world.execute(one, two)
  assert.deepEqual(first, { ok: true, seqs: [1, 3] })
  const conflict = { code: 'conflict', operation: 1, tag: tagOfName('n'), lastSeq: 3 }
  assert.deepEqual(second, { ok: false, ...conflict })
  assert.equal(world.state.objects.has(objectOf('b')), false)
})

test('unlink: the entry goes, the object stays unlinked until it is deleted', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  assert.deepEqual(client.done(unlinkOf('a', seq)), [seq + 1])
  assert.equal(entryOf(world, 'a'), undefined)
  assert.equal(world.state.objects.get(objectOf('a'))?.unlinkedMs, world.timeMs)
  client.done(applyOf('a'))
  client.done({ op: 'delete', object: objectOf('a') })
  assert.equal(world.state.objects.has(objectOf('a')), false)
})

test('unlink: each check, in order', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  client.done(createDirectory('d'), linkOf('d'), createOf('c'))
  client.done(linkOf('c', { directory: objectOf('d') }))
  const atD = entryOf(world, 'd')?.seq ?? 0
  refuses(client, unlinkOf('a', seq, objectOf('none')), 'not-found')
  refuses(client, unlinkOf('a', seq, objectOf('a')), 'invalid')
  refuses(client, unlinkOf('none', seq), 'not-found', { tag: tagOfName('none') })
  refuses(world.client('bob', bob), unlinkOf('a', 99), 'denied')
  refuses(client, unlinkOf('d', 99), 'conflict', { tag: tagOfName('d'), lastSeq: atD })
  refuses(client, unlinkOf('d', atD), 'not-empty')
})

test('unlink and delete in one command remove an object at once', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  client.done(unlinkOf('a', seq), { op: 'delete', object: objectOf('a') })
  assert.equal(world.state.objects.has(objectOf('a')), false)
  assert.equal(world.state.expiries.size, 1)
})

test('delete: each check, in order', () => {
  const { world, client } = setUp()
  makeFile(client, 'a')
  refuses(client, { op: 'delete', object: objectOf('none') }, 'not-found')
  refuses(world.client('bob', bob), { op: 'delete', object: objectOf('a') }, 'denied')
  refuses(client, { op: 'delete', object: objectOf('a') }, 'conflict')
  refuses(client, { op: 'delete', object: root }, 'conflict')
})

test('rename: within a directory it is one step, and the creator stays', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  assert.deepEqual(client.done(renameOf('a', 'b', { fromSeq: seq })), [seq + 1])
  assert.equal(entryOf(world, 'a'), undefined)
  assert.equal(entryOf(world, 'b')?.object, objectOf('a'))
  assert.equal(entryOf(world, 'b')?.seq, seq + 1)
  assert.equal(world.state.objects.get(root)?.seq, seq + 1)
})

test('rename: across directories both change in one step', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  client.done(createDirectory('d'), linkOf('d'))
  const fromSeq = world.state.objects.get(root)?.seq ?? 0
  const toDirectory = objectOf('d')
  assert.deepEqual(client.done(renameOf('a', 'b', { fromSeq: seq, toDirectory })), [2])
  assert.equal(entryOf(world, 'a'), undefined)
  assert.equal(entryOf(world, 'b', toDirectory)?.object, objectOf('a'))
  assert.equal(world.state.objects.get(root)?.seq, fromSeq + 1)
  assert.equal(world.state.objects.get(objectOf('a'))?.parent, toDirectory)
})

test('rename: what it replaces is deleted', () => {
  const { world, client } = setUp()
  const a = makeFile(client, 'a')
  const b = makeFile(client, 'b')
  client.done(renameOf('a', 'b', { fromSeq: a, toSeq: b }))
  assert.equal(entryOf(world, 'b')?.object, objectOf('a'))
  assert.equal(world.state.objects.has(objectOf('b')), false)
  assert.equal(world.state.objects.get(root)?.entries.size, 2)
})

test('rename: each check, in order', () => {
  const { world, client } = setUp()
  const seq = makeFile(client, 'a')
  const other = makeFile(client, 'b')
  client.done(createDirectory('d'), linkOf('d'), createDirectory('lost'))
  client.done(createDirectory('e'), linkOf('e', { directory: objectOf('d') }))
  const d = { fromSeq: entryOf(world, 'd')?.seq ?? 0 }
  const none = objectOf('none')
  const a = tagOfName('a')
  const b = tagOfName('b')
  refuses(client, renameOf('a', 'c', { fromDirectory: none, toDirectory: none }), 'not-found')
  refuses(
    client,
    renameOf('a', 'c', { fromDirectory: objectOf('a'), toDirectory: none }),
    'invalid',
  )
  refuses(client, renameOf('a', 'c', { toDirectory: none }), 'not-found')
  refuses(client, renameOf('a', 'c', { toDirectory: objectOf('a') }), 'invalid')
  refuses(client, renameOf('none', 'c', { toDirectory: objectOf('lost') }), 'not-empty')
  refuses(client, renameOf('none', 'none', {}), 'invalid')
  refuses(client, renameOf('none', 'c', {}), 'not-found', { tag: tagOfName('none') })
  const bobs = world.client('bob', bob)
  refuses(bobs, renameOf('a', 'c', { keyEpoch: 9 }), 'denied')
  refuses(client, renameOf('a', 'c', { keyEpoch: 9, fromSeq: 99 }), 'retry-base')
  refuses(client, renameOf('a', 'b', { fromSeq: 99, toSeq: 99 }), 'conflict', {
    tag: a,
    lastSeq: seq,
  })
  refuses(client, renameOf('a', 'b', { fromSeq: seq }), 'conflict', { tag: b, lastSeq: other })
  refuses(client, renameOf('d', 'x', { ...d, toDirectory: objectOf('d') }), 'cycle')
  refuses(client, renameOf('d', 'x', { ...d, toDirectory: objectOf('e') }), 'cycle')
  refuses(client, renameOf('a', 'd', { fromSeq: seq, toSeq: d.fromSeq }), 'not-empty')
})

test('a directory is not moved into one that is deeper than the walk for cycles goes', () => {
  const { world, client } = setUp()
  let parent: ObjectId = root
  for (let depth = 1; depth <= directoryDepthMax; depth++) {
    const name = `deep ${depth}`
    client.done(createDirectory(name), linkOf(name, { directory: parent }))
    parent = objectOf(name)
  }
  client.done(createDirectory('d'), linkOf('d'))
  const fromSeq = entryOf(world, 'd')?.seq ?? 0
  const deep = `deep ${directoryDepthMax - 1}`
  refuses(client, renameOf('d', 'x', { fromSeq, toDirectory: parent }), 'exhausted')
  client.done(renameOf('d', 'x', { fromSeq, toDirectory: objectOf(deep) }))
  // A file needs no walk.
  const seq = makeFile(client, 'f')
  client.done(renameOf('f', 'x', { fromSeq: seq, toDirectory: parent }))
})

test('/public: everybody creates, nobody changes what another user made, its admin may', () => {
  const { world, client } = setUp()
  const bobs = world.client('bob', bob)
  const file = (name: string): Operation[] => [
    createOf(name, { domain: publicDomain }),
    linkOf(name, { directory: publicDirectory }),
  ]
  const [, seq = 0] = bobs.done(...file('bobs'))
  const [, alices = 0] = client.done(...file('alices'))
  assert.equal(entryOf(world, 'bobs', publicDirectory)?.creator, bob.view.principal)
  refuses(bobs, unlinkOf('alices', alices, publicDirectory), 'denied')
  const within = { fromDirectory: publicDirectory, toDirectory: publicDirectory }
  refuses(bobs, renameOf('alices', 'x', { ...within, fromSeq: alices }), 'denied')
  refuses(bobs, renameOf('bobs', 'alices', { ...within, fromSeq: seq, toSeq: alices }), 'denied')
  refuses(bobs, applyOf('alices'), 'denied')
  bobs.done(createOf('new', { domain: publicDomain }))
  const inPlace = linkOf('new', {
    directory: publicDirectory,
    tag: tagOfName('alices'),
    seenSeq: alices,
  })
  refuses(bobs, inPlace, 'denied')
  bobs.done(applyOf('bobs'), renameOf('bobs', 'x', { ...within, fromSeq: seq }))
  // Alice has Write and Admin in /public.
  const moved = entryOf(world, 'x', publicDirectory)?.seq ?? 0
  client.done(unlinkOf('x', moved, publicDirectory))
})

test('in /public a token of the creator owns what another token of his made', () => {
  const { world } = setUp()
  const bobs = world.client('bob', bob)
  const token = world.client('token', aliceToken)
  const full = world.client('full', alice)
  const [, seq = 0] = token.done(
    createOf('t', { domain: publicDomain }),
    linkOf('t', { directory: publicDirectory }),
  )
  refuses(bobs, unlinkOf('t', seq, publicDirectory), 'denied')
  full.done(unlinkOf('t', seq, publicDirectory))
})

test('a path of directories and a file are made in one command, parents linked first', () => {
  const { world, client } = setUp()
  client.done(
    createDirectory('d'),
    linkOf('d'),
    createDirectory('e'),
    linkOf('e', { directory: objectOf('d') }),
    createOf('f'),
    linkOf('f', { directory: objectOf('e') }),
  )
  assert.equal(entryOf(world, 'f', objectOf('e'))?.object, objectOf('f'))
})

test('an object that no entry names is deleted after two days without a write', () => {
  const { world, client } = setUp()
  client.done(createOf('a'), createOf('b'), createOf('kept'), linkOf('kept'))
  world.passHours(30)
  const later = world.client('later')
  later.done(applyOf('b', { added: world.added(1, { bytes: 700 }) }))
  world.passHours(30)
  assert.equal(world.state.objects.has(objectOf('a')), false)
  assert.equal(world.state.objects.has(objectOf('b')), true)
  assert.equal(world.state.freedBytes, 0)
  world.passHours(30)
  assert.equal(world.state.objects.has(objectOf('b')), false)
  assert.equal(world.state.objects.has(objectOf('kept')), true)
  assert.equal(world.state.freedBytes, 700)
})
