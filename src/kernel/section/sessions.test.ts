import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rememberRequest } from './accounts.ts'
import {
  alice,
  aliceBrief,
  aliceToken,
  bob,
  createOf,
  crypto,
  hashOf,
  linkOf,
  mallory,
  markOf,
  objectOf,
  renameOf,
  root,
  seedOf,
  TestClient,
  TestWorld,
} from './fixture.test.ts'
import {
  answer,
  type Command,
  type CommandResult,
  decodeState,
  earliestExpiryMs,
  encodeState,
  isBatchSigned,
  type Operation,
  recallResults,
  type SignedBatch,
} from './index.ts'
import {
  requestsPerOwnerMax,
  sessionLifeMaxMs,
  sessionsPerPrincipalMax,
  sessionWindowCount,
} from './limits.ts'

const hourMs = 3_600_000
const refused = (code: string): object => ({ ok: false, code, operation: 0 })

const runCommand = (client: TestClient, command: Command): CommandResult | undefined =>
  client.world.execute(client.batch([command]))[0]?.[0]

const at = (sequence: number, ...operations: Operation[]): Command => ({
  sequence,
  request: undefined,
  operations,
})

test('C90 (6, duplicated): a batch that is ordered twice is executed once and answered twice', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const batch = client.batch([
    client.command([createOf('a'), linkOf('a')]),
    client.command([createOf('a')]),
  ])
  const [first] = world.execute(batch)
  const { objects } = world.state
  const [again, other] = world.execute(batch, batch)
  assert.deepEqual(first, [{ ok: true, seqs: [1, 3] }, refused('exists')])
  assert.deepEqual(again, first)
  assert.deepEqual(other, first)
  assert.equal(world.state.objects, objects)
})

test('the results of a batch that was executed are known without executing it', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const done = client.batch([client.command([createOf('a')])])
  assert.equal(recallResults(crypto, world.state, done), undefined)
  const [results] = world.execute(done)
  assert.deepEqual(recallResults(crypto, world.state, done), results)
  const half = client.batch([...done.commands, client.command([])])
  assert.equal(recallResults(crypto, world.state, half), undefined)
  world.passHours(30)
  assert.equal(recallResults(crypto, world.state, done), undefined)
})

test('a sequence that is used again for something else is refused', () => {
  const world = new TestWorld()
  const client = world.client('one')
  assert.deepEqual(runCommand(client, at(2, createOf('a'))), { ok: true, seqs: [1] })
  assert.deepEqual(runCommand(client, at(2, createOf('b'))), refused('sequence'))
  assert.equal(world.state.objects.has(objectOf('b')), false)
})

test('sequences run in any order within the window, once each', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const far = 1 + sessionWindowCount
  assert.deepEqual(runCommand(client, at(far + 1)), refused('sequence'))
  assert.deepEqual(runCommand(client, at(far)), { ok: true, seqs: [] })
  assert.deepEqual(runCommand(client, at(2, createOf('a'))), { ok: true, seqs: [1] })
  assert.deepEqual(runCommand(client, at(2, createOf('a'))), { ok: true, seqs: [1] })
  // The opening, sequence 1, has fallen out of the window: it cannot be told whether it ran.
  assert.deepEqual(runCommand(client, at(1)), refused('sequence'))
  runCommand(client, at(far + 1))
  assert.deepEqual(runCommand(client, at(2, createOf('a'))), refused('sequence'))
  const session = [...world.state.sessions.leaves()][0]?.value
  assert.equal(session?.results.size, 2)
})

test('a command with a request id runs once, through whatever session, until a day has passed', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const token = world.client('two', aliceToken)
  const request = markOf('request')
  const made = { ok: true, seqs: [1, 3], object: objectOf('a') }
  assert.deepEqual(client.runAs(request, [createOf('a'), linkOf('a')]), made)
  assert.deepEqual(token.runAs(request, [createOf('b'), linkOf('b')]), made)
  assert.equal(world.state.objects.has(objectOf('b')), false)
  // Another user's ids are his own.
  assert.deepEqual(world.client('bob', bob).runAs(request, []), { ok: true, seqs: [] })
  world.passHours(24.1)
  const later = world.client('three')
  const anew = { ok: true, seqs: [1], object: objectOf('b') }
  assert.deepEqual(later.runAs(request, [createOf('b')]), anew)
})

test('a command with a request id that failed changed nothing and may be built anew', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('a'))
  const request = markOf('request')
  assert.deepEqual(client.runAs(request, [createOf('a')]), refused('exists'))
  const made = { ok: true, seqs: [1], object: objectOf('b') }
  assert.deepEqual(client.runAs(request, [createOf('b')]), made)
  assert.deepEqual(client.runAs(request, [createOf('c')]), made)
  assert.equal(world.state.objects.has(objectOf('c')), false)
})

