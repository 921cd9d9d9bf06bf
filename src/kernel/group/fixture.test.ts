/** Scripted members behind scripted links, in virtual time, for tests here. No tests in it. */
import { createNodeCrypto } from '../../adapters/node-crypto.ts'
import { assert } from '../../base/assert.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { type NodeId, nodeIdOf, type WorldId } from '../../base/ids.ts'
import type { Log } from '../../ports/log.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { quickCrypto } from '../../simulator/world-crypto.ts'
import { LinkCode, LinkError } from '../links/index.ts'
import type { IncomingMessage, Links, OutgoingMessage, RequestOptions } from '../links/interface.ts'
import { encodeAttributes } from '../objects/index.ts'
import type { Genesis } from '../section/index.ts'
import { drawWorld, openToken, parseToken } from '../users/index.ts'
import { SessionKey } from '../users/session-key.ts'
import { createGroup, type GroupOptions } from './group.ts'
import type { Group } from './interface.ts'
import { pack, unpack } from './packing.ts'
import { decodeGroupRequest, type GroupRequest } from './wire.ts'

export const crypto = quickCrypto(createNodeCrypto())

/** Virtual time in which promises run to their end between events. */
export class Bench {
  readonly scheduler = new Scheduler({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  readonly clock = new SimClock(new SimProcess(this.scheduler, 'bench'))

  /** Run until `work` settles, and give what it gives. */
  async finish<Value>(work: Promise<Value>): Promise<Value> {
    let isSettled = false
    const settled = (): void => {
      isSettled = true
    }
    work.then(settled, settled)
    const end = await this.scheduler.run({ until: () => isSettled, eventCountMax: 100_000 })
    assert(end === 'reached', `the work never ends: ${end}`)
    return work
  }

  async pass(timeMs: number): Promise<void> {
    await this.finish(this.after(timeMs))
  }

  after(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(delayMs, resolve))
  }
}

export const quietLog: Log = {
  ...{ debug: () => undefined, info: () => undefined },
  ...{ warn: () => undefined, error: () => undefined },
  for: () => quietLog,
}

export const nodeAt = (index: number): NodeId =>
  nodeIdOf(toHex(crypto.sha256(utf8(`node ${index}`))))
export const members: readonly NodeId[] = [1, 2, 3, 4].map(nodeAt).sort()
export const stranger: NodeId = nodeAt(99)

/** What a scripted member says; throwing refuses, `undefined` is silence. */
export type Script = (request: GroupRequest, times: number) => Promise<Uint8Array | undefined>

/** Links to scripted members. Members without a script are down. */
export class ScriptedLinks implements Links {
  readonly self = stranger
  readonly scripts = new Map<NodeId, Script>()
  readonly askedTimes = new Map<NodeId, number>()
  readonly #bench: Bench

  constructor(bench: Bench) {
    this.#bench = bench
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  peers(): [] {
    return []
  }
  isUp(peer: NodeId): boolean {
    return this.scripts.has(peer)
  }
  onChange(): () => void {
    return () => undefined
  }
  send(): boolean {
    return false
  }
  handle(): void {}

  async request(
    peer: NodeId,
    message: OutgoingMessage,
    options: RequestOptions,
  ): Promise<IncomingMessage> {
    const script = this.scripts.get(peer)
    if (script === undefined) throw new LinkError(LinkCode.Down, 'down', { peer })
    const times = (this.askedTimes.get(peer) ?? 0) + 1
    this.askedTimes.set(peer, times)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const late = this.#bench.clock.after(options.deadlineMs, () =>
      reject(new LinkError(LinkCode.Deadline, 'late', { peer })),
    )
    options.signal?.addEventListener('abort', () =>
      reject(new LinkError(LinkCode.Cancelled, 'cancelled', { peer })),
    )
    await this.#bench.after(1)
    script(decodeGroupRequest(unpack(message)), times).then(
      (answer) => answer && resolve(answer),
      (error: { code?: string }) =>
        reject(new LinkError(LinkCode.Refused, 'no', { peer, peerCode: error.code ?? 'internal' })),
    )
    const answer = await promise.finally(late)
    const proof = (): never => assert(false, 'no proof is asked for') as never
    return { from: peer, channel: message.channel, ...pack(crypto, answer), proof }
  }
}

/** A group as a Processor sees it that is no member of it. */
export function scriptedGroup(
  scripts: readonly (Script | undefined)[],
  options: Partial<GroupOptions> = {},
): { readonly bench: Bench; readonly links: ScriptedLinks; readonly group: Group } {
  const bench = new Bench()
  const links = new ScriptedLinks(bench)
  for (const [index, script] of scripts.entries()) {
    const member = members[index]
    if (script !== undefined && member !== undefined) links.scripts.set(member, script)
  }
  const group = createGroup({
    self: stranger,
    members,
    quorum: 3,
    liarsMax: 1,
    clock: bench.clock,
    crypto,
    links,
    member: undefined,
    consensus: undefined,
    log: quietLog,
    ...options,
  })
  return { bench, links, group }
}

export const refusing =
  (code: string): Script =>
  () =>
    Promise.reject(Object.assign(new Error(code), { code }))
export const silent: Script = () => Promise.resolve(undefined)

export type SmallWorld = {
  readonly genesis: Genesis
  readonly world: WorldId
  /** A fresh session of the owner's token; its `opening` is the batch that opens it. */
  newSession(): SessionKey
}

/** A world of one member, drawn from a name. */
export async function smallWorld(name: string): Promise<SmallWorld> {
  const random = new SimRandom(name)
  const attributes = encodeAttributes({ volume: false, blockBytes: 65_536 })
  const plan = { nodeCount: 1, defaultReplicas: 1, createdMs: 1_000 }
  const drawn = await drawWorld({ crypto, random }, { ...plan, attributesOf: () => attributes })
  const { genesis, world } = drawn
  const token = parseToken(drawn.token)
  const view = genesis.principals.find(({ kind }) => kind === 'token')
  const keys = view && token && openToken(crypto, view, token)
  assert(keys !== undefined, 'the owner has a token')
  const certifier = { crypto, world, principal: keys.principal, signKey: keys.sign }
  const newSession = (): SessionKey => new SessionKey(certifier, { random, expiryMs: 3_600_000 })
  return { genesis, world, newSession }
}
