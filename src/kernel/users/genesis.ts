/**
 * Drawing a world: the keys of its Processors and the one document that it starts from. Everything
 * random comes from the random port, in named streams, so that a seed gives a world.
 *
 * What stands in the first state, and who may do what there:
 *
 * | Directory | Owner | Everyone | Why |
 * | --- | --- | --- | --- |
 * | `/` | all | read | everybody must find what lies below |
 * | `/public` | all | read, write, create, each only what he made | the common ground |
 * | `/home` | all | nothing | names of users are theirs; a user is granted read when he is added |
 * | `/apps` | all | read | applications are installed by the owner and run by all |
 *
 * Each has an access domain of its own, so that one can change without the others. What is granted
 * to `everyone` can be opened by every Processor of the world: docs/spec/keys.md says so.
 */
import { assert } from '../../base/assert.ts'
import { compareText, toHex } from '../../base/bytes.ts'
import {
  type DomainId,
  domainIdBytes,
  type NodeId,
  type ObjectId,
  objectIdBytes,
  type WorldId,
} from '../../base/ids.ts'
import { type AeadKey, aeadKeyBytes, signSeedBytes } from '../../ports/crypto.ts'
import type { ComputerKey, NodeKeys } from '../../ports/keyring.ts'
import {
  createDomainKey,
  createObjectKeys,
  type DomainKey,
  entryTag,
  everyoneKeyOf,
  freshKey,
  type ObjectKeys,
  type PrincipalKeys,
  type SealPorts,
  sealAttributes,
  sealBlockNameKey,
  sealEntryName,
  wrapDomainKey,
  wrapDomainKeyForEveryone,
} from '../keys/index.ts'
import {
  type DomainView,
  encodeGenesis,
  type Genesis,
  type GenesisDirectory,
  type GenesisMember,
  neverExpiresMs,
  protocolVersion,
  Rights,
  worldIdOfBytes,
} from '../section/index.ts'
import { drawPassphrase } from './passphrase.ts'
import { formatToken } from './token.ts'
import { createToken } from './token-record.ts'
import { createUser } from './user-record.ts'

export type WorldPlan = {
  /** At least 1. The group is the first of them; the rest only stores. */
  readonly nodeCount: number
  /** n; the largest 3f + 1 of `nodeCount` when not given. */
  readonly groupSize?: number
  /** q, where it is more than the default for n. */
  readonly quorum?: number
  /** From 1 to `nodeCount`. */
  readonly defaultReplicas: number
  readonly createdMs: number
  /** Attributes of a first directory, in the clear: their format belongs to a layer above. */
  readonly attributesOf: (path: string) => Uint8Array
}

export type DrawnNode = {
  readonly node: NodeId
  readonly role: GenesisMember['role']
  readonly keys: NodeKeys
}

export type DrawnWorld = {
  readonly world: WorldId
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  /** In the order in which they were drawn. */
  readonly nodes: readonly DrawnNode[]
  /** The owner's full token. Secret. */
  readonly token: string
  /** The owner's. Secret. */
  readonly passphrase: string
}

const firstEpoch = 1
const saltBytes = 32
const weight = 1
const allRights = Rights.Read | Rights.Write | Rights.Create | Rights.Admin

/** Members of the group: the largest 3f + 1 of `nodeCount`. */
export const groupSizeOf = (nodeCount: number): number => 3 * Math.floor((nodeCount - 1) / 3) + 1

type Place = {
  readonly path: string
  /** Undefined for the root. */
  readonly name: string | undefined
  readonly everyone: number
  readonly ownOnly: boolean
}

const places: readonly Place[] = [
  { path: '/', name: undefined, everyone: Rights.Read, ownOnly: false },
  {
    path: '/public',
    name: 'public',
    everyone: Rights.Read | Rights.Write | Rights.Create,
    ownOnly: true,
  },
  { path: '/home', name: 'home', everyone: 0, ownOnly: false },
  { path: '/apps', name: 'apps', everyone: Rights.Read, ownOnly: false },
]

/** Draw a world. Takes as long as one hash of a passphrase, about 200 ms. */
export async function drawWorld(ports: SealPorts, plan: WorldPlan): Promise<DrawnWorld> {
  const { crypto, random } = ports
  const { nodeCount, defaultReplicas } = plan
  assert(Number.isSafeInteger(nodeCount) && nodeCount >= 1, 'a world has a Processor')
  assert(defaultReplicas >= 1 && defaultReplicas <= nodeCount, 'as many replicas as Processors')
  const world = { crypto, random: random.fork('world') }
  const computerKey: ComputerKey = { epoch: firstEpoch, key: freshKey(world) }
  const { groupSize = groupSizeOf(nodeCount), quorum } = plan
  assert(groupSize >= 1 && groupSize <= nodeCount, 'members are Processors of the world')
  const nodes = drawNodes(ports, { nodeCount, groupSize, computerKey })
  const users = { crypto, random: random.fork('owner') }
  const passphrase = drawPassphrase(users.random)
  const forever = { rights: allRights, expiryMs: neverExpiresMs }
  const owner = await createUser(users, { passphrase, ...forever })
  const token = createToken(users, { owner: owner.keys, ...forever })
  const genesis: Genesis = {
    protocol: protocolVersion,
    salt: world.random.bytes(saltBytes),
    createdMs: plan.createdMs,
    members: nodes.map((node) => memberOf(ports, node)).sort((a, b) => compareText(a.node, b.node)),
    defaultReplicas,
    principals: [owner.view, token.view],
    ...drawDirectories(world, plan, {
      owner: owner.keys,
      everyoneKey: everyoneKeyOf(crypto, computerKey.key),
    }),
    sealedBlockNameKey: sealBlockNameKey(world, computerKey, freshKey(world)),
    ...(quorum !== undefined && { quorum }),
  }
  const genesisBytes = encodeGenesis(genesis)
  return {
    world: worldIdOfBytes(crypto, genesisBytes),
    genesis,
    genesisBytes,
    nodes,
    token: formatToken(token.token),
    passphrase,
  }
}

