import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alice,
  applyOf,
  createDirectory,
  createOf,
  crypto,
  linkOf,
  makeFile,
  objectOf,
  renameOf,
  replaceOf,
  root,
  stageOf,
  TestClient,
  TestWorld,
} from './fixture.test.ts'
import { type Command, decodeState, encodeState, stateRoot } from './index.ts'
import * as limits from './limits.ts'
import { MerkleMap } from './merkle-map.ts'

const hourMs = 3_600_000
const exhausted = (operation: number): object => ({ ok: false, code: 'exhausted', operation })

/** The same map, which believes that it has `count` entries: full without a million of them. */
function withCount<Key extends string, Value>(
  map: MerkleMap<Key, Value>,
  count: number,
): MerkleMap<Key, Value> {
  const { format, top } = map
  assert(top !== undefined && !top.isLeaf)
  return new MerkleMap(format, { ...top, count })
}

test('a section takes no more objects than its limit', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const { objects } = world.state
  world.state = { ...world.state, objects: withCount(objects, limits.objectsMax - 1) }
  client.done(createOf('a'))
  world.state = { ...world.state, objects: withCount(world.state.objects, limits.objectsMax) }
  assert.deepEqual(client.run(createOf('b')), exhausted(0))
})

test('a directory takes no more entries than its limit; in the place of one there is room', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createDirectory('d'), linkOf('d'))
  const seq = makeFile(client, 'moving')
  const directory = world.state.objects.get(root)
  assert(directory !== undefined)
  const entries = withCount(directory.entries, limits.entriesMax)
  const objects = world.state.objects.set(root, { ...directory, entries })
  world.state = { ...world.state, objects }
  assert.deepEqual(client.run(createOf('b'), linkOf('b')), exhausted(1))
  client.done(renameOf('moving', 'moved', { fromSeq: seq }))
  const inner = linkOf('c', { directory: objectOf('d') })
  const [, innerSeq] = client.done(createOf('c'), inner)
  assert(innerSeq !== undefined)
  const full = { ...directory, seq: 99, entries: withCount(directory.entries, limits.entriesMax) }
  world.state = { ...world.state, objects: world.state.objects.set(root, full) }
  const up = { fromDirectory: objectOf('d'), fromSeq: innerSeq }
  assert.deepEqual(client.run(renameOf('c', 'new', up)), exhausted(0))
  client.done(renameOf('c', 'moving', { ...up, toSeq: seq }))
})

test('staged blocks are bounded per object and in the world', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('a'), createOf('b'))
  const stage = (name: string): ReturnType<typeof stageOf> =>
    stageOf(name, world.added(2), world.timeMs + hourMs)
  client.done(stage('a'))
  const object = world.state.objects.get(objectOf('a'))
  const staged = object?.stages.first()
  assert(object !== undefined && staged !== undefined)
  const much = { ...staged.value, blockCount: limits.stagedBlocksPerObjectMax - 1 }
  const full = { ...object, stages: object.stages.set(staged.key, much) }
  world.state = { ...world.state, objects: world.state.objects.set(object.object, full) }
  assert.deepEqual(client.run(stage('a')), exhausted(0))
  client.done(stage('b'))
  world.state = { ...world.state, stagedBlockCount: limits.stagedBlocksMax - 1 }
  assert.deepEqual(client.run(stage('b')), exhausted(0))
})

test('a section takes no more sessions than its limit', () => {
  const world = new TestWorld()
  world.client('one')
  world.client('two')
  const { sessions } = world.state
  world.state = { ...world.state, sessions: withCount(sessions, limits.sessionsMax) }
  const client = new TestClient(world, 'three', alice)
  const opening: Command = client.opening(world.timeMs + hourMs)
  assert.deepEqual(world.execute(client.batch([opening])), [[exhausted(0)]])
})

test('what expires at once goes in bounded portions, and counts as gone before', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const count = 4_200
  assert(count > limits.expiriesPerBlockMax)
  for (let made = 0; made < count; made += 50)
    client.done(...Array.from({ length: 50 }, (_, index) => createOf(`${made + index}`)))
  const late = world.client('late', alice, world.timeMs + 23 * hourMs)
  assert.equal(world.state.objects.size, count + 2)
  const before = world.state.objects.size
  world.timeMs += 49 * hourMs
  const [[result] = []] = world.execute(late.batch([late.command([])]))
  assert.deepEqual(result, { ok: false, code: 'session', operation: 0 })
  // The sessions expired first.
  const removed = before - world.state.objects.size
  assert.equal(removed, limits.expiriesPerBlockMax - 2)
  world.execute()
  assert.equal(world.state.objects.size, 2)
  assert.equal(world.state.expiries.size, 0)
})

test('sums of bytes stop at their limit, and the state is encoded and read as before', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('a'), createOf('b'), createOf('c'))
  client.done(stageOf('c', world.added(1), world.timeMs + hourMs))
  const almost = limits.byteSumMax - 1
  const file = world.state.objects.get(objectOf('a'))
  assert(file !== undefined)
  const objects = world.state.objects.set(file.object, { ...file, storedBytes: almost })
  world.state = { ...world.state, objects, freedBytes: almost }
  const sums = (): unknown[] => [
    world.state.objects.get(objectOf('a'))?.storedBytes,
    world.state.freedBytes,
  ]
  client.done(applyOf('a', { added: world.added(2) }))
  assert.deepEqual(sums(), [limits.byteSumMax, almost])
  client.done(replaceOf('a', { added: world.added(2, { bytes: 700 }) }))
  assert.deepEqual(sums(), [1_400, limits.byteSumMax])
  client.done({ op: 'delete', object: objectOf('a') })
  world.passHours(2)
  assert.deepEqual(sums(), [undefined, limits.byteSumMax], 'deleted, and a stage expired')
  const read = decodeState(crypto, encodeState(world.state))
  assert.equal(stateRoot(crypto, read), stateRoot(crypto, world.state))
})
