/**
 * A small world for the section's tests: users, a session each, blocks with receipts. No tests
 * here.
 */
import assert from 'node:assert/strict'
import { createNodeCrypto } from '../../adapters/node-crypto.ts'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import {
  type BlockId,
  type Digest,
  type DomainId,
  domainIdOf,
  type NodeId,
  type ObjectId,
  objectIdOf,
  type PrincipalId,
  type Tag,
  tagOf,
} from '../../base/ids.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import { receiptsNeeded } from '../placement/index.ts'
import {
  type Added,
  type AddedBlock,
  type Command,
  type CommandResult,
  type ExecutionBlock,
  type ExecutionEnvironment,
  type ExecutionOutcome,
  execute,
  type Genesis,
  initialState,
  isBatchSigned,
  ObjectKind,
  type Operation,
  type PrincipalView,
  principalIdOfKey,
  type Receipt,
  type RequestMark,
  receiptBytesToSign,
  receiptLeafOf,
  type SectionState,
  type SignedBatch,
  sessionCertificateBytesToSign,
  signBatch,
  worldIdOf,
} from './index.ts'

export const crypto = createNodeCrypto()
export const startMs = 1_700_000_000_000
const hourMs = 3_600_000

/** 32 bytes that depend on the name alone. */
export const seedOf = (name: string): Uint8Array => crypto.sha256(utf8(name))
export const hashOf = (name: string): Digest => toHex(seedOf(name)) as Digest
export const markOf = (name: string, asked = ''): RequestMark => ({
  id: hashOf(name),
  print: hashOf(`print ${asked}`),
})
export const objectOf = (name: string): ObjectId =>
  objectIdOf(hashOf(`object ${name}`).slice(0, 32))
export const domainOf = (name: string): DomainId =>
  domainIdOf(hashOf(`domain ${name}`).slice(0, 32))
export const tagOfName = (name: string): Tag => tagOf(hashOf(`tag ${name}`))

export const root: ObjectId = objectOf('/')
export const publicDirectory: ObjectId = objectOf('/public')
export const rootDomain: DomainId = domainOf('root')
export const publicDomain: DomainId = domainOf('public')

type Person = { readonly pair: KeyPair; readonly view: PrincipalView }

function person(
  name: string,
  options: { owner?: PrincipalId; rights?: number; expiryMs?: number },
): Person {
  const pair = crypto.signKeyPair(seedOf(`principal ${name}`))
  const principal = principalIdOfKey(crypto, pair.publicKey)
  const view: PrincipalView = {
    principal,
    kind: options.owner === undefined ? 'user' : 'token',
    owner: options.owner ?? principal,
    signKey: pair.publicKey,
    wrapKey: seedOf(`wrap ${name}`),
    rights: options.rights ?? 15,
    expiryMs: options.expiryMs ?? Number.MAX_SAFE_INTEGER,
    revoked: false,
    sealed: utf8('sealed'),
    salt: utf8('salt'),
  }
  return { pair, view }
}

export const alice = person('alice', {})
export const bob = person('bob', {})
export const aliceToken = person('alice token', { owner: alice.view.principal })
export const aliceReader = person('alice reader', { owner: alice.view.principal, rights: 1 })
export const aliceBrief = person('alice brief', {
  owner: alice.view.principal,
  expiryMs: startMs + 10 * hourMs,
})
/** Not in the genesis. */
export const mallory = person('mallory', {})

const nodePairs = new Map<NodeId, KeyPair>()

export function genesisOf(options: { members?: number; storage?: number } = {}): Genesis {
  const memberCount = options.members ?? 4
  const nodes: NodeId[] = []
  for (let index = 0; index < memberCount + (options.storage ?? 0); index++) {
    const pair = crypto.signKeyPair(seedOf(`node ${index}`))
    const node = toHex(pair.publicKey) as NodeId
    nodePairs.set(node, pair)
    nodes.push(node)
  }
  const members = nodes.map((node, index) => ({
    node,
    linkKey: seedOf(`link ${index}`),
    consensusKey: seedOf(`consensus ${index}`),
    role: index < memberCount ? ('member' as const) : ('storage' as const),
    weight: 1,
  }))
  members.sort((a, b) => (a.node < b.node ? -1 : 1))
  const view = (name: string, domain: DomainId): Genesis['directories'][number]['view'] => ({
    object: objectOf(name),
    domain,
    domainEpoch: 1,
    keyEpoch: 1,
    wrappedKeys: utf8(`keys of ${name}`),
    replicas: Math.min(3, nodes.length),
    attributes: utf8('attributes'),
  })
  const owner = { principal: alice.view.principal, rights: 15, wrapped: utf8('wrapped') }
  return {
    protocol: 2,
    salt: seedOf('salt'),
    createdMs: startMs,
    members,
    defaultReplicas: Math.min(3, nodes.length),
    principals: [alice, bob, aliceToken, aliceReader, aliceBrief].map(({ view }) => view),
    domains: [
      { domain: rootDomain, epoch: 1, seq: 1, grants: [owner], ownOnly: false },
      {
        domain: publicDomain,
        epoch: 1,
        seq: 1,
        grants: [owner, { principal: 'everyone', rights: 7, wrapped: utf8('everyone') }],
        ownOnly: true,
      },
    ],
    directories: [
      {
        view: view('/', rootDomain),
        parent: undefined,
        entryTag: undefined,
        sealedName: undefined,
      },
      {
        view: view('/public', publicDomain),
        parent: root,
        entryTag: tagOfName('public'),
        sealedName: utf8('public'),
      },
    ],
    sealedBlockNameKey: utf8('block name key'),
    domainOfPath: [
      { path: '/', domain: rootDomain },
      { path: '/public', domain: publicDomain },
    ],
  }
}

