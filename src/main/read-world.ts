/** Reading what `createWorld` wrote. */
import { access } from 'node:fs/promises'
import type { z } from 'zod'
import { prettifyError } from 'zod'
import { createNodeCrypto } from '../adapters/node-crypto.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { CodecError, Reader } from '../base/codec.ts'
import {
  checkGenesis,
  decodeGenesis,
  type Genesis,
  protocolVersion,
  SectionError,
  worldIdOfBytes,
} from '../kernel/section/index.ts'
import { WorldCode, WorldError } from './world-errors.ts'
import { readBounded, worldError } from './world-files.ts'
import {
  configBytesMax,
  type ProcessorConfig,
  processorPaths,
  processorSchema,
  unfinishedPath,
  type WorldConfig,
  worldFormat,
  worldPaths,
  worldSchema,
} from './world-format.ts'

/** 1,024 members and the most principals and domains that a document can have. */
const genesisBytesMax = 64 * 1024 * 1024

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    // Whatever the reason: reading it would fail, and that says why.
    return false
  }
}

function parseJson(path: string, bytes: Uint8Array): unknown {
  const text = fromUtf8(bytes)
  if (text === undefined) throw worldError(WorldCode.Malformed, path, 'is not text')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw worldError(WorldCode.Malformed, path, error)
  }
}

/** The format is looked at first: a file of another version need not fit the schema of this one. */
function checkFormat(path: string, value: unknown): void {
  const format = typeof value === 'object' && value !== null && 'format' in value && value.format
  if (typeof format !== 'number')
    throw worldError(WorldCode.Malformed, path, 'has no format number')
  if (format === worldFormat) return
  const message = `was made by another version of UnoSys (format ${format}, this one has ${worldFormat})`
  throw worldError(WorldCode.OtherVersion, path, message)
}

async function readConfig<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const value = parseJson(path, await readBounded(path, configBytesMax))
  checkFormat(path, value)
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw worldError(WorldCode.Malformed, path, prettifyError(parsed.error))
}

/**
 * The world in a folder.
 *
 * @throws WorldError `world/missing`, `world/incomplete`, `world/other-version`, `world/malformed`,
 *   `world/unreadable`.
 */
export async function readWorld(folder: string): Promise<WorldConfig> {
  const { config } = worldPaths(folder)
  try {
    return await readConfig(config, worldSchema)
  } catch (error) {
    const isMissing = error instanceof WorldError && error.code === WorldCode.Missing
    if (!isMissing || !(await isThere(unfinishedPath(folder)))) throw error
    throw unfinished(folder)
  }
}

export const unfinished = (folder: string): WorldError =>
  worldError(
    WorldCode.Incomplete,
    folder,
    'the creation of this world did not come to its end; remove the folder and create it again',
  )

/** What Processor k finds in its folder. */
export type ProcessorFiles = {
  readonly config: ProcessorConfig
  readonly genesis: Genesis
  readonly genesisBytes: Uint8Array
  /** For the keyring adapter. */
  readonly keyringPath: string
}

/**
 * The folder of one Processor: its configuration, and the genesis document, checked against the
 * world id and as a whole.
 *
 * @throws WorldError `world/missing`, `world/other-version`, `world/malformed`, `world/unreadable`.
 */
export async function readProcessor(folder: string): Promise<ProcessorFiles> {
  const paths = processorPaths(folder)
  const config = await readConfig(paths.config, processorSchema)
  const genesisBytes = await readBounded(paths.genesis, genesisBytesMax)
  const crypto = createNodeCrypto()
  if (worldIdOfBytes(crypto, genesisBytes) !== config.world) {
    throw worldError(WorldCode.Malformed, paths.genesis, 'is not the document of this world')
  }
  const genesis = parseGenesis(paths.genesis, genesisBytes)
  const member = genesis.members.find(({ node }) => node === config.node)
  if (member?.role !== config.role) {
    throw worldError(WorldCode.Malformed, paths.config, 'is not a Processor of this world')
  }
  return { config, genesis, genesisBytes, keyringPath: paths.keyring }
}

function parseGenesis(path: string, bytes: Uint8Array): Genesis {
  try {
    const protocol = new Reader(bytes).u32()
    if (protocol !== protocolVersion) {
      const message = `was made by another version of UnoSys (protocol ${protocol}, this one speaks ${protocolVersion})`
      throw worldError(WorldCode.OtherVersion, path, message)
    }
    const genesis = decodeGenesis(bytes)
    checkGenesis(createNodeCrypto(), genesis)
    return genesis
  } catch (error) {
    if (!(error instanceof CodecError || error instanceof SectionError)) throw error
    throw worldError(WorldCode.Malformed, path, error)
  }
}

const textBytesMax = 4 * 1024

/** The one line of a file of secrets; not for logs. @throws WorldError */
export async function readLine(path: string): Promise<string> {
  const text = fromUtf8(await readBounded(path, textBytesMax))
  const line = text?.trim()
  if (line === undefined || line === '' || line.includes('\n')) {
    throw worldError(WorldCode.Malformed, path, 'is not one line of text')
  }
  return line
}