test('another request under a known request id is refused, and changes nothing', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const token = world.client('two', aliceToken)
  const first = markOf('request', 'a')
  const made = { ok: true, seqs: [1], object: objectOf('a') }
  assert.deepEqual(client.runAs(first, [createOf('a')]), made)
  const other = token.runAs(markOf('request', 'b'), [createOf('b')])
  assert.deepEqual(other, refused('reused'))
  assert.equal(world.state.objects.has(objectOf('b')), false)
  assert.deepEqual(token.runAs(first, [createOf('c')]), made)
  const restored = decodeState(crypto, encodeState(world.state))
  const account = restored.accounts.get(alice.view.principal)
  assert.equal(account?.requests.get(first.id)?.print, first.print)
  // A failed command is not kept, so its id is free for any other.
  const failed = markOf('failed', 'a')
  assert.deepEqual(client.runAs(failed, [createOf('a')]), refused('exists'))
  assert.deepEqual(client.runAs(markOf('failed', 'd'), [createOf('d')]), {
    ...made,
    object: objectOf('d'),
  })
  world.passHours(24.1)
  const later = world.client('three').runAs(markOf('request', 'b'), [createOf('b')])
  assert.deepEqual(later, { ...made, object: objectOf('b') })
})

test('a result under a request id names the object that its last operation was about', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const [, entrySeq = 0] = client.done(createOf('a'), linkOf('a'))
  const rename = renameOf('a', 'b', { fromSeq: entrySeq })
  const moved = client.runAs(markOf('rename'), [rename])
  assert.equal(moved.ok && moved.object, objectOf('a'))
  const created = client.runAs(markOf('two'), [createOf('c'), createOf('d')])
  assert.equal(created.ok && created.object, objectOf('d'))
  assert.deepEqual(client.run(createOf('e')), { ok: true, seqs: [1] })
})

test('request ids are bounded per user: the oldest are forgotten', () => {
  let { state } = new TestWorld()
  const owner = alice.view.principal
  for (let count = 0; count <= requestsPerOwnerMax; count++) {
    const request = markOf(`request ${count}`)
    state = rememberRequest(state, { owner, request, result: { ok: true, seqs: [] } })
  }
  const account = state.accounts.get(owner)
  assert.equal(account?.requests.size, requestsPerOwnerMax)
  assert.equal(account.requestOrder.size, requestsPerOwnerMax)
  assert.equal(account.requests.has(hashOf('request 0')), false)
  assert.equal(account.requests.has(hashOf('request 1')), true)
})

test('a session is opened by a certificate of a principal, and by nothing else', () => {
  const world = new TestWorld()
  const open = (client: TestClient, change: object = {}): CommandResult | undefined => {
    const expiryMs = world.timeMs + hourMs
    return runCommand(client, at(1, { ...client.session(expiryMs), ...change } as Operation))
  }
  const client = (name: string, by = alice): TestClient => new TestClient(world, name, by)
  assert.deepEqual(open(client('a'), { sessionKey: seedOf('other') }), refused('invalid'))
  assert.deepEqual(open(client('b', mallory)), refused('session'))
  const forged = { principal: alice.view.principal }
  assert.deepEqual(open(client('c', mallory), forged), refused('denied'))
  assert.deepEqual(open(client('d'), { expiryMs: world.timeMs }), refused('session'))
  const late = { expiryMs: world.timeMs + sessionLifeMaxMs + 1_000 }
  assert.deepEqual(open(client('e'), late), refused('invalid'))
  assert.deepEqual(open(client('f'), { expiryMs: world.timeMs + 2 * hourMs }), refused('denied'))
  assert.equal(world.state.sessions.size, 0)
  assert.deepEqual(open(client('g')), { ok: true, seqs: [0] })
})

test('without a session, or with an expired one, nothing runs', () => {
  const world = new TestWorld()
  const stranger = new TestClient(world, 'stranger', alice)
  assert.deepEqual(stranger.run(createOf('a')), refused('session'))
  const client = world.client('one', alice, world.timeMs + hourMs)
  client.done(createOf('a'))
  world.passHours(2)
  assert.equal(world.state.sessions.size, 0)
  assert.deepEqual(client.run(createOf('b')), refused('session'))
})

test('an expired session cannot be opened again by what was once ordered', () => {
  const world = new TestWorld()
  const client = new TestClient(world, 'one', alice)
  const opening = client.batch([client.opening(world.timeMs + hourMs)])
  world.execute(opening)
  const work = client.batch([client.command([createOf('a')])])
  const renewal = client.batch([client.command([client.session(world.timeMs + 5 * hourMs)])])
  assert.deepEqual(world.execute(work, renewal), [
    [{ ok: true, seqs: [1] }],
    [{ ok: true, seqs: [0] }],
  ])
  client.done({ op: 'delete', object: objectOf('a') })
  world.passHours(6)
  assert.deepEqual(world.execute(opening, renewal, work), [
    [refused('session')],
    [refused('session')],
    [refused('session')],
  ])
})

