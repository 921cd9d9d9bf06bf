/**
 * Shapes of the HTTP API, shared by the Processor, the SDK and the console. The OpenAPI document
 * is made from them. zod interprets its schemas here (`jitless`): Processors run without code
 * generation from strings.
 */
import { config, z } from 'zod'
import {
  blockBytesMax,
  blockBytesMin,
  blockMapLimitMax,
  deadlineMsMax,
  deadlineMsMin,
  listLimitMax,
  pathBytesMax,
  sizeMax,
} from './limits.ts'

config({ jitless: true })

const size = z.number().int().min(0).max(sizeMax)
const timeMs = z.number().int().min(0)

export const fileInfoSchema = z
  .strictObject({
    name: z.string().describe('Last name of the path; empty for /'),
    path: z.string(),
    kind: z.enum(['file', 'directory', 'volume']),
    id: z.string().describe('Stable over renames'),
    etag: z.string().describe('Strong validator, quoted'),
    createdMs: timeMs,
    modifiedMs: timeMs,
    size: size.describe('Files: bytes. Directories: number of entries'),
    blockBytes: z.number().int(),
    replicas: z.number().int(),
  })
  .meta({ id: 'FileInfo' })
export type FileInfoBody = z.infer<typeof fileInfoSchema>

export const listingSchema = z
  .strictObject({
    directory: fileInfoSchema,
    entries: z.array(fileInfoSchema),
    cursor: z.string().optional().describe('For the next page; absent on the last one'),
    damagedCount: z.number().int().describe('Entries that cannot be shown by name'),
  })
  .meta({ id: 'Listing' })
export type ListingBody = z.infer<typeof listingSchema>

export const blockMapSchema = z
  .strictObject({
    blockCount: z.number().int(),
    blocks: z.array(
      z.strictObject({
        index: z.number().int(),
        id: z.string(),
        holders: z.array(z.number().int()).describe('Numbers of Processors of the world'),
      }),
    ),
  })
  .meta({ id: 'BlockMap' })
export type BlockMapBody = z.infer<typeof blockMapSchema>

export const problemSchema = z
  .looseObject({
    type: z.string().describe('urn:unosys:problem:<code>'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe('What to do, for a person'),
    code: z.string().describe('Stable, for a program'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' })
export type ProblemBody = z.infer<typeof problemSchema>

export const changeSchema = z
  .discriminatedUnion('op', [
    z.strictObject({ op: z.literal('truncate'), size }),
    z.strictObject({
      op: z.literal('rename'),
      to: z.string().min(1).max(pathBytesMax),
      replace: z.boolean().optional(),
    }),
  ])
  .meta({ id: 'Change' })
export type ChangeBody = z.infer<typeof changeSchema>

/** Query parameters and headers arrive as text: digits only (`Number('')` would be 0). */
const whole = (min: number, max: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .pipe(z.coerce.number<string>().int().min(min).max(max))

/**
 * Of numbers whose bounds are the file system's to check: one code for all that lie outside, also
 * where the world sets the bound.
 */
const bounded = (minimum: number, maximum: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .pipe(z.coerce.number<string>().int().meta({ minimum, maximum }))

/** `''` stands for a flag without a value. */
const flag = z
  .enum(['', 'true', 'false', '1', '0'])
  .transform((text) => text !== 'false' && text !== '0')

export const creationQuerySchema = z.strictObject({
  blockBytes: bounded(blockBytesMin, blockBytesMax).optional(),
  replicas: bounded(1, 255).optional(),
  parents: flag.optional(),
  kind: z.enum(['file', 'directory', 'volume']).optional(),
})

export const readQuerySchema = z.strictObject({
  view: z.enum(['content', 'info', 'blocks']).optional(),
  cursor: z.string().max(512).optional(),
  limit: whole(1, Math.max(listLimitMax, blockMapLimitMax)).optional(),
  fromBlock: whole(0, Number.MAX_SAFE_INTEGER).optional(),
})

export const patchQuerySchema = z.strictObject({
  at: z
    .union([z.literal('end'), whole(0, sizeMax)], {
      error: `must be "end", or a whole number from 0 to ${sizeMax}`,
    })
    .optional(),
})

export const emptyQuerySchema = z.strictObject({})

export const deadlineSchema = whole(deadlineMsMin, deadlineMsMax)

const processorStatusSchema = z.strictObject({
  n: z.number().int().describe('Number of the Processor in its world'),
  up: z.boolean(),
  self: z.boolean(),
  role: z.enum(['member', 'storage']),
  faults: z.record(z.string(), z.number().int()).describe('Reported by this Processor, by kind'),
})

export const statusSchema = z
  .strictObject({
    product: z.literal('unosys'),
    version: z.string(),
    world: z.string().describe('World id'),
    n: z.number().int(),
    role: z.enum(['member', 'storage']),
    ready: z.boolean().describe('A quorum of the group answers'),
    uptimeMs: z.number().int(),
    group: z.strictObject({
      members: z.number().int(),
      quorum: z.number().int(),
      reachable: z.number().int(),
      height: z.number().int(),
      view: z.number().int(),
      catchingUp: z.boolean(),
      votes: z.boolean().describe('False after its memory of votes was lost, until readmitted'),
      epoch: z.number().int().describe('Consensus epochs; each readmission begins one'),
      stableHeight: z.number().int().describe('Of the newest checkpoint; older log is not kept'),
    }),
    vault: z.strictObject({
      blocks: z.number().int(),
      bytes: z.number().int(),
      freedBytes: z.number().int().describe('Superseded and orphaned; kept for now'),
      nameChanged: z.number().int(),
      contentChanged: z.number().int(),
      missing: z.number().int(),
      checkedHeight: z.number().int().describe('All blocks up to it are here or were fetched'),
      awaited: z.number().int().describe('Blocks that should be here and could not be fetched yet'),
    }),
    processors: z.array(processorStatusSchema),
    metrics: z.record(z.string(), z.number()),
  })
  .meta({ id: 'Status' })
export type StatusBody = z.infer<typeof statusSchema>
