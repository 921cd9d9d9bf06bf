import type { ZodType } from 'zod'

/** The value, or one sentence on what is wrong with the first part that is. */
export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly why: string }

/** Check anything from outside against a schema. */
export function parseWith<Value>(schema: ZodType<Value>, given: unknown): Parsed<Value> {
  const parsed = schema.safeParse(given)
  if (parsed.success) return { ok: true, value: parsed.data }
  const [issue] = parsed.error.issues
  const at = issue?.path.join('.') ?? ''
  const why = issue?.message ?? 'not valid'
  return { ok: false, why: at === '' ? why : `${at}: ${why}` }
}

/** A schema, for callers that may not import the library that makes them. */
export type Schema<Value> = ZodType<Value>
