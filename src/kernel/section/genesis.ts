/**
 * From the genesis document to the world: its id, its first state, its group and its placement.
 * @pure
 */
import { assert } from '../../base/assert.ts'
import { compareText } from '../../base/bytes.ts'
import {
  type Digest,
  digestOf,
  type NodeId,
  type ObjectId,
  type PrincipalId,
  tagOf,
  type WorldId,
} from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ConsensusConfig } from '../consensus/interface.ts'
import { createPlacement, type PlacementEpoch } from '../placement/index.ts'
import { SectionCode, SectionError } from './errors.ts'
import { encodeGenesis } from './genesis-codec.ts'
import type { Genesis, GenesisDirectory } from './genesis-interface.ts'
import { type Entry, ObjectKind } from './interface.ts'
import { memberWeightMax, protocolVersion } from './limits.ts'
import { firstSeq } from './operations/create.ts'
import { principalIdOfKey, worldIdOfBytes } from './signing.ts'
import type { ObjectState, SectionState } from './state.ts'
import { emptyMaps } from './state-maps.ts'

/** `expiryMs` of a principal that does not expire. */
export const neverExpiresMs: number = Number.MAX_SAFE_INTEGER

/** SHA-256 over domain `worldId` and the document. */
export const worldIdOf = (crypto: Crypto, genesis: Genesis): WorldId =>
  worldIdOfBytes(crypto, encodeGenesis(genesis))

const firstConsensusEpoch = 1

const votersOf = (genesis: Genesis): { node: NodeId; consensusKey: Uint8Array }[] =>
  genesis.members
    .filter(({ role }) => role === 'member')
    .map(({ node, consensusKey }) => ({ node, consensusKey }))

/**
 * The group's configuration of consensus epoch 1; the log is named by the world, and builds on it.
 */
export function consensusConfigOf(crypto: Crypto, genesis: Genesis): ConsensusConfig {
  const world: Digest = digestOf(worldIdOf(crypto, genesis))
  return {
    group: world,
    epoch: firstConsensusEpoch,
    members: votersOf(genesis),
    genesis: world,
  }
}

/** Placement epoch 1: all members store, by weight. */
export const placementEpochOf = (genesis: Genesis): PlacementEpoch => ({
  epoch: 1,
  members: genesis.members.map(({ node, weight }) => ({ node, weight })),
})

/**
 * The state before the first block of the log.
 *
 * @throws SectionError `section/malformed`: the document contradicts itself; do not use it.
 */
export function initialState(crypto: Crypto, genesis: Genesis): SectionState {
  checkGenesis(crypto, genesis)
  const [firstDirectory] = genesis.directories
  assert(firstDirectory !== undefined, 'checked: there is a root directory')
  const epoch = placementEpochOf(genesis)
  let { objects, domains, principals } = emptyMaps
  for (const domain of genesis.domains) domains = domains.set(domain.domain, domain)
  for (const principal of genesis.principals)
    principals = principals.set(principal.principal, principal)
  const creator = creatorOf(genesis)
  for (const directory of genesis.directories) {
    const made = directoryState(genesis, directory, creator)
    objects = objects.set(made.object, made)
    const parent = made.parent === undefined ? undefined : objects.get(made.parent)
    if (parent !== undefined)
      objects = objects.set(parent.object, withEntry(parent, directory, made))
  }
  return {
    world: worldIdOf(crypto, genesis),
    protocol: genesis.protocol,
    rootDirectory: firstDirectory.view.object,
    height: 0,
    effectiveMs: genesis.createdMs,
    freedBytes: 0,
    consensus: {
      epoch: firstConsensusEpoch,
      members: votersOf(genesis).map((member) => ({ ...member, sinceMs: 0 })),
    },
    epochs: [epoch],
    objects,
    domains,
    principals,
    sessions: emptyMaps.sessions,
    accounts: emptyMaps.accounts,
    expiries: emptyMaps.expiries,
    stagedBlockCount: 0,
    placements: [createPlacement((...parts) => crypto.sha256(...parts), epoch)],
  }
}

/** The user who made what the world starts with: the first of the document. */
function creatorOf(genesis: Genesis): PrincipalId {
  const user = genesis.principals.find(({ kind }) => kind === 'user')
  assert(user !== undefined, 'checked: there is a user')
  return user.principal
}

