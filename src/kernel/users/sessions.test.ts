import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastCrypto } from '../../../test/conformance/keys-fixture.ts'
import {
  createOperation,
  KeptLog,
  type OneMember,
  oneMember,
  startMs,
} from '../../../test/conformance/keys-section.ts'
import { toHex } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import type { AuthenticatedSession, Sessions } from './interface.ts'
import {
  commandsInFlightMax,
  lookupsBurst,
  refusedKeepMs,
  sequenceSpanMax,
  sessionLeftMinMs,
  sessionLifeMs,
  sessionRenewMs,
  tokenFreshMs,
  tokenStaleMs,
} from './limits.ts'
import { createSessions } from './sessions.ts'
import { formatToken, parseToken } from './token.ts'

type Processor = { readonly world: OneMember; readonly sessions: Sessions; readonly log: KeptLog }

function processorOf(world: OneMember, seed = 'processor'): Processor {
  const log = new KeptLog()
  const { clock, drawn } = world
  const sessions = createSessions({
    world: drawn.world,
    clock,
    crypto: fastCrypto,
    random: new SimRandom(seed),
    log,
    group: world,
  })
  return { world, sessions, log }
}

const started = async (): Promise<Processor> => processorOf(await oneMember())
const untilDeadline = (deadlineMs = 5_000): { deadlineMs: number; signal: AbortSignal } => ({
  deadlineMs,
  signal: new AbortController().signal,
})
const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function signedIn({ world, sessions }: Processor): Promise<AuthenticatedSession> {
  return sessions.authenticate(world.drawn.token)
}

const operationKinds = (world: OneMember): string[] =>
  world.batches.map(({ commands }) =>
    commands.flatMap(({ operations }) => operations.map(({ op }) => op)).join('+'),
  )

/** A token of the right form that nobody made. */
function unknownToken(seed: number): string {
  const random = new SimRandom(`unknown-${seed}`)
  const principal = toHex(random.bytes(32)) as never
  return formatToken({ principal, secret: random.bytes(32) })
}

test('authenticate: the world’s token opens at any Processor, and gives the owner’s rights', async () => {
  const world = await oneMember()
  const [a, b] = await Promise.all(['a', 'b'].map((seed) => signedIn(processorOf(world, seed))))
  assert.ok(a && b)
  const [user, token] = world.drawn.genesis.principals
  assert.equal(a.principal, token?.principal)
  assert.equal(a.keys.owner, user?.principal)
  assert.equal(a.rights, 15)
  assert.deepEqual(a.requestKey, b.requestKey)
})

test('authenticate: a token that is kept costs the group nothing', async () => {
  const processor = await started()
  const first = await signedIn(processor)
  for (let count = 0; count < 100; count++) assert.equal(await signedIn(processor), first)
  assert.equal(processor.world.queries.length, 1)
})

test('authenticate: many at once share one look', async () => {
  const processor = await started()
  const all = await Promise.all(Array.from({ length: 50 }, () => signedIn(processor)))
  assert.equal(new Set(all).size, 1)
  assert.equal(processor.world.queries.length, 1)
})

test('authenticate: malformed texts are refused without asking the group', async () => {
  const { sessions, world } = await started()
  for (const text of ['', 'x', 'Bearer x', world.drawn.token.slice(1), `${world.drawn.token} `]) {
    await assert.rejects(sessions.authenticate(text), coded('users/unauthenticated'))
  }
  assert.equal(world.queries.length, 0)
})

test('authenticate: a wrong secret is refused, and again without a look for a while', async () => {
  const { sessions, world } = await started()
  const token = parseToken(world.drawn.token)
  assert.ok(token)
  const wrong = formatToken({ ...token, secret: new Uint8Array(32) })
  for (let count = 0; count < 5; count++) {
    await assert.rejects(sessions.authenticate(wrong), coded('users/unauthenticated'))
  }
  assert.equal(world.queries.length, 1)
  world.clock.advance(refusedKeepMs)
  await assert.rejects(sessions.authenticate(wrong), coded('users/unauthenticated'))
  assert.equal(world.queries.length, 2)
})

test('authenticate: unknown tokens are looked at so often and no more; known ones are not hurt', async () => {
  const processor = await started()
  const { sessions, world } = processor
  await signedIn(processor)
  for (let seed = 0; seed < lookupsBurst; seed++) {
    await assert.rejects(sessions.authenticate(unknownToken(seed)), coded('users/unauthenticated'))
  }
  await assert.rejects(sessions.authenticate(unknownToken(-1)), coded('users/rate-limited'))
  await signedIn(processor)
  world.clock.advance(1_000)
  await assert.rejects(sessions.authenticate(unknownToken(-1)), coded('users/unauthenticated'))
})

