/** A world of one member in memory that really executes, for tests of who may write how. */
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import type { ObjectId } from '../../src/base/ids.ts'
import { GroupCode, GroupError } from '../../src/kernel/group/index.ts'
import { createDomainKey, createObjectKeys, sealAttributes } from '../../src/kernel/keys/index.ts'
import {
  type Answer,
  answer,
  type CommandResult,
  type ExecutableBatch,
  execute,
  initialState,
  isBatchSigned,
  ObjectKind,
  type Operation,
  type PrincipalView,
  type Query,
  type SectionState,
  type SignedBatch,
} from '../../src/kernel/section/index.ts'
import { type DrawnWorld, drawWorld } from '../../src/kernel/users/index.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Log } from '../../src/ports/log.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { fastCrypto, seededPorts } from './keys-fixture.ts'

export const startMs = 1_700_000_000_000

/** Turns are real, everything later waits for `advance`. */
export class ManualClock implements Clock {
  #nowMs = 0
  readonly #due = new Set<{ atMs: number; task: () => void }>()
  wallOffsetMs = 0

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return startMs + this.wallOffsetMs + this.#nowMs
  }

  get waitingCount(): number {
    return this.#due.size
  }

  after(delayMs: number, task: () => void): () => void {
    if (delayMs === 0) {
      const turn = setImmediate(task)
      return () => clearImmediate(turn)
    }
    const due = { atMs: this.#nowMs + delayMs, task }
    this.#due.add(due)
    return () => this.#due.delete(due)
  }

  advance(byMs: number): void {
    this.#nowMs += byMs
    for (const due of [...this.#due].sort((a, b) => a.atMs - b.atMs)) {
      if (due.atMs > this.#nowMs) break
      this.#due.delete(due)
      due.task()
    }
  }
}

export type LogLine = { readonly message: string; readonly fields: string }

export class KeptLog implements Log {
  readonly lines: LogLine[] = []
  debug = (message: string, fields?: object): void => this.#keep(message, fields)
  info = this.debug
  warn = this.debug
  error = this.debug
  for = (): Log => this

  #keep(message: string, fields: object = {}): void {
    this.lines.push({ message, fields: JSON.stringify(fields) })
  }
}

/** What happens to the next calls, in order; after that they are executed at once. */
export type Fate =
  /** `group/unavailable`: not sent. */
  | 'unsent'
  /** Executed, and the answer is lost: `group/unconfirmed`. */
  | 'unconfirmed'
  /** Lost on the way: `group/unconfirmed`. */
  | 'lost'
  | 'executed'

const error = (code: GroupCode): GroupError => new GroupError(code, 'as the test wants', {})

export class OneMember {
  readonly clock: ManualClock
  readonly drawn: DrawnWorld
  state: SectionState
  readonly batches: SignedBatch[] = []
  readonly queries: Query[] = []
  fates: Fate[] = []
  isReachable = true
  /** Calls wait for it. */
  gate: Promise<void> = Promise.resolve()

  constructor(drawn: DrawnWorld, clock: ManualClock) {
    this.drawn = drawn
    this.clock = clock
    this.state = initialState(createNodeCrypto(), drawn.genesis)
  }

  async submit(batch: SignedBatch): Promise<readonly CommandResult[]> {
    if (!this.isReachable) throw error(GroupCode.Unavailable)
    const fate = this.fates.shift() ?? 'executed'
    if (fate === 'unsent') throw error(GroupCode.Unavailable)
    this.batches.push(batch)
    await this.gate
    if (fate === 'lost') throw error(GroupCode.Unconfirmed)
    const results = this.execute(batch)
    if (fate === 'unconfirmed') throw error(GroupCode.Unconfirmed)
    return results
  }

  execute(batch: ExecutableBatch): readonly CommandResult[] {
    const { world } = this.drawn
    if (!isBatchSigned(fastCrypto, world, batch)) throw new Error('a batch that is not signed')
    const block = {
      height: this.state.height + 1,
      timeMs: startMs + this.clock.monotonicMs(),
      batches: [batch],
    }
    const { state, results } = execute({ crypto: fastCrypto, world }, this.state, block)
    this.state = state
    return results[0] ?? []
  }

  async read(queries: readonly Query[]): Promise<readonly Answer[]> {
    this.queries.push(...queries)
    await this.gate
    if (!this.isReachable) throw error(GroupCode.Unavailable)
    return answer(fastCrypto, this.state, queries)
  }

  /** Change a principal's record, as later operations will. */
  change(kind: PrincipalView['kind'], to: Partial<PrincipalView>): void {
    const view = this.drawn.genesis.principals.find((principal) => principal.kind === kind)
    if (view === undefined) throw new Error('no such principal')
    const principals = this.state.principals.set(view.principal, { ...view, ...to })
    this.state = { ...this.state, principals }
  }
}

export async function oneMember(seed: number | string = 1): Promise<OneMember> {
  const clock = new ManualClock()
  const drawn = await drawWorld(
    { crypto: fastCrypto, random: new SimRandom(seed) },
    {
      nodeCount: 1,
      defaultReplicas: 1,
      createdMs: startMs,
      attributesOf: () => new Uint8Array([1]),
    },
  )
  return new OneMember(drawn, clock)
}

let made = 0

/** An operation that succeeds once: a new file in the domain of `/public`. */
export function createOperation(world: OneMember, object?: ObjectId): Operation {
  const ports = seededPorts(`object-${made++}`)
  const domain = world.drawn.genesis.domainOfPath[1]?.domain
  if (domain === undefined) throw new Error('no such path')
  const id = object ?? (Buffer.from(ports.random.bytes(16)).toString('hex') as ObjectId)
  const domainKey = createDomainKey(ports, domain)
  const { keys, wrapped } = createObjectKeys(ports, { object: id, domainKey })
  return {
    op: 'create',
    object: id,
    kind: ObjectKind.File,
    domain,
    domainEpoch: 1,
    keyEpoch: 1,
    wrappedKeys: wrapped,
    replicas: 1,
    attributes: sealAttributes(ports, keys, new Uint8Array([1])),
  }
}
