/**
 * Creating a world: keys and the genesis document are drawn in memory, then written, one folder for
 * each Processor. `world.json` gets its name last, when all else is durable: so there is either a
 * whole world in a folder or none, and a creation that broke off is known for one.
 *
 * Nothing secret is printed, returned or passed as an argument of a process: token and passphrase
 * go into files for their owner only.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { writeKeyring } from '../adapters/file-keyring.ts'
import { nodeClock } from '../adapters/node-clock.ts'
import { createNodeCrypto } from '../adapters/node-crypto.ts'
import { nodeRandom } from '../adapters/node-random.ts'
import { formatAddress, parseAddress } from '../adapters/ws-address.ts'
import { messageOf } from '../base/error.ts'
import type { WorldId } from '../base/ids.ts'
import { blockBytesDefault, encodeAttributes } from '../kernel/objects/index.ts'
import { type DrawnWorld, drawWorld } from '../kernel/users/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import { KeyringError } from '../ports/keyring.ts'
import type { Random } from '../ports/random.ts'
import { unfinished } from './read-world.ts'
import { WorldCode, WorldError } from './world-errors.ts'
import {
  makeFolder,
  secretMode,
  syncFolder,
  systemCodeOf,
  worldError,
  writeNew,
} from './world-files.ts'
import {
  httpPortDefault,
  nodesMax,
  type ProcessorConfig,
  portMax,
  processorFolder,
  processorPaths,
  unfinishedPath,
  type WorldConfig,
  worldFormat,
  worldNameCharactersMax,
  worldPaths,
} from './world-format.ts'

export type CreateWorldOptions = {
  /** Made if it is not there; must be empty. */
  readonly outFolder: string
  /** 1 … 16. The group is the largest 3f + 1 of them; the rest only stores. */
  readonly nodeCount: number
  /** For people; default `world`. */
  readonly name?: string
  /** Copies of what is made without a choice: 1 … `nodeCount`, default the lesser of 3 and it. */
  readonly defaultReplicas?: number
  /** Of the first Processor's API, the others count up; default 7300. */
  readonly httpPort?: number
  /** Of the first Processor's links on 127.0.0.1, the others count up; default 7400. */
  readonly linkPort?: number
  /** Instead of counting up: one for each Processor; 0: any that is free. */
  readonly httpPorts?: readonly number[]
  /** `host:port`, one for each Processor: where it listens and where the others find it. */
  readonly linkAddresses?: readonly string[]
  /** Ends the making: nothing is left behind then. */
  readonly signal?: AbortSignal
  /** Made-up ones make a world repeatable. */
  readonly ports?: { readonly crypto?: Crypto; readonly random?: Random; readonly clock?: Clock }
}

export type CreatedWorld = {
  readonly world: WorldId
  readonly config: WorldConfig
  readonly tokenFile: string
  readonly passphraseFile: string
}

export const linkPortDefault = 7400
const replicasDefault = 3
const nameDefault = 'world'

/**
 * Draw a world and write it to `outFolder`, durable when the promise resolves.
 *
 * @throws WorldError `world/bad-argument`, `world/exists`, `world/not-empty`, `world/incomplete`
 *   (of an earlier try), `world/unwritable` (nothing is left behind, or it is known as unfinished);
 *   the reason of `signal`.
 */
export async function createWorld(options: CreateWorldOptions): Promise<CreatedWorld> {
  const folder = resolve(options.outFolder)
  const plan = checked(options)
  await checkFree(folder)
  const {
    crypto = createNodeCrypto(),
    random = nodeRandom,
    clock = nodeClock,
  } = options.ports ?? {}
  const { nodeCount, defaultReplicas } = plan
  const drawn = await drawWorld(
    { crypto, random },
    { nodeCount, defaultReplicas, createdMs: clock.wallMs(), attributesOf },
  )
  const config = configOf(plan, drawn)
  const { signal } = options
  signal?.throwIfAborted()
  await makeFolder(folder)
  await begin(folder, config)
  try {
    await writeAll(folder, { config, drawn, signal })
  } catch (error) {
    const left = await removeAll(folder, config)
    if (left === undefined) signal?.throwIfAborted()
    throw asWorldError(error, folder, left)
  }
  await finish(folder)
  const { token, passphrase } = worldPaths(folder)
  return { world: drawn.world, config, tokenFile: token, passphraseFile: passphrase }
}

/** The directories below `/` bring their own defaults: they are volumes. */
const attributesOf = (path: string): Uint8Array =>
  encodeAttributes({ volume: path !== '/', blockBytes: blockBytesDefault })

type Plan = {
  readonly nodeCount: number
  readonly name: string
  readonly defaultReplicas: number
  readonly httpPorts: readonly number[]
  readonly linkAddresses: readonly string[]
}

function refuse(path: string, message: string): never {
  throw new WorldError(WorldCode.BadArgument, message, { path })
}

const isWithin = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max