test('authenticate: a valid token costs no allowance, however often it is looked at', async () => {
  const processor = await started()
  for (let count = 0; count < 3 * lookupsBurst; count++) {
    await signedIn(processor)
    processor.world.clock.advance(tokenFreshMs)
  }
  assert.equal(processor.world.queries.length, 3 * lookupsBurst)
})

for (const [name, change] of [
  ['revoked', { revoked: true }],
  ['expired', { expiryMs: startMs - 1 }],
] as const) {
  test(`authenticate: a token that is ${name} is refused as such within ${tokenFreshMs} ms`, async () => {
    const processor = await started()
    const { world } = processor
    await signedIn(processor)
    world.change('token', change)
    world.clock.advance(tokenFreshMs)
    await assert.rejects(signedIn(processor), coded('users/revoked'))
    await assert.rejects(signedIn(processor), coded('users/revoked'))
    assert.equal(world.queries.length, 2, 'refused again from memory')
  })
}

test('authenticate: rights that were taken away are gone within the same time', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const before = await signedIn(processor)
  world.change('token', { rights: 1 })
  world.clock.advance(tokenFreshMs)
  const after = await signedIn(processor)
  assert.equal(after.rights, 1)
  const result = await sessions.submit(after, [createOperation(world)], untilDeadline())
  assert.equal(!result.ok && result.code, 'denied')
  const old = await sessions.submit(before, [createOperation(world)], untilDeadline())
  assert.equal(!old.ok && old.code, 'denied', 'the group decides, whatever a Processor remembers')
})

test('authenticate: without a quorum a token lately opened stays good, others wait', async () => {
  const processor = await started()
  const { world } = processor
  const opened = await signedIn(processor)
  world.isReachable = false
  world.clock.advance(tokenFreshMs)
  assert.equal(await signedIn(processor), opened)
  const other = processorOf(world, 'fresh')
  await assert.rejects(signedIn(other), coded('group/unavailable'))
  world.clock.advance(tokenStaleMs)
  await assert.rejects(signedIn(processor), coded('group/unavailable'))
  world.isReachable = true
  assert.equal(await signedIn(processor), opened)
  for (let count = 0; count < 2 * lookupsBurst; count++) {
    world.isReachable = false
    await assert.rejects(signedIn(other), coded('group/unavailable'), 'no allowance is used up')
  }
})

test('submit: the session is opened before the first write, once, and only then', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  assert.deepEqual(world.batches, [], 'reading needs no session')
  for (let count = 0; count < 3; count++) {
    const result = await sessions.submit(session, [createOperation(world)], untilDeadline())
    assert.equal(result.ok, true)
  }
  assert.deepEqual(operationKinds(world), ['session', 'create', 'create', 'create'])
  assert.equal(world.clock.waitingCount, 0, 'no timers are left')
})

test('submit: what is asked for in one turn goes under one signature, in batches that fit', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const asked = Array.from({ length: 300 }, () =>
    sessions.submit(session, [createOperation(world)], untilDeadline()),
  )
  const results = await Promise.all(asked)
  assert.ok(results.every(({ ok }) => ok))
  assert.deepEqual(
    world.batches.map(({ commands }) => commands.length),
    [1, 256, 44],
  )
  const sequences = world.batches.flatMap(({ commands }) => commands.map((each) => each.sequence))
  assert.deepEqual(
    sequences,
    Array.from({ length: 301 }, (_, index) => index + 1),
  )
})

test('submit: two Processors with one token have sessions of their own', async () => {
  const world = await oneMember()
  const results = []
  for (const seed of ['a', 'b']) {
    const processor = processorOf(world, seed)
    const session = await signedIn(processor)
    const operations = [createOperation(world)]
    results.push(await processor.sessions.submit(session, operations, untilDeadline()))
  }
  assert.ok(results.every(({ ok }) => ok))
  assert.equal(new Set(world.batches.map(({ session }) => session)).size, 2)
})

test('submit: each caller gets the result of its own command', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const good = createOperation(world)
  const [first, again, second] = await Promise.all(
    [[good], [good], [createOperation(world)]].map((operations) =>
      sessions.submit(session, operations, untilDeadline()),
    ),
  )
  assert.equal(first?.ok, true)
  assert.equal(again?.ok === false && again.code, 'exists')
  assert.equal(second?.ok, true)
})

test('submit: a request id makes a retry through another Processor harmless', async () => {
  const world = await oneMember()
  const results = []
  const operation = createOperation(world)
  const operations = [operation]
  for (const seed of ['a', 'b']) {
    const processor = processorOf(world, seed)
    const session = await signedIn(processor)
    const id = processor.sessions.requestIdOf(session, 'key-1')
    const print = processor.sessions.requestIdOf(session, 'PUT /x')
    const options = { ...untilDeadline(), request: { id, print } }
    results.push(await processor.sessions.submit(session, operations, options))
  }
  const { object } = operation as Extract<typeof operation, { op: 'create' }>
  assert.deepEqual(results[0], { ok: true, seqs: [1], object })
  assert.deepEqual(results[1], results[0])
})