function drawNodes(
  ports: SealPorts,
  plan: {
    readonly nodeCount: number
    readonly groupSize: number
    readonly computerKey: ComputerKey
  },
): DrawnNode[] {
  const { computerKey, groupSize, nodeCount } = plan
  return Array.from({ length: nodeCount }, (_, index) => {
    const random = ports.random.fork(`node-${index + 1}`)
    const keys: NodeKeys = {
      nodeSeed: random.bytes(signSeedBytes),
      consensusSeed: random.bytes(signSeedBytes),
      linkSecret: random.bytes(aeadKeyBytes),
      storageKeys: [{ epoch: firstEpoch, key: random.bytes(aeadKeyBytes) }],
      computerKeys: [computerKey],
    }
    const { publicKey } = ports.crypto.signKeyPair(keys.nodeSeed)
    const role = index < groupSize ? 'member' : 'storage'
    return { node: toHex(publicKey) as NodeId, role, keys }
  })
}

function memberOf({ crypto }: SealPorts, { node, role, keys }: DrawnNode): GenesisMember {
  return {
    node,
    linkKey: crypto.boxKeyPair(keys.linkSecret).publicKey,
    consensusKey: crypto.signKeyPair(keys.consensusSeed).publicKey,
    role,
    weight,
  }
}

type Keepers = { readonly owner: PrincipalKeys; readonly everyoneKey: AeadKey }

function drawDirectories(
  ports: SealPorts,
  plan: WorldPlan,
  keepers: Keepers,
): Pick<Genesis, 'domains' | 'directories' | 'domainOfPath'> {
  const domains: DomainView[] = []
  const directories: GenesisDirectory[] = []
  const domainOfPath: { path: string; domain: DomainId }[] = []
  let root: ObjectKeys | undefined
  for (const place of places) {
    const domain = toHex(ports.random.bytes(domainIdBytes)) as DomainId
    const domainKey = createDomainKey(ports, domain)
    const object = toHex(ports.random.bytes(objectIdBytes)) as ObjectId
    const { keys, wrapped } = createObjectKeys(ports, { object, domainKey })
    domains.push(domainViewOf(ports, place, { domainKey, keepers }))
    domainOfPath.push({ path: place.path, domain })
    const view = {
      object,
      domain,
      domainEpoch: domainKey.epoch,
      keyEpoch: keys.epoch,
      wrappedKeys: wrapped,
      replicas: plan.defaultReplicas,
      attributes: sealAttributes(ports, keys, plan.attributesOf(place.path)),
    }
    directories.push({ view, ...entryIn(ports, root, { name: place.name, object }) })
    root ??= keys
  }
  return { domains, directories, domainOfPath }
}

function domainViewOf(
  ports: SealPorts,
  { everyone, ownOnly }: Place,
  { domainKey, keepers }: { readonly domainKey: DomainKey; readonly keepers: Keepers },
): DomainView {
  const { owner, everyoneKey } = keepers
  const wrap = owner.wraps.find(({ principal }) => principal === owner.principal)
  assert(wrap !== undefined, 'a user has a wrap key')
  const { principal } = owner
  const wrapKey = wrap.pair.publicKey
  const wrapped = wrapDomainKey(ports, domainKey, { principal, wrapKey })
  assert(wrapped !== undefined, 'a wrap key that was just drawn is a good one')
  const grants: DomainView['grants'][number][] = [{ principal, rights: allRights, wrapped }]
  if (everyone !== 0) {
    const forAll = wrapDomainKeyForEveryone(ports, domainKey, everyoneKey)
    grants.push({ principal: 'everyone', rights: everyone, wrapped: forAll })
  }
  return { domain: domainKey.domain, epoch: domainKey.epoch, seq: 1, grants, ownOnly }
}

function entryIn(
  ports: SealPorts,
  root: ObjectKeys | undefined,
  { name, object }: { readonly name: string | undefined; readonly object: ObjectId },
): Pick<GenesisDirectory, 'parent' | 'entryTag' | 'sealedName'> {
  if (root === undefined || name === undefined) {
    return { parent: undefined, entryTag: undefined, sealedName: undefined }
  }
  const tag = entryTag(ports.crypto, root, name)
  const directory = root.object
  const sealedName = sealEntryName(ports, root, { directory, tag, object, name })
  return { parent: directory, entryTag: tag, sealedName }
}