function checked(options: CreateWorldOptions): Plan {
  const { outFolder, nodeCount, name = nameDefault } = options
  const refused = (message: string): never => refuse(outFolder, message)
  if (!isWithin(nodeCount, 1, nodesMax)) refused(`a world has 1 to ${nodesMax} Processors`)
  const { defaultReplicas = Math.min(replicasDefault, nodeCount) } = options
  if (!isWithin(defaultReplicas, 1, nodeCount)) {
    refused(`replicas must be from 1 to ${nodeCount}: the world has ${nodeCount} Processors`)
  }
  if (name.length < 1 || name.length > worldNameCharactersMax || !name.isWellFormed()) {
    refused(`a name has 1 to ${worldNameCharactersMax} characters`)
  }
  const { httpPort = httpPortDefault, linkPort = linkPortDefault } = options
  const count = <Item>(item: (index: number) => Item): Item[] =>
    Array.from({ length: nodeCount }, (_, index) => item(index))
  const httpPorts = options.httpPorts ?? count((index) => httpPort + index)
  const linkAddresses =
    options.linkAddresses ??
    count((index) => formatAddress({ host: '127.0.0.1', port: linkPort + index }))
  if (httpPorts.length !== nodeCount || linkAddresses.length !== nodeCount) {
    refused('as many ports and addresses as Processors')
  }
  if (!httpPorts.every((port) => isWithin(port, 0, portMax))) {
    refused(`ports are from 0 to ${portMax}`)
  }
  const fixedPorts = httpPorts.filter((port) => port !== 0)
  if (new Set(fixedPorts).size !== fixedPorts.length) refused('two Processors on one port')
  for (const address of linkAddresses) {
    if (parseAddress(address) === undefined) refused(`${address} is not host:port`)
  }
  if (new Set(linkAddresses).size !== nodeCount) refused('two Processors on one address')
  return { nodeCount, name, defaultReplicas, httpPorts, linkAddresses }
}

/** @throws WorldError */
async function checkFree(folder: string): Promise<void> {
  let entries: string[]
  try {
    entries = await readdir(folder)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return
    throw worldError(WorldCode.Unwritable, folder, error)
  }
  if (entries.includes('world.json')) {
    throw worldError(WorldCode.Exists, folder, 'there is a world already')
  }
  if (entries.includes('world.json.unfinished')) throw unfinished(folder)
  if (entries.length > 0) throw worldError(WorldCode.NotEmpty, folder, 'is not empty')
}

function configOf(plan: Plan, drawn: DrawnWorld): WorldConfig {
  const processors = drawn.nodes.map(({ node, role }, index) => ({
    n: index + 1,
    node,
    role,
    linkAddress: plan.linkAddresses[index] ?? '',
    httpPort: plan.httpPorts[index] ?? 0,
  }))
  return { format: worldFormat, world: drawn.world, name: plan.name, processors }
}

const textOf = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** From here on the folder is taken. Of two creators at once, one stops here. */
async function begin(folder: string, config: WorldConfig): Promise<void> {
  try {
    await writeNew(unfinishedPath(folder), textOf(config))
    await syncFolder(folder)
  } catch (error) {
    if (error instanceof WorldError && error.code === WorldCode.Exists) throw unfinished(folder)
    throw error
  }
}

async function writeAll(
  folder: string,
  world: {
    readonly config: WorldConfig
    readonly drawn: DrawnWorld
    readonly signal: AbortSignal | undefined
  },
): Promise<void> {
  const { config, drawn, signal } = world
  for (const [index, { keys }] of drawn.nodes.entries()) {
    signal?.throwIfAborted()
    const inner = processorFolder(folder, index + 1)
    const paths = processorPaths(inner)
    await makeFolder(inner)
    await writeNew(paths.genesis, drawn.genesisBytes)
    await writeNew(paths.config, textOf(processorConfigOf(config, index + 1)))
    await writeKeyring(paths.keyring, keys)
    await writeNew(paths.neverStarted, '')
    await syncFolder(inner)
  }
  const paths = worldPaths(folder)
  await writeNew(paths.token, `${drawn.token}\n`, secretMode)
  await writeNew(paths.passphrase, `${drawn.passphrase}\n`, secretMode)
  await syncFolder(folder)
}

/** All is durable: now it is a world. */
async function finish(folder: string): Promise<void> {
  try {
    await rename(unfinishedPath(folder), worldPaths(folder).config)
  } catch (error) {
    throw worldError(WorldCode.Unwritable, folder, error)
  }
  await syncFolder(folder)
  await syncFolder(dirname(folder))
}

function processorConfigOf({ processors, ...world }: WorldConfig, n: number): ProcessorConfig {
  const [own] = processors.filter((processor) => processor.n === n)
  if (own === undefined) throw new RangeError(`no Processor ${n}`)
  const peers = processors
    .filter((processor) => processor.n !== n)
    .map(({ n: number, node, linkAddress }) => ({ n: number, node, address: linkAddress }))
  return { ...world, ...own, peers }
}

/** Take back what was written, the mark of an unfinished world last. The result: why not all. */
async function removeAll(folder: string, config: WorldConfig): Promise<string | undefined> {
  const { token, passphrase } = worldPaths(folder)
  try {
    for (const { n } of config.processors) {
      await rm(processorFolder(folder, n), { recursive: true, force: true })
    }
    for (const path of [token, passphrase, unfinishedPath(folder)]) await rm(path, { force: true })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** @param left why a part of the world could not be removed. */
function asWorldError(error: unknown, folder: string, left: string | undefined): unknown {
  const isSystem = systemCodeOf(error) !== undefined
  if (!(error instanceof WorldError || error instanceof KeyringError || isSystem)) return error
  const rest = left === undefined ? '' : ` (and a part of the world stays there: ${left})`
  return worldError(WorldCode.Unwritable, folder, `${messageOf(error)}${rest}`)
}
