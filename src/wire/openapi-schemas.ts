/** The zod schemas of the API as JSON Schema 2020-12, which is what OpenAPI 3.1 speaks. */
import { z } from 'zod'
import {
  blockMapSchema,
  changeSchema,
  fileInfoSchema,
  listingSchema,
  problemSchema,
  statusSchema,
} from './schemas.ts'

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

export type JsonObject = { readonly [name: string]: JsonValue }

const named = {
  FileInfo: fileInfoSchema,
  Listing: listingSchema,
  BlockMap: blockMapSchema,
  Change: changeSchema,
  Problem: problemSchema,
  Status: statusSchema,
} as const

export type SchemaName = keyof typeof named

export const schemaRef = (name: SchemaName): JsonObject => ({
  $ref: `#/components/schemas/${name}`,
})

/** `#/components/schemas`: every named schema, referring to each other by `$ref`. */
export function componentSchemas(): JsonObject {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` })
  const made = Object.entries(schemas as JsonObject).map(([id, schema]) => [id, plain(schema)])
  return Object.fromEntries(made) as JsonObject
}

/** One OpenAPI parameter for each query parameter that the schema takes. */
export function queryParameters(
  schema: z.ZodObject,
  descriptions: Readonly<Record<string, string>>,
): readonly JsonObject[] {
  return Object.entries(schema.shape).map(([name, parameter]) => {
    const described = parameterSchema(parameter)
    return {
      name,
      in: 'query',
      required: false,
      description: descriptions[name] ?? '',
      ...(isFlag(described) ? { allowEmptyValue: true } : {}),
      schema: described,
    }
  })
}

/**
 * What a parameter means: a number, although it arrives as text. A flag becomes something that JSON
 * Schema cannot say, and is described as the client writes it.
 */
function parameterSchema(parameter: z.core.$ZodType): JsonValue {
  const meant = plain(z.toJSONSchema(parameter, { unrepresentable: 'any' }) as JsonObject)
  if (Object.keys(meant as JsonObject).length > 0) return meant
  return plain(z.toJSONSchema(parameter, { io: 'input' }) as JsonObject)
}

function isFlag(schema: JsonValue): boolean {
  const choices = (schema as { enum?: readonly JsonValue[] }).enum
  return choices?.includes('') === true
}

/** What zod adds for a schema that stands alone, and for numbers without a bound of their own. */
function plain(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const kept: [string, JsonValue][] = []
  for (const [name, inner] of Object.entries(value)) {
    if (name === '$schema' || name === '$id') continue
    if (name === 'minimum' && inner === Number.MIN_SAFE_INTEGER) continue
    if (name === 'maximum' && inner === Number.MAX_SAFE_INTEGER) continue
    kept.push([name, plain(inner)])
  }
  return Object.fromEntries(kept)
}
