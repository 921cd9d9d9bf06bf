/** Every code of the layers below, as the file system's callers see it. */
import { isUnosysError, messageOf } from '../../base/error.ts'
import { FileCode, FileError } from './errors.ts'

const codeOf: Readonly<Record<string, FileCode>> = {
  'namespace/bad-path': FileCode.BadPath,
  'namespace/not-found': FileCode.NotFound,
  'namespace/not-directory': FileCode.WrongKind,
  'namespace/denied': FileCode.Denied,
  'namespace/bad-cursor': FileCode.BadArgument,
  'namespace/busy': FileCode.Conflict,
  'objects/not-found': FileCode.NotFound,
  'objects/conflict': FileCode.Conflict,
  'objects/changed': FileCode.Precondition,
  'objects/damaged': FileCode.Damaged,
  'objects/too-large': FileCode.TooLarge,
  'objects/refused': FileCode.Conflict,
  'objects/request-reused': FileCode.KeyReused,
  'objects/denied': FileCode.Denied,
  'blocks/too-few-holders': FileCode.Unavailable,
  'blocks/unconfirmed': FileCode.Unavailable,
  'blocks/full': FileCode.Full,
  'blocks/lost': FileCode.Damaged,
  'blocks/unreachable': FileCode.Unavailable,
  'blocks/cancelled': FileCode.Cancelled,
  'group/unavailable': FileCode.Unavailable,
  'group/unconfirmed': FileCode.Unconfirmed,
  'group/overloaded': FileCode.Unavailable,
  'group/cancelled': FileCode.Cancelled,
  'group/root-gone': FileCode.Conflict,
  'group/too-large': FileCode.TooLarge,
}

/** A FileError for any operating error; programmer errors and the caller's own pass unchanged. */
export function asFileError(error: unknown): unknown {
  if (error instanceof FileError || !isUnosysError(error)) return error
  const code = codeOf[error.code]
  if (code === undefined) return error
  const detail = error.detail
  const facts = typeof detail === 'object' && detail !== null ? { ...detail } : {}
  return new FileError(code, messageOf(error), withoutPeers(facts), { cause: error })
}

/** Details without node ids: no answer names a peer (C1). */
function withoutPeers(detail: object): Record<string, unknown> {
  const { needed, reachable } = detail as { needed?: unknown; reachable?: unknown }
  return {
    ...(typeof needed === 'number' ? { needed } : {}),
    ...(typeof reachable === 'number' ? { reachable } : {}),
  }
}

/** Run `work`; operating errors leave as FileErrors. */
export async function translated<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    throw asFileError(error)
  }
}

/** The same for a stream, whose errors come later. */
export async function* translatedStream(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream
  } catch (error) {
    throw asFileError(error)
  }
}
