/**
 * Builds the layers bottom-up from ports and options, and starts and stops them. Everything that
 * the kernel reaches of the world comes in through `KernelPorts`, so that the same code runs in a
 * Processor and, byte for byte repeatable, in the simulator.
 */
import { toHex } from '../base/bytes.ts'
import { UnosysError } from '../base/error.ts'
import {
  blockIdOf,
  type NodeId,
  nodeIdOf,
  objectIdBytes,
  objectIdOf,
  type WorldId,
} from '../base/ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { Handshake } from '../ports/handshake.ts'
import type { HttpHandler } from '../ports/http.ts'
import type { Journal, JournalOpener } from '../ports/journal.ts'
import type { NodeKeys } from '../ports/keyring.ts'
import type { Log } from '../ports/log.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Random } from '../ports/random.ts'
import type { Transport } from '../ports/transport.ts'
import type { StatusBody } from '../wire/schemas.ts'
import { createApi } from './api/index.ts'
import { type Blocks, createBlocks } from './blocks/index.ts'
import { byzBound, createConsensus, encodeEvidence, quorumOf } from './consensus/index.ts'
import { createFileSystem } from './filesystem/index.ts'
import { createGroup, type Group, KnownEpoch, Member, type MemberOptions } from './group/index.ts'
import { everyoneKeyOf, openBlockNameKey } from './keys/index.ts'
import { createLinks, type Links } from './links/index.ts'
import type { Alterations } from './mutations.ts'
import { Namespace } from './namespace/index.ts'
import { Files } from './objects/index.ts'
import { createPlacement, type Placement } from './placement/index.ts'
import { journalKeyOf, sealedJournal } from './sealed-journal.ts'
import {
  consensusConfigOf,
  type Genesis,
  initialState,
  placementEpochOf,
  worldIdOf,
} from './section/index.ts'
import { FaultKind, openTrust, type Trust } from './trust/index.ts'
import { createSessions } from './users/index.ts'
import { openVault, type Vault } from './vault/index.ts'

export type { Alterations } from './mutations.ts'

export type KernelPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly handshake: Handshake
  readonly transport: Transport
  readonly disk: Disk
  readonly journals: JournalOpener
  readonly log: Log
  readonly metrics: Metrics
}

export type KernelOptions = {
  readonly version: string
  readonly genesis: Genesis
  readonly keys: NodeKeys
  /** `host:port` for links of other Processors. */
  readonly linkAddress: string
  /** All Processors of the world, in the order of their numbers (1, 2, …). */
  readonly peers: readonly { readonly node: NodeId; readonly address: string }[]
  /** This Processor must stop: its disk failed, or safety was violated. Called once. */
  readonly onFatal: (error: Error) => void
  /** True if this Processor may never have run: see `ConsensusOptions.mayBeNew`. */
  readonly mayBeNew: boolean
  /** For the simulator: other limits of a member, and a look at what it executes. */
  readonly member?: Pick<MemberOptions, 'limits' | 'onExecuted'>
}

/** The keys on this node do not belong to the world it was started for. */
export class KernelError extends UnosysError<
  'kernel/not-of-this-world',
  { readonly what: string }
> {}

export interface Kernel {
  readonly world: WorldId
  readonly self: NodeId
  /** The HTTP API, to be bound to loopback. */
  readonly handler: HttpHandler
  /** For measurements, which ask the group without files and HTTP. */
  readonly group: Pick<Group, 'submit' | 'read'>
  /** Open links, replay the log, begin to repair. */
  start(): Promise<void>
  /** Stop in reverse order; what was acknowledged is durable already. */
  stop(): Promise<void>
  status(): StatusBody
}

type Layers = {
  readonly world: WorldId
  readonly self: NodeId
  readonly links: Links
  readonly trust: Trust
  readonly vault: Vault
  readonly placement: Placement
  readonly group: Group
  readonly blocks: Blocks
  readonly journal: Journal
}

/** @throws KernelError, VaultError, JournalError, SectionError */
export const createKernel = (ports: KernelPorts, options: KernelOptions): Promise<Kernel> =>
  createAltered(ports, options, {})

