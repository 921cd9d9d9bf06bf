import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CodecError } from '../../base/codec.ts'
import {
  alice,
  applyOf,
  bob,
  compactOf,
  createDirectory,
  createOf,
  crypto,
  linkOf,
  makeFile,
  markOf,
  objectOf,
  replaceOf,
  stageOf,
  TestWorld,
  tagOfName,
} from './fixture.test.ts'
import { decodeState, encodeState, stateChunks, stateRoot } from './index.ts'
import { chunkBytesMax } from './limits.ts'
import { emptyMaps } from './state-maps.ts'

const hourMs = 3_600_000

/** A state with something in every map. */
function fullWorld(): TestWorld {
  const world = new TestWorld()
  const client = world.client('one')
  const bobs = world.client('bob', bob)
  for (const name of ['f', 'g', 'h']) makeFile(client, name)
  client.done(createDirectory('d'), linkOf('d'), createOf('lost'))
  client.done(applyOf('f', { added: world.added(3), writes: [tagOfName('a'), tagOfName('b')] }))
  client.done(applyOf('f', { writes: [tagOfName('b')] }))
  client.done(compactOf('f', { baseSeq: 1, uptoSeq: 2 }))
  client.done(replaceOf('g', { added: world.added(2) }))
  client.done(stageOf('g', world.added(4), world.timeMs + hourMs))
  bobs.runAs(markOf('request'), [])
  client.runAs(markOf('request'), [createOf('i')])
  client.run(createOf('i'))
  return world
}

test('a snapshot read back is the same state, and goes on as the same', () => {
  const world = fullWorld()
  const chunks = encodeState(world.state)
  const read = decodeState(crypto, chunks)
  assert.equal(stateRoot(crypto, read), stateRoot(crypto, world.state))
  assert.deepEqual(encodeState(read), chunks)
  // What is derived is there too: equal futures.
  const other = new TestWorld()
  other.state = read
  other.timeMs = world.timeMs
  for (const each of [world, other]) {
    each.passHours(2)
    each.passHours(30)
    each.passHours(30)
  }
  assert.equal(stateRoot(crypto, other.state), stateRoot(crypto, world.state))
  assert.equal(other.state.stagedBlockCount, world.state.stagedBlockCount)
  assert.equal(other.state.objects.has(objectOf('lost')), false)
  assert.equal(other.state.expiries.root(crypto), world.state.expiries.root(crypto))
})

test('a snapshot keeps derived counts: sessions, request order, staged blocks, delta bytes', () => {
  const { state } = fullWorld()
  const read = decodeState(crypto, encodeState(state))
  assert.equal(read.stagedBlockCount, state.stagedBlockCount)
  assert.equal(read.expiries.root(crypto), state.expiries.root(crypto))
  for (const { value } of state.objects.leaves())
    assert.equal(read.objects.get(value.object)?.deltaBytes, value.deltaBytes)
  for (const { value } of state.accounts.leaves()) {
    const account = read.accounts.get(value.principal)
    assert.equal(account?.sessionCount, value.sessionCount)
    assert.deepEqual(
      [...account.requestOrder.leaves()].map(({ key, value }) => [key, value]),
      [...value.requestOrder.leaves()].map(({ key, value }) => [key, value]),
    )
  }
})

test('a snapshot is cut into bounded chunks, which can be taken one at a time', () => {
  const world = fullWorld()
  const directory = world.state.objects.get(objectOf('d'))
  assert(directory !== undefined)
  let { entries } = { entries: emptyMaps.entries }
  for (let index = 0; index < 4_000; index++) {
    const tag = tagOfName(`${index}`)
    const sealedName = new Uint8Array(500)
    const { principal: creator } = alice.view
    entries = entries.set(tag, {
      ...{ tag, seq: 1, object: objectOf('f'), kind: 2, creator, keyEpoch: 1, sealedName },
    })
  }
  const objects = world.state.objects.set(directory.object, { ...directory, entries })
  const state = { ...world.state, objects }
  const chunks = encodeState(state)
  assert(chunks.length >= 3)
  for (const chunk of chunks) assert(chunk.length <= chunkBytesMax)
  const taken: Uint8Array[] = []
  for (const chunk of stateChunks(state)) taken.push(chunk)
  assert.deepEqual(taken, chunks)
  assert.equal(stateRoot(crypto, decodeState(crypto, chunks)), stateRoot(crypto, state))
  assert.throws(() => decodeState(crypto, chunks.slice(1)), CodecError)
  assert.throws(() => decodeState(crypto, [...chunks].reverse()), CodecError)
})