export class TestWorld {
  readonly genesis: Genesis
  readonly world: ReturnType<typeof worldIdOf>
  state: SectionState
  timeMs = startMs
  outcome: ExecutionOutcome | undefined
  /** Every block that was executed. */
  readonly log: ExecutionBlock[] = []
  /** What may expire in one block; the rule's own when not set. */
  expiriesMax: number | undefined
  #blockCount = 0

  constructor(genesis: Genesis = genesisOf()) {
    this.genesis = genesis
    this.world = worldIdOf(crypto, genesis)
    this.state = initialState(crypto, genesis)
  }

  /** Execute a block with these batches, a millisecond later. */
  execute(...batches: readonly SignedBatch[]): readonly (readonly CommandResult[])[] {
    for (const batch of batches) assert(isBatchSigned(crypto, this.world, batch))
    this.timeMs++
    const height = this.state.height + 1
    const block = { height, timeMs: this.timeMs, batches }
    this.log.push(block)
    this.outcome = execute(this.environment, this.state, block)
    this.state = this.outcome.state
    return this.outcome.results
  }

  get environment(): ExecutionEnvironment {
    const { world, expiriesMax } = this
    return { crypto, world, ...(expiriesMax !== undefined && { expiriesMax }) }
  }

  passHours(hours: number): void {
    this.timeMs += hours * hourMs
    this.execute()
  }

  client(
    name: string,
    by: Person = alice,
    expiryMs: number = this.timeMs + 20 * hourMs,
  ): TestClient {
    const client = new TestClient(this, name, by)
    const [[result] = []] = this.execute(client.batch([client.opening(expiryMs)]))
    assert.deepEqual(result, { ok: true, seqs: [0] })
    return client
  }

  /** New blocks with as many receipts as they need (or as told). */
  added(
    count: number,
    options: { replicas?: number; receipts?: number; putMs?: number; bytes?: number } = {},
  ): Added {
    const replicas = options.replicas ?? 3
    const blocks: AddedBlock[] = []
    for (let index = 0; index < count; index++) blocks.push(this.#block(options.bytes ?? 1_000))
    const holders = options.receipts ?? receiptsNeeded(replicas)
    return { blocks, receipts: this.receipts(blocks, { ...options, replicas, holders }) }
  }

  #block(sealedBytes: number): AddedBlock {
    const name = `block ${this.#blockCount++}`
    return {
      id: hashOf(name).slice(0, 32) as BlockId,
      version: 1,
      hash: hashOf(`content of ${name}`),
      sealedBytes,
      releaseTag: seedOf(`release of ${name}`).slice(0, 16),
    }
  }

  /** Receipts by the best holders of each block. */
  receipts(
    blocks: readonly AddedBlock[],
    options: { replicas: number; holders: number; putMs?: number },
  ): Receipt[] {
    const placement = this.state.placements[0]
    assert(placement !== undefined)
    const leavesOf = new Map<NodeId, number[]>()
    for (const [index, { id }] of blocks.entries()) {
      for (const node of placement.holdersOf(id, options.replicas).slice(0, options.holders)) {
        leavesOf.set(node, [...(leavesOf.get(node) ?? []), index])
      }
    }
    return [...leavesOf].map(([node, leaves]) =>
      this.signReceipt(blocks, { node, leaves, putMs: options.putMs ?? this.timeMs }),
    )
  }

  signReceipt(
    blocks: readonly AddedBlock[],
    receipt: { node: NodeId; leaves: readonly (number | Digest)[]; putMs: number },
  ): Receipt {
    const { node, leaves, putMs } = receipt
    const hashes = leaves.map((leaf) => {
      const block = typeof leaf === 'number' ? blocks[leaf] : undefined
      return fromHex(block === undefined ? String(leaf) : receiptLeafOf(crypto, block))
    })
    const fields = { world: this.world, placementEpoch: 1, node, putMs }
    const bytes = receiptBytesToSign(crypto, { ...fields, leaves: hashes })
    const pair = nodePairs.get(node)
    assert(pair !== undefined)
    const signature = crypto.sign(pair.secretKey, bytes)
    return { node, placementEpoch: 1, putMs, leaves, signature }
  }
}