/** A kernel some parts of which are others: for the simulator and tests alone. */
export async function createAltered(
  ports: KernelPorts,
  options: KernelOptions,
  altered: Alterations,
): Promise<Kernel> {
  const stores: Closable[] = []
  let layers: Layers
  try {
    layers = await buildLayers(ports, options, { altered, stores })
  } catch (error) {
    // Why it cannot be built matters more than what could not be closed then.
    await Promise.allSettled(stores.map((store) => store.close()))
    throw error
  }
  const { world, self, links, group, blocks, vault, journal } = layers
  const status = statusOf(ports, options, layers)
  return {
    world,
    self,
    group,
    status,
    handler: buildApi(ports, options, { ...layers, status }),
    start: async () => {
      await links.start()
      await group.start()
      await blocks.start()
    },
    stop: async () => {
      const steps = [blocks, group, links].map((layer) => () => layer.stop())
      const closing = [vault, journal].map((store) => () => store.close())
      // One that fails must not leave the others open; the first failure is told in the end.
      const failures: unknown[] = []
      for (const step of [...steps, ...closing]) {
        const [result] = await Promise.allSettled([step()])
        if (result.status === 'rejected') failures.push(result.reason)
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}

type Closable = { close(): Promise<void> }

/**
 * True if a member of this world that has lost its memory comes back: the others are a quorum
 * without it, and have the state.
 */
export function survivesForgetting(crypto: Crypto, genesis: Genesis): boolean {
  const config = consensusConfigOf(crypto, genesis)
  return config.members.length > quorumOf(config)
}

/** @param build.stores takes what is open, for the caller to close when this fails. */
async function buildLayers(
  ports: KernelPorts,
  options: KernelOptions,
  build: { readonly altered: Alterations; readonly stores: Closable[] },
): Promise<Layers> {
  const { altered, stores } = build
  const { crypto, clock, random, log, metrics } = ports
  const { genesis, keys } = options
  const world = worldIdOf(crypto, genesis)
  const nodeKey = crypto.signKeyPair(keys.nodeSeed)
  const self = nodeIdOf(toHex(nodeKey.publicKey))
  const own = genesis.members.find(({ node }) => node === self)
  if (own === undefined) throw notOfThisWorld('this node is not in the genesis document')
  const linkKey = crypto.boxKeyPair(keys.linkSecret)
  const ownLinks = createLinks({
    ports: { ...ports, random: random.fork('links') },
    world,
    nodeKey,
    linkKey,
    computerKeys: keys.computerKeys,
    listenAddress: options.linkAddress,
    peers: options.peers,
  })
  const links = altered.links?.(ownLinks) ?? ownLinks
  const placement = createPlacement(crypto.sha256, placementEpochOf(genesis))
  const journal = await openJournal(ports, { world, keys })
  stores.push(journal)
  const trust = await openTrust({ log: log.for('trust'), metrics, journal })
  const blockNameKey = openBlockNameKey(crypto, keys.computerKeys, genesis.sealedBlockNameKey)
  if (blockNameKey === undefined) {
    throw notOfThisWorld('the computer key does not open the block-name key of genesis')
  }
  const vault = await openVault({
    ...ports,
    random: random.fork('vault'),
    storageKeys: keys.storageKeys,
    blockNameKey,
    partitionOf: (id) => placement.partitionOf(id),
  })
  stores.push(vault)
  const base = { self, world, crypto, clock, log, metrics, links }
  const group = await buildGroup({ ...base, journal, trust, nodeKey, random }, options, altered)
  const blocks = createBlocks({
    ...base,
    random: random.fork('blocks'),
    nodeSecretKey: nodeKey.secretKey,
    placement,
    vault,
    group,
    trust,
    journal,
    onFatal: options.onFatal,
  })
  return { world, self, links, trust, vault, placement, group, blocks, journal }
}

const notOfThisWorld = (what: string): KernelError =>
  new KernelError('kernel/not-of-this-world', `the keys do not fit the world: ${what}`, { what })

async function openJournal(
  ports: KernelPorts,
  input: { readonly world: WorldId; readonly keys: NodeKeys },
): Promise<Journal> {
  // The oldest storage key: journals are not sealed anew when the key for blocks rotates.
  const [oldest] = input.keys.storageKeys
  if (oldest === undefined) throw notOfThisWorld('the keyring has no storage key')
  const key = journalKeyOf(ports.crypto, { storageKey: oldest.key, world: input.world })
  const inner = await ports.journals.open('section')
  const random = ports.random.fork('journal')
  return sealedJournal({ crypto: ports.crypto, random }, key, inner)
}

async function buildGroup(
  base: Pick<KernelPorts, 'crypto' | 'clock' | 'log' | 'metrics'> &
    Pick<Layers, 'self' | 'world' | 'links' | 'journal' | 'trust'> & {
      readonly nodeKey: KeyPair
      readonly random: Random
    },
  options: KernelOptions,
  altered: Alterations,
): Promise<Group> {
  const { crypto, clock, log, self, world, links, journal, nodeKey, random, trust } = base
  const { genesis, keys, mayBeNew, onFatal } = options
  const config = consensusConfigOf(crypto, genesis)
  const members = config.members.map(({ node }) => node)
  const shared = {
    self,
    members,
    quorum: quorumOf(config),
    liarsMax: byzBound(config),
    clock,
    crypto,
    links,
    log: log.for('group'),
  }
  if (!members.includes(self)) {
    const epoch = new KnownEpoch({ ...shared, config, consensus: undefined })
    return createGroup({ ...shared, epoch, member: undefined, consensus: undefined })
  }
  const member: Member = new Member({
    world,
    crypto,
    clock,
    journal,
    initialState: initialState(crypto, genesis),
    log: log.for('group'),
    pool: (item) => consensus.submit(item),
    onSnapshot: (snapshot) => consensus.snapshot(snapshot),
    onFatal,
    ...options.member,
    ...(altered.execute === undefined ? {} : { execute: altered.execute }),
  })
  const consensus = createConsensus({
    ...base,
    config,
    consensusKeyPair: crypto.signKeyPair(keys.consensusSeed),
    mayBeNew,
    application: member,
    restoredHeight: await member.restore(),
    onFatal,
    onEvidence: (evidence) => {
      const { epoch, first, member: peer } = evidence
      trust.report({
        peer,
        kind: FaultKind.Equivocation,
        about: `epoch ${epoch} view ${first.view}`,
        evidence: encodeEvidence(evidence),
        isProof: true,
      })
    },
  })
  const identity = {
    world,
    nodeSecretKey: nodeKey.secretKey,
    random: random.fork('readmission'),
  }
  const epoch = new KnownEpoch({ ...shared, config, consensus })
  return createGroup({ ...shared, epoch, member, consensus, identity })
}

function buildApi(
  ports: KernelPorts,
  options: KernelOptions,
  layers: Layers & { readonly status: () => StatusBody },
): HttpHandler {
  const { crypto, clock, random, log, metrics } = ports
  const { group, blocks, world, placement } = layers
  const { genesis, keys, peers } = options
  const [root] = genesis.directories
  const newestComputerKey = keys.computerKeys.at(-1)
  if (root === undefined || newestComputerKey === undefined) {
    throw notOfThisWorld('genesis has no root directory, or the keyring no computer key')
  }
  const sessions = createSessions({
    world,
    clock,
    crypto,
    random: random.fork('users'),
    log,
    group,
  })
  const fileRandom = random.fork('objects')
  const files = new Files({
    crypto,
    random: fileRandom,
    group,
    blocks,
    wallMs: () => clock.wallMs(),
  })
  const namespace = new Namespace({
    crypto,
    random: random.fork('namespace'),
    group,
    root: root.view.object,
    everyoneKey: everyoneKeyOf(crypto, newestComputerKey.key),
  })
  const numbers = new Map(peers.map(({ node }, index) => [node, index + 1]))
  const filesystem = createFileSystem({
    crypto,
    namespace,
    files,
    replicasMax: placement.members.length,
    submit: (session, operations, call) => sessions.submit(session, operations, call),
    unusedObject: () => objectIdOf(toHex(fileRandom.bytes(objectIdBytes))),
    requestIdOf: (session, text) => sessions.requestIdOf(session, text),
    holderNumbers: (id, replicas) =>
      blocks.holdersOf(blockIdOf(id), replicas).map((node) => numbers.get(node) ?? 0),
  })
  return createApi({
    filesystem,
    authenticate: (bearer) => sessions.authenticate(bearer),
    status: layers.status,
    clock,
    log,
    metrics,
  })
}

function statusOf(ports: KernelPorts, options: KernelOptions, layers: Layers): () => StatusBody {
  const { self, world, links, trust, vault, group, blocks } = layers
  const { genesis, peers } = options
  const startMs = ports.clock.monotonicMs()
  const roles = new Map(genesis.members.map(({ node, role }) => [node, role]))
  const roleOf = (node: NodeId): 'member' | 'storage' => roles.get(node) ?? 'storage'
  return () => {
    const groupStatus = group.status()
    const vaultStatus = vault.status()
    const repair = blocks.status()
    const faults = new Map(trust.faults().map(({ peer, counts }) => [peer, counts]))
    return {
      product: 'unosys',
      version: options.version,
      world,
      n: peers.findIndex(({ node }) => node === self) + 1,
      role: roleOf(self),
      ready: groupStatus.reachableCount >= groupStatus.quorum && !groupStatus.catchingUp,
      uptimeMs: Math.round(ports.clock.monotonicMs() - startMs),
      group: {
        members: groupStatus.memberCount,
        quorum: groupStatus.quorum,
        reachable: groupStatus.reachableCount,
        height: groupStatus.height,
        view: groupStatus.view,
        catchingUp: groupStatus.catchingUp,
        votes: groupStatus.votes,
        epoch: groupStatus.epoch,
        stableHeight: groupStatus.stableHeight,
      },
      vault: {
        blocks: vaultStatus.blockCount,
        bytes: vaultStatus.storedBytes,
        freedBytes: groupStatus.freedBytes,
        nameChanged: vaultStatus.nameChangedCount,
        contentChanged: vaultStatus.contentChangedCount,
        missing: vaultStatus.missingCount,
        checkedHeight: repair.checkedHeight,
        awaited: repair.missingCount,
      },
      processors: peers.map(({ node }, index) => ({
        n: index + 1,
        up: node === self || links.isUp(node),
        self: node === self,
        role: roleOf(node),
        faults: { ...faults.get(node) },
      })),
      metrics: { ...ports.metrics.snapshot() },
    }
  }
}