function directoryState(
  genesis: Genesis,
  { view, parent }: GenesisDirectory,
  creator: PrincipalId,
): ObjectState {
  return {
    object: view.object,
    kind: ObjectKind.Directory,
    domain: view.domain,
    domainEpoch: view.domainEpoch,
    keyEpoch: view.keyEpoch,
    keySeq: firstSeq,
    wrappedKeys: view.wrappedKeys,
    replicas: view.replicas,
    attributes: view.attributes,
    creator,
    seq: firstSeq,
    createdMs: genesis.createdMs,
    changedMs: genesis.createdMs,
    parent,
    unlinkedMs: undefined,
    storedBytes: 0,
    entries: emptyMaps.entries,
    baseSeq: firstSeq,
    base: undefined,
    deltas: emptyMaps.deltas,
    deltaBytes: 0,
    tags: emptyMaps.tags,
    stages: emptyMaps.stages,
    stageNumber: 0,
  }
}

function withEntry(
  parent: ObjectState,
  { entryTag, sealedName }: GenesisDirectory,
  child: ObjectState,
): ObjectState {
  assert(entryTag !== undefined && sealedName !== undefined, 'checked: an entry has its name')
  const tag = tagOf(entryTag)
  const seq = parent.seq + 1
  const entry: Entry = {
    tag,
    seq,
    object: child.object,
    kind: child.kind,
    creator: child.creator,
    keyEpoch: parent.keyEpoch,
    sealedName,
  }
  return { ...parent, seq, entries: parent.entries.set(tag, entry) }
}

/**
 * Whether the document makes sense as a whole.
 *
 * @throws SectionError `section/malformed` with what does not.
 */
export function checkGenesis(crypto: Crypto, genesis: Genesis): void {
  expect(genesis.protocol === protocolVersion, 'made for another version of the protocol')
  checkMembers(genesis)
  checkPrincipals(crypto, genesis)
  const domainIds = genesis.domains.map(({ domain }) => domain)
  expect(isUnique(domainIds), 'a domain stands twice')
  const principalIds = new Set<string>(genesis.principals.map(({ principal }) => principal))
  for (const { grants } of genesis.domains) {
    for (const { principal } of grants)
      expect(principal === 'everyone' || principalIds.has(principal), 'a grant to nobody')
  }
  for (const { domain } of genesis.domainOfPath)
    expect(domainIds.includes(domain), 'a path without its domain')
  checkDirectories(genesis)
}

function expect(condition: boolean, what: string): void {
  if (condition) return
  throw new SectionError(SectionCode.Malformed, `genesis document: ${what}`, { what })
}

const isUnique = (items: readonly string[]): boolean => new Set(items).size === items.length

function checkMembers({ members, defaultReplicas }: Genesis): void {
  for (const [index, { node, weight }] of members.entries()) {
    const before = members[index - 1]
    expect(before === undefined || compareText(before.node, node) < 0, 'members not sorted')
    expect(weight >= 1 && weight <= memberWeightMax, 'a weight out of range')
  }
  const voterCount = members.filter(({ role }) => role === 'member').length
  expect(voterCount % 3 === 1, 'the group is not of 3f + 1 members')
  expect(defaultReplicas <= members.length, 'more replicas than members')
}

function checkPrincipals(crypto: Crypto, { principals }: Genesis): void {
  const byId = new Map(principals.map((principal) => [principal.principal, principal]))
  expect(byId.size === principals.length, 'a principal stands twice')
  expect(
    principals.some(({ kind }) => kind === 'user'),
    'no user',
  )
  for (const { principal, kind, owner, signKey } of principals) {
    expect(principalIdOfKey(crypto, signKey) === principal, 'a principal is not its key')
    expect(kind === 'token' || owner === principal, 'a user has another owner')
    expect(byId.get(owner)?.kind === 'user', 'an owner is no user')
  }
}

function checkDirectories({ directories, domains, members }: Genesis): void {
  const epochs = new Map(domains.map(({ domain, epoch }) => [domain, epoch]))
  const seen = new Set<ObjectId>()
  const tags = new Set<string>()
  for (const [index, { view, parent, entryTag, sealedName }] of directories.entries()) {
    expect(!seen.has(view.object), 'a directory stands twice')
    expect(epochs.get(view.domain) === view.domainEpoch, 'a directory without its domain')
    expect(view.replicas <= members.length, 'more replicas than members')
    const isRoot = index === 0
    const hasEntry = entryTag !== undefined && sealedName !== undefined
    expect(
      isRoot ? parent === undefined : parent !== undefined && seen.has(parent),
      'parents first',
    )
    expect(isRoot ? entryTag === undefined && sealedName === undefined : hasEntry, 'entry and name')
    expect(!tags.has(`${parent}.${entryTag}`), 'a name stands twice')
    seen.add(view.object)
    tags.add(`${parent}.${entryTag}`)
  }
  expect(directories.length > 0, 'no root directory')
}