export class TestClient {
  readonly world: TestWorld
  readonly pair: KeyPair
  readonly #by: Person
  sequence = 0

  constructor(world: TestWorld, name: string, by: Person) {
    this.world = world
    this.pair = crypto.signKeyPair(seedOf(`session ${name}`))
    this.#by = by
  }

  opening(expiryMs: number): Command {
    return { sequence: ++this.sequence, request: undefined, operations: [this.session(expiryMs)] }
  }

  session(expiryMs: number): Operation {
    const sessionKey = this.pair.publicKey
    const bytes = sessionCertificateBytesToSign({ world: this.world.world, sessionKey, expiryMs })
    const certificate = crypto.sign(this.#by.pair.secretKey, bytes)
    return { op: 'session', sessionKey, principal: this.#by.view.principal, expiryMs, certificate }
  }

  command(operations: readonly Operation[], request?: RequestMark): Command {
    return { sequence: ++this.sequence, request, operations }
  }

  batch(commands: readonly Command[]): SignedBatch {
    return signBatch(crypto, { world: this.world.world, sessionPair: this.pair, commands })
  }

  /** One command in a block of its own. */
  run(...operations: readonly Operation[]): CommandResult {
    return this.runAs(undefined, operations)
  }

  runAs(request: RequestMark | undefined, operations: readonly Operation[]): CommandResult {
    const results = this.world.execute(this.batch([this.command(operations, request)]))
    const result = results[0]?.[0]
    assert(result !== undefined)
    return result
  }

  /** A command that must succeed; its seqs. */
  done(...operations: readonly Operation[]): readonly number[] {
    const result = this.run(...operations)
    assert(result.ok, JSON.stringify(result))
    return result.seqs
  }
}

type CreateOperation = Extract<Operation, { op: 'create' }>

export const createOf = (name: string, more: Partial<CreateOperation> = {}): Operation => ({
  op: 'create',
  object: objectOf(name),
  kind: ObjectKind.File,
  domain: rootDomain,
  domainEpoch: 1,
  keyEpoch: 1,
  wrappedKeys: utf8(`keys of ${name}`),
  replicas: 3,
  attributes: utf8('attributes'),
  ...more,
})

export const createDirectory = (name: string, more: Partial<CreateOperation> = {}): Operation =>
  createOf(name, { kind: ObjectKind.Directory, ...more })

export const linkOf = (
  name: string,
  more: Partial<Extract<Operation, { op: 'link' }>> = {},
): Operation => ({
  op: 'link',
  directory: root,
  tag: tagOfName(name),
  seenSeq: 0,
  sealedName: utf8(`sealed ${name}`),
  keyEpoch: 1,
  object: objectOf(name),
  ...more,
})

export const unlinkOf = (name: string, seenSeq: number, directory: ObjectId = root): Operation => ({
  op: 'unlink',
  directory,
  tag: tagOfName(name),
  seenSeq,
})

export const renameOf = (
  from: string,
  to: string,
  more: Partial<Extract<Operation, { op: 'rename' }>>,
): Operation => ({
  op: 'rename',
  fromDirectory: root,
  fromTag: tagOfName(from),
  fromSeq: 0,
  toDirectory: root,
  toTag: tagOfName(to),
  toSeq: 0,
  sealedName: utf8(`sealed ${to}`),
  keyEpoch: 1,
  ...more,
})

const noBlocks: Added = { blocks: [], receipts: [] }

export const applyOf = (
  name: string,
  more: Partial<Extract<Operation, { op: 'apply' }>> = {},
): Operation => ({
  op: 'apply',
  object: objectOf(name),
  keyEpoch: 1,
  baseSeq: 0,
  reads: [],
  writes: [tagOfName('block 0')],
  sealed: utf8('delta'),
  added: noBlocks,
  freed: [],
  ...more,
})

export const replaceOf = (
  name: string,
  more: Partial<Extract<Operation, { op: 'replace' }>> = {},
): Operation => ({
  op: 'replace',
  object: objectOf(name),
  keyEpoch: 1,
  seenSeq: undefined,
  base: { root: undefined, sealed: utf8('base') },
  added: noBlocks,
  freed: 'all',
  ...more,
})

export const compactOf = (
  name: string,
  seqs: { baseSeq: number; uptoSeq: number },
  more: Partial<Extract<Operation, { op: 'compact' }>> = {},
): Operation => ({
  op: 'compact',
  object: objectOf(name),
  keyEpoch: 1,
  ...seqs,
  base: { root: undefined, sealed: utf8('folded') },
  added: noBlocks,
  freed: [],
  ...more,
})

export const stageOf = (name: string, added: Added, expiryMs: number): Operation => ({
  op: 'stage',
  object: objectOf(name),
  keyEpoch: 1,
  added,
  expiryMs,
})

/** A file with an entry in the root directory; the entry's seq. */
export function makeFile(client: TestClient, name: string): number {
  const [, seq] = client.done(createOf(name), linkOf(name))
  assert(seq !== undefined)
  return seq
}