test('submit: an opening without an answer is sent again as it was: one session, not two', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  world.fates = ['unconfirmed', 'lost', 'executed']
  const submit = (): Promise<unknown> =>
    sessions.submit(session, [createOperation(world)], untilDeadline())
  await assert.rejects(submit(), coded('group/unconfirmed'))
  await assert.rejects(submit(), coded('group/unconfirmed'))
  await submit()
  assert.deepEqual(operationKinds(world), ['session', 'session', 'session', 'create'])
  assert.equal(new Set(world.batches.map((batch) => batch.session)).size, 1)
  assert.deepEqual(world.batches[0], world.batches[1])
})

test('submit: numbers that nobody saw are used again; 5,000 tries without a group do no harm', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const submit = (): Promise<unknown> =>
    sessions.submit(session, [createOperation(world)], untilDeadline())
  await submit()
  world.isReachable = false
  for (let count = 0; count < 5_000; count++) {
    await assert.rejects(submit(), coded('group/unavailable'))
  }
  world.isReachable = true
  await submit()
  assert.equal(world.batches.at(-1)?.commands[0]?.sequence, 3)
})

test('submit: after too many numbers without an answer another session is used', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const submit = (): Promise<unknown> =>
    sessions.submit(session, [createOperation(world)], untilDeadline())
  await submit()
  world.fates = Array.from({ length: sequenceSpanMax }, () => 'lost')
  for (let count = 0; count < sequenceSpanMax; count++) {
    await assert.rejects(submit(), coded('group/unconfirmed'))
  }
  await submit()
  assert.equal(new Set(world.batches.map((batch) => batch.session)).size, 2)
})

test('submit: a session that the section forgot is replaced, and the command runs once', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  await sessions.submit(session, [createOperation(world)], untilDeadline())
  world.state = {
    ...world.state,
    sessions: world.state.sessions.delete(world.batches[0]?.session as never),
  }
  const result = await sessions.submit(session, [createOperation(world)], untilDeadline())
  assert.equal(result.ok, true)
  assert.deepEqual(operationKinds(world), ['session', 'create', 'create', 'session', 'create'])
})

test('submit: a revoked token is refused as such, and looked at again', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  await sessions.submit(session, [createOperation(world)], untilDeadline())
  world.change('token', { revoked: true })
  const submit = sessions.submit(session, [createOperation(world)], untilDeadline())
  await assert.rejects(submit, coded('users/revoked'))
  await assert.rejects(signedIn(processor), coded('users/revoked'))
})

test('submit: half-way through its life a session is renewed beside the work', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const submit = async (): Promise<void> => {
    const result = await sessions.submit(session, [createOperation(world)], untilDeadline())
    assert.equal(result.ok, true)
    await turn()
  }
  await submit()
  for (let hour = 0; hour < 24; hour++) {
    world.clock.advance(3_600_000)
    await submit()
  }
  assert.equal(new Set(world.batches.map((batch) => batch.session)).size, 1)
  const renewals = operationKinds(world).filter((kinds) => kinds === 'session').length - 1
  assert.ok(renewals >= 6 && renewals <= 13, `${renewals} renewals in a day`)
})

test('submit: a renewal that fails is logged and tried again, the work goes on', async () => {
  const processor = await started()
  const { world, sessions, log } = processor
  const session = await signedIn(processor)
  const submit = (): Promise<{ ok: boolean }> =>
    sessions.submit(session, [createOperation(world)], untilDeadline())
  await submit()
  world.clock.advance(sessionLifeMs - sessionRenewMs + 1)
  world.fates = ['lost']
  assert.equal((await submit()).ok, true)
  await turn()
  assert.match(log.lines.map(({ message }) => message).join(), /not renewed/)
  assert.equal((await submit()).ok, true)
  assert.equal(operationKinds(world).filter((kinds) => kinds === 'session').length, 2)
  world.clock.advance(60_000)
  assert.equal((await submit()).ok, true)
  assert.equal(operationKinds(world).filter((kinds) => kinds === 'session').length, 3)
})

test('submit: a session near its end is not used; an expired key is never certified again', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const submit = async (): Promise<void> => {
    const result = await sessions.submit(session, [createOperation(world)], untilDeadline())
    assert.equal(result.ok, true)
  }
  await submit()
  world.clock.advance(sessionLifeMs - sessionLeftMinMs + 1)
  await submit()
  assert.deepEqual(operationKinds(world), ['session', 'create', 'session', 'create'])
  assert.equal(new Set(world.batches.map((batch) => batch.session)).size, 2)
})