test('renewing makes a session last longer, never shorter, and for its principal alone', () => {
  const world = new TestWorld()
  const client = world.client('one', alice, world.timeMs + 2 * hourMs)
  client.done(client.session(world.timeMs + 4 * hourMs))
  client.done(client.session(world.timeMs + hourMs))
  world.passHours(3)
  client.done(createOf('a'))
  const asBob = new TestClient(world, 'one', bob)
  assert.deepEqual(client.run(asBob.session(world.timeMs + hourMs)), refused('denied'))
  assert.equal(world.state.sessions.size, 1)
})

test('a principal that expired can neither open a session nor use one', () => {
  const world = new TestWorld()
  const client = world.client('one', aliceBrief)
  client.done(createOf('a'))
  world.passHours(11)
  assert.deepEqual(client.run(createOf('b')), refused('session'))
  const other = new TestClient(world, 'two', aliceBrief)
  assert.deepEqual(
    runCommand(other, at(1, other.session(world.timeMs + hourMs))),
    refused('session'),
  )
})

test('sessions of a principal are bounded; expired ones make room', () => {
  const world = new TestWorld()
  for (let count = 0; count < sessionsPerPrincipalMax; count++)
    world.client(`${count}`, alice, world.timeMs + hourMs)
  const more = new TestClient(world, 'more', alice)
  const opening = more.session(world.timeMs + hourMs)
  assert.deepEqual(runCommand(more, at(1, opening)), refused('exhausted'))
  world.client('bob', bob)
  world.passHours(2)
  world.client('room')
  assert.equal(world.state.accounts.get(alice.view.principal)?.sessionCount, 1)
})

test('all or none: a command that fails at its last operation changes nothing', () => {
  const world = new TestWorld()
  const client = world.client('one')
  const { objects, expiries, freedBytes, stagedBlockCount } = world.state
  const result = client.run(createOf('a'), linkOf('a'), createOf('b'), linkOf('b', { seenSeq: 7 }))
  assert.equal(result.ok, false)
  assert.equal(world.state.objects, objects)
  assert.equal(world.state.expiries, expiries)
  assert.deepEqual(
    [world.state.freedBytes, world.state.stagedBlockCount],
    [freedBytes, stagedBlockCount],
  )
})

test('time never goes back, and height counts every block', () => {
  const world = new TestWorld()
  const { timeMs } = world
  world.execute()
  world.timeMs = timeMs - 10_000
  world.execute()
  assert.equal(world.state.effectiveMs, timeMs + 1)
  assert.equal(world.state.height, 2)
})

test('the earliest expiry is known: it makes work for an idle world', () => {
  const world = new TestWorld()
  assert.equal(earliestExpiryMs(world.state), undefined)
  world.client('one', alice, world.timeMs + 5 * hourMs)
  world.client('two', alice, world.timeMs + 3 * hourMs)
  assert.equal(
    earliestExpiryMs(world.state),
    [...world.state.sessions.leaves()].map(({ value }) => value.expiryMs).sort((a, b) => a - b)[0],
  )
})

test('a batch with another signature, session, command or world is not valid', () => {
  const world = new TestWorld()
  const client = new TestClient(world, 'one', alice)
  const batch = client.batch([client.command([createOf('a')])])
  const other = new TestClient(world, 'two', alice).batch(batch.commands)
  const check = (changed: SignedBatch): boolean => isBatchSigned(crypto, world.world, changed)
  assert.equal(check(batch), true)
  assert.equal(check({ ...batch, signature: other.signature }), false)
  assert.equal(check({ ...batch, session: other.session }), false)
  assert.equal(check({ ...batch, sessionKey: other.sessionKey }), false)
  assert.equal(check({ ...batch, commands: [] }), false)
  assert.equal(check({ ...batch, commands: [at(1, createOf('b'))] }), false)
  assert.equal(isBatchSigned(crypto, hashOf('world') as never, batch), false)
})

test('queries: all answers of a request are from one state', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('a'), linkOf('a'))
  const { session } = client.batch([])
  const { principal } = alice.view
  const answers = answer(crypto, world.state, [
    { kind: 'object', object: objectOf('none'), sinceSeq: 0 },
    { kind: 'entry', directory: root, tag: hashOf('none') as never },
    { kind: 'entry', directory: objectOf('none'), tag: hashOf('none') as never },
    { kind: 'entry', directory: objectOf('a'), tag: hashOf('none') as never },
    { kind: 'principal', principal },
    { kind: 'session', session },
    { kind: 'session', session: hashOf('none') as never },
    { kind: 'domain', domain: world.genesis.domains[0]?.domain as never },
  ])
  assert.deepEqual(answers, [
    { kind: 'object', object: undefined },
    { kind: 'entry', found: true, directorySeq: 3, entry: undefined },
    { kind: 'entry', found: false, directorySeq: 0, entry: undefined },
    { kind: 'entry', found: false, directorySeq: 0, entry: undefined },
    { kind: 'principal', principal: alice.view },
    { kind: 'session', found: true, lastSequence: 2 },
    { kind: 'session', found: false, lastSequence: 0 },
    { kind: 'domain', domain: world.genesis.domains[0] },
  ])
})
