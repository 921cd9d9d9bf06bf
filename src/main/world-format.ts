/**
 * The files of a world on disk, as one machine keeps them.
 *
 *   <out>/world.json       what processors there are; written last: without it there is no world
 *   <out>/token            the owner's full token, one line, mode 0600
 *   <out>/passphrase       the owner's passphrase, one line, mode 0600
 *   <out>/<k>/             all that Processor k needs; may be moved to another machine
 *     processor.json       who it is, where it listens, where its peers are
 *     genesis              the document that the world starts from, the same in each folder
 *     keyring              its keys, mode 0600 (development adapter)
 *
 * Vault, journal and state are made beside them by the Processor itself.
 */
import { z } from 'zod'
import { parseAddress } from '../adapters/ws-address.ts'
import {
  isHexOf,
  type NodeId,
  nodeIdBytes,
  nodeIdOf,
  type WorldId,
  worldIdOf,
} from '../base/ids.ts'
import { nodesMax, portMax } from './world-layout.ts'

export * from './world-layout.ts'

/** Of `world.json` and `processor.json`. Another number is another program's. */
export const worldFormat = 1

export const worldNameCharactersMax = 64
/** Of `world.json` and `processor.json`: 16 Processors take 4 KiB. */
export const configBytesMax = 64 * 1024

const node = z
  .string()
  .refine((text) => isHexOf(text, nodeIdBytes), 'not a node id')
  .transform((text): NodeId => nodeIdOf(text))
const world = z
  .string()
  .refine((text) => isHexOf(text, 32), 'not a world id')
  .transform((text): WorldId => worldIdOf(text))
const port = z.int().min(0).max(portMax)
const address = z
  .string()
  .max(300)
  .refine((text) => parseAddress(text) !== undefined, 'not host:port')
const name = z.string().min(1).max(worldNameCharactersMax)
const number = z.int().min(1).max(nodesMax)
const role = z.enum(['member', 'storage'])
const format = z.literal(worldFormat)

const peerSchema = z.strictObject({ n: number, node, address })

export const processorSchema = z.strictObject({
  format,
  world,
  name,
  /** Counts the Processors of a world from 1; how operators call them. */
  n: number,
  node,
  role,
  /** Where it listens for links, and where its peers find it. */
  linkAddress: address,
  /** Of the API, on 127.0.0.1. */
  httpPort: port,
  /** All other Processors of the world. */
  peers: z.array(peerSchema).max(nodesMax),
})

export const worldSchema = z.strictObject({
  format,
  world,
  name,
  processors: z
    .array(z.strictObject({ n: number, node, role, linkAddress: address, httpPort: port }))
    .min(1)
    .max(nodesMax),
})

export type ProcessorConfig = z.infer<typeof processorSchema>
export type WorldConfig = z.infer<typeof worldSchema>
