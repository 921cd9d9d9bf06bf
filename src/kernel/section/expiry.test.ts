/**
 * Goal: what has expired goes in portions, and nothing that lives goes with it; what is derived
 * stays what the rest says, for those who executed the log and those who read a snapshot alike.
 * Method: few names and a limit of no more than two expiries in a block, so that everything is
 * opened, renewed and made again while its old expiry still waits to be removed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  alice,
  applyOf,
  bob,
  createOf,
  crypto,
  linkOf,
  objectOf,
  stageOf,
  TestClient,
  TestWorld,
  tagOfName,
  unlinkOf,
} from './fixture.test.ts'
import {
  type CommandResult,
  decodeState,
  derivedRoot,
  encodeState,
  execute,
  initialState,
  type Operation,
  type SectionState,
  stateRoot,
} from './index.ts'

const hourMs = 3_600_000

/** A world that removes one thing in a block, with one more expired than that. */
function behind(): { readonly world: TestWorld; readonly client: TestClient } {
  const world = new TestWorld()
  world.expiriesMax = 1
  world.client('first', alice, world.timeMs + hourMs)
  const client = world.client('one', alice, world.timeMs + 2 * hourMs)
  world.timeMs += 3 * hourMs
  return { world, client }
}

function open(world: TestWorld, name: string, by = alice): [TestClient, CommandResult | undefined] {
  const client = new TestClient(world, name, by)
  const opening = client.opening(world.timeMs + 20 * hourMs)
  return [client, world.execute(client.batch([opening]))[0]?.[0]]
}

const countsOf = (state: SectionState): number[] =>
  [alice, bob].map(({ view }) => state.accounts.get(view.principal)?.sessionCount ?? 0)

test('a session that is opened anew while its expiry waits lives, and is counted once', () => {
  const { world } = behind()
  const [client, result] = open(world, 'one')
  assert.deepEqual(result, { ok: true, seqs: [0] })
  assert.deepEqual(countsOf(world.state), [1, 0])
  for (let block = 0; block < 3; block++) world.execute()
  assert.deepEqual(countsOf(world.state), [1, 0])
  assert(client.run(createOf('a')).ok, 'the old expiry took the new session away')
})

test('the new session may be another principal’s; each is counted where it belongs', () => {
  const { world } = behind()
  assert.deepEqual(countsOf(world.state), [2, 0])
  open(world, 'one', bob)
  assert.deepEqual(countsOf(world.state), [0, 1])
})

test('an expiry takes away only what has that expiry itself', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('u'), createOf('s'), linkOf('s'))
  client.done(stageOf('s', world.added(1), world.timeMs + 10 * hourMs))
  // Expiries of earlier times, as if their things had been made again since.
  const { state } = world
  let { expiries } = state
  for (const { key } of state.expiries.leaves()) {
    const early = (state.effectiveMs - 1).toString(16).padStart(16, '0') + key.slice(16)
    expiries = expiries.set(early as typeof key, true)
  }
  world.state = { ...state, expiries }
  world.execute()
  assert.equal(stateRoot(crypto, world.state), stateRoot(crypto, { ...state, ...when(world) }))
  assert.equal(derivedRoot(crypto, world.state), derivedRoot(crypto, state))
})

const when = ({ state }: TestWorld): Pick<SectionState, 'height' | 'effectiveMs'> => ({
  height: state.height,
  effectiveMs: state.effectiveMs,
})

const name = fc.constantFrom('a', 'b')
const step = fc.record({
  what: fc.constantFrom(
    ...([
      'open',
      'open',
      'open',
      'open',
      'renew',
      'create',
      'link',
      'unlink',
      'stage',
      'restage',
    ] as const),
    ...(['apply', 'delete', 'pass', 'pass', 'passDays'] as const),
  ),
  session: fc.constantFrom('one', 'two', 'three'),
  byBob: fc.boolean(),
  name,
  hours: fc.integer({ min: 1, max: 12 }),
})
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

class History {
  readonly world = new TestWorld()
  readonly #clients = new Map<string, TestClient>()

  constructor(expiriesMax: number) {
    this.world.expiriesMax = expiriesMax
  }

  do(each: Step): void {
    const { world } = this
    const { what, hours, session } = each
    const by = each.byBob ? bob : alice
    // The block that ends a pause is that of the next step: it opens while expiries wait.
    if (what === 'pass') world.timeMs += hours * hourMs
    else if (what === 'passDays') world.passHours(50)
    else if (what === 'open') {
      const client = new TestClient(world, session, by)
      const opening = client.opening(world.timeMs + hours * hourMs)
      const [[result] = []] = world.execute(client.batch([opening]))
      if (result?.ok === true) this.#clients.set(session, client)
    } else {
      const client = this.#clients.get(session)
      client?.run(this.#operation(each, client))
    }
  }

  #operation({ what, name, hours }: Step, client: TestClient): Operation {
    const { world } = this
    const expiryMs = world.timeMs + hours * hourMs
    const entry = world.state.objects.get(world.state.rootDirectory)?.entries.get(tagOfName(name))
    switch (what) {
      case 'renew':
        return client.session(expiryMs)
      case 'create':
        return createOf(name)
      case 'link':
        return linkOf(name, { seenSeq: entry?.seq ?? 0 })
      case 'unlink':
        return unlinkOf(name, entry?.seq ?? 0)
      case 'stage':
        return stageOf(name, world.added(1), expiryMs)
      case 'restage':
        return stageOf(name, { blocks: [], receipts: [] }, expiryMs)
      case 'apply':
        return applyOf(name)
      default:
        return { op: 'delete', object: objectOf(name) }
    }
  }

  /** What is derived is what the rest says, and what a snapshot brings back. */
  check(): void {
    const { state } = this.world
    const principals = [...state.sessions.leaves()].map(({ value }) => value.principal)
    for (const { key, value } of state.accounts.leaves()) {
      assert.equal(value.sessionCount, principals.filter((one) => one === key).length)
    }
    assertSame(decodeState(crypto, encodeState(state)), state)
  }
}

function assertSame(left: SectionState, right: SectionState): void {
  assert.equal(stateRoot(crypto, left), stateRoot(crypto, right))
  assert.equal(derivedRoot(crypto, left), derivedRoot(crypto, right))
}

/** Sessions that had expired and were there when they were opened anew. */
function reopenedCount(before: SectionState['sessions'], state: SectionState): number {
  const again = [...before.leaves()].filter(({ key, value }) => {
    const now = state.sessions.get(key)
    return value.expiryMs <= state.effectiveMs && now?.expiryMs !== value.expiryMs
  })
  return again.length
}

test('any history of lives and expiries: derived parts, snapshots and replays agree', () => {
  let openedAgain = 0
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0, 1, 2),
      fc.array(step, { minLength: 20, maxLength: 60 }),
      fc.nat(),
      (expiriesMax, steps, cut) => {
        const history = new History(expiriesMax)
        const { world } = history
        for (const each of steps) {
          const { sessions } = world.state
          history.do(each)
          history.check()
          // Nothing is ever removed there, so whoever opens finds the expired one.
          if (expiriesMax === 0) openedAgain += reopenedCount(sessions, world.state)
        }
        let state = initialState(crypto, world.genesis)
        for (const [index, block] of world.log.entries()) {
          if (index === cut % world.log.length) state = decodeState(crypto, encodeState(state))
          state = execute(world.environment, state, block).state
        }
        assertSame(state, world.state)
      },
    ),
    { numRuns: 80 },
  )
  assert(openedAgain > 40, `${openedAgain} sessions opened over an expired one`)
})