test('submit: a clock that is three hours off does no harm; one that is a day off is told', async () => {
  for (const hours of [-3, 3, 19]) {
    const processor = await started()
    processor.world.clock.wallOffsetMs = hours * 3_600_000
    const session = await signedIn(processor)
    const operations = [createOperation(processor.world)]
    const result = await processor.sessions.submit(session, operations, untilDeadline())
    assert.equal(result.ok, true, `${hours} h`)
  }
  for (const [hours, code] of [
    [-5, 'users/revoked'],
    [21, 'group/overloaded'],
  ] as const) {
    const processor = await started()
    processor.world.clock.wallOffsetMs = hours * 3_600_000
    const session = await signedIn(processor)
    const operations = [createOperation(processor.world)]
    const submit = processor.sessions.submit(session, operations, untilDeadline())
    await assert.rejects(submit, coded(code), `${hours} h`)
  }
})

test('submit: who gives up or is late stops waiting; what was not sent did not happen', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  const stop = new AbortController()
  const gone = sessions.submit(session, [createOperation(world)], {
    deadlineMs: 5_000,
    signal: AbortSignal.abort(),
  })
  await assert.rejects(gone, coded('group/cancelled'))
  await turn()
  assert.deepEqual(world.batches, [], 'nothing left for a caller that was gone')

  const open = Promise.withResolvers<void>()
  world.gate = open.promise
  const late = sessions.submit(session, [createOperation(world)], untilDeadline(10))
  const given = sessions.submit(session, [createOperation(world)], {
    deadlineMs: 5_000,
    signal: stop.signal,
  })
  const patient = sessions.submit(session, [createOperation(world)], untilDeadline())
  await turn()
  world.clock.advance(10)
  await assert.rejects(late, coded('group/unavailable'), 'the session was not open yet')
  stop.abort()
  await assert.rejects(given, coded('group/cancelled'))
  open.resolve()
  assert.equal((await patient).ok, true)
  assert.deepEqual(operationKinds(world), ['session', 'create'])

  const hold = Promise.withResolvers<void>()
  world.gate = hold.promise
  const sent = sessions.submit(session, [createOperation(world)], untilDeadline(10))
  await turn()
  await turn()
  world.clock.advance(10)
  await assert.rejects(sent, coded('group/unconfirmed'), 'it was on its way')
  hold.resolve()
})

test('submit: no more than so many commands are under way; the others wait their turn', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  await sessions.submit(session, [createOperation(world)], untilDeadline())
  const hold = Promise.withResolvers<void>()
  world.gate = hold.promise
  const count = commandsInFlightMax + 500
  const asked = Array.from({ length: count }, () =>
    sessions.submit(session, [createOperation(world)], untilDeadline()),
  )
  for (let turns = 0; turns < 5; turns++) await turn()
  const sent = world.batches.reduce((sum, { commands }) => sum + commands.length, 0)
  assert.equal(sent, 2 + commandsInFlightMax)
  hold.resolve()
  const results = await Promise.all(asked)
  assert.ok(results.every(({ ok }) => ok))
})

test('submit: without end of commands, the token is told to slow down', async () => {
  const processor = await started()
  const { world, sessions } = processor
  const session = await signedIn(processor)
  world.gate = new Promise(() => undefined)
  const operations = [createOperation(world)]
  const stop = new AbortController()
  const options = { deadlineMs: 5_000, signal: stop.signal }
  const asked = Array.from({ length: 4_097 }, () => sessions.submit(session, operations, options))
  const last = asked.at(-1)
  assert.ok(last)
  await assert.rejects(last, coded('group/overloaded'))
  stop.abort()
  const ends = await Promise.allSettled(asked)
  assert.ok(ends.every(({ status }) => status === 'rejected'))
})

test('logs and errors hold no token, secret or key', async () => {
  const processor = await started()
  const { world, sessions, log } = processor
  const session = await signedIn(processor)
  world.fates = ['executed', 'executed', 'lost']
  await sessions.submit(session, [createOperation(world)], untilDeadline())
  world.clock.advance(sessionLifeMs - sessionRenewMs + 1)
  world.fates = ['lost', 'lost']
  const error = await sessions
    .submit(session, [createOperation(world)], untilDeadline())
    .then(String, (thrown: unknown) => `${String(thrown)} ${JSON.stringify(thrown)}`)
  await turn()
  const refused = await sessions.authenticate(unknownToken(1)).then(String, JSON.stringify)
  const text = [error, refused, ...log.lines.map(({ message, fields }) => message + fields)].join()
  const secrets = [world.drawn.token.slice(60), world.drawn.passphrase, unknownToken(1).slice(60)]
  secrets.push(toHex(session.keys.sign.secretKey))
  for (const secret of secrets) assert.equal(text.includes(secret), false)
})