test('equal states have equal chunks, whatever their history', () => {
  const world = fullWorld()
  const client = world.client('more')
  client.done(createOf('x'))
  client.done({ op: 'delete', object: objectOf('x') })
  const read = decodeState(crypto, encodeState(world.state))
  assert.deepEqual(encodeState(read), encodeState(world.state))
})

test('the root covers every part of the state', () => {
  const { state } = fullWorld()
  const before = stateRoot(crypto, state)
  const file = state.objects.get(objectOf('f'))
  const staged = state.objects.get(objectOf('g'))
  const session = state.sessions.first()?.value
  const account = state.accounts.get(alice.view.principal)
  assert(
    file !== undefined && staged !== undefined && session !== undefined && account !== undefined,
  )
  const withFile = (change: object): typeof state => ({
    ...state,
    objects: state.objects.set(file.object, { ...file, ...change }),
  })
  const changed = [
    { ...state, height: state.height + 1 },
    { ...state, effectiveMs: state.effectiveMs + 1 },
    { ...state, freedBytes: state.freedBytes + 1 },
    withFile({ seq: 99 }),
    withFile({ tags: emptyMaps.tags }),
    withFile({ deltas: emptyMaps.deltas }),
    withFile({ storedBytes: 1 }),
    withFile({ unlinkedMs: 1 }),
    {
      ...state,
      objects: state.objects.set(staged.object, { ...staged, stages: emptyMaps.stages }),
    },
    { ...state, sessions: state.sessions.set(session.session, { ...session, lastSequence: 99 }) },
    {
      ...state,
      sessions: state.sessions.set(session.session, { ...session, results: emptyMaps.results }),
    },
    {
      ...state,
      accounts: state.accounts.set(account.principal, { ...account, requests: emptyMaps.requests }),
    },
    { ...state, domains: emptyMaps.domains },
    { ...state, principals: emptyMaps.principals },
  ]
  const roots = new Set(changed.map((other) => stateRoot(crypto, other)))
  assert.equal(roots.size, changed.length)
  assert(!roots.has(before))
})

test('a damaged snapshot is refused, or has another root', () => {
  const { state } = fullWorld()
  const [good] = encodeState(state)
  assert(good !== undefined)
  const before = stateRoot(crypto, state)
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, flip) => {
      const chunk = good.slice()
      const at = place % chunk.length
      chunk[at] = (chunk[at] ?? 0) ^ flip
      try {
        assert.notEqual(stateRoot(crypto, decodeState(crypto, [chunk])), before)
      } catch (error) {
        assert(error instanceof CodecError, String(error))
      }
    }),
    { numRuns: 1_500 },
  )
  for (let cut = 0; cut < good.length; cut += 7)
    assert.notEqual(rootOrUndefined(good.subarray(0, cut)), before)
})

function rootOrUndefined(chunk: Uint8Array): string | undefined {
  try {
    return stateRoot(crypto, decodeState(crypto, [chunk]))
  } catch (error) {
    assert(error instanceof CodecError, String(error))
    return undefined
  }
}

test('no chunks, and random bytes as chunks, are refused', () => {
  assert.throws(() => decodeState(crypto, []), CodecError)
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }), (chunks) => {
      assert.throws(() => decodeState(crypto, chunks), CodecError)
    }),
  )
})
