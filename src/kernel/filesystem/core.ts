/** What all verbs of the file system share: looking up, judging results, checking arguments. */

import { isUnosysError } from '../../base/error.ts'
import { fixedDirectories } from '../../base/fixed-directories.ts'
import type { Digest, ObjectId } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  joinPath,
  type Namespace,
  type OpenObject,
  type Place,
  parsePath,
  type Resolved,
} from '../namespace/index.ts'
import {
  blockBytesMax,
  blockBytesMin,
  type Files,
  isBlockBytes,
  type ObjectCall,
} from '../objects/index.ts'
import type { AuthenticatedSession } from '../users/interface.ts'
import { FileCode, FileError } from './errors.ts'
import { asFileError } from './failures.ts'
import { directoryKind, etagOf, fileKind } from './info.ts'
import type { CallContext, Creation, Preconditions } from './interface.ts'
import { KeyedRequest, type RequestMark } from './keyed-request.ts'
import { attemptsMax, contendedAttemptsMax } from './limits.ts'
import { checkPreconditions } from './preconditions.ts'

export type FileSystemOptions = {
  readonly crypto: Crypto
  readonly namespace: Namespace
  readonly files: Files
  /** Storing Processors of the world: the most replicas that a file can have. */
  readonly replicasMax: number
  /** Signs and submits for a session. */
  readonly submit: (
    session: AuthenticatedSession,
    operations: Parameters<ObjectCall['submit']>[0],
    options: {
      readonly deadlineMs: number
      readonly signal: AbortSignal
      readonly request?: RequestMark
    },
  ) => ReturnType<ObjectCall['submit']>
  /** Keyed hash, equal at every Processor: of an Idempotency-Key, of what is asked under it. */
  readonly requestIdOf: (session: AuthenticatedSession, text: string) => Digest
  /** An object id that no object has. */
  readonly unusedObject: () => ObjectId
  /** The numbers by which operators know the holders of a block. */
  readonly holderNumbers: (blockId: string, replicas: number) => readonly number[]
}

/** A call of a verb that changes something. */
export type Call = CallContext & {
  /** Absent without an Idempotency-Key. */
  readonly keyed?: KeyedRequest
}

export type Outcome = Awaited<ReturnType<ObjectCall['submit']>>
/** What a command that succeeded led to. */
export type Done = Extract<Outcome, { readonly ok: true }>

/** What a request is refused with because of what is or is not there. */
const codesOfState: ReadonlySet<FileCode> = new Set([
  ...[FileCode.NotFound, FileCode.Exists, FileCode.WrongKind, FileCode.NotEmpty],
  FileCode.Precondition,
])

export class Core {
  readonly options: FileSystemOptions

  constructor(options: FileSystemOptions) {
    this.options = options
  }

  objectCall(context: CallContext): ObjectCall {
    const { session, deadline, signal } = context
    return {
      get deadlineMs() {
        return deadline.leftMs
      },
      moved: () => deadline.moved(),
      signal,
      keysOf: (view) => this.options.namespace.keysOf(view, this.nameCall(context)),
      submit: (operations, request) => {
        const limits = { deadlineMs: deadline.leftMs, signal }
        const options = request === undefined ? limits : { ...limits, request }
        return this.options.submit(session, operations, options)
      },
    }
  }

  nameCall(context: CallContext): Parameters<Namespace['resolve']>[1] {
    const { session, deadline, signal } = context
    return {
      principal: session.keys,
      get deadlineMs() {
        return deadline.leftMs
      },
      signal,
    }
  }

  resolve(path: string, context: CallContext): Promise<Resolved> {
    return this.options.namespace.resolve(parsePath(path), this.nameCall(context))
  }

  /** The object at a path. @throws FileError `filesystem/not-found` */
  async require(
    path: string,
    context: CallContext,
  ): Promise<Resolved & { readonly target: OpenObject }> {
    const resolved = await this.resolve(path, context)
    return { ...resolved, target: requireTarget(resolved) }
  }

  /**
   * What a repeated request made, where it still stands.
   * @throws FileError `filesystem/not-found`; `filesystem/unconfirmed` when another object stands
   *   there now.
   */
  async requireMade(
    path: string,
    { object }: Pick<Done, 'object'>,
    context: CallContext,
  ): Promise<Resolved & { readonly target: OpenObject }> {
    const resolved = await this.require(path, context)
    if (resolved.target.view.object === object) return resolved
    const message = `the change was made; what it made is not at ${path} any more`
    throw new FileError(FileCode.Unconfirmed, message, { path })
  }

  /**
   * The call with what stands for its request, when the application gave an Idempotency-Key.
   *
   * @param asked all that makes it this request and no other, but for the body.
   */
  keyed(context: CallContext, asked: Readonly<Record<string, unknown>>): Call {
    const { idempotencyKey, session } = context
    if (idempotencyKey === undefined) return context
    const { crypto, requestIdOf } = this.options
    const hashOf = (text: string): Digest => requestIdOf(session, text)
    return { ...context, keyed: new KeyedRequest({ crypto, hashOf }, idempotencyKey, asked) }
  }

  /**
   * What this request led to when it was carried out before, undefined when it was not: a retry
   * finds what it asked for done (gone, moved, made) and must not call that a failure. The section
   * answers a known request with the result it had; an unknown one meets an operation that cannot
   * succeed. A body that was not begun is read only when something was done under the key.
   *
   * @throws FileError `filesystem/key-reused` when that was another request.
   */
  async whatWasDone({ keyed, ...context }: Call): Promise<Done | undefined> {
    if (keyed === undefined) return undefined
    const { submit } = this.objectCall(context)
    const nothing = { op: 'delete', object: this.options.unusedObject() } as const
    if (keyed.isUnread) {
      const outcome = await submit([nothing], keyed.idOnly)
      if (outcome.ok || outcome.code !== 'reused') {
        keyed.fresh()
        return undefined
      }
      await keyed.readBody()
    }
    const outcome = await submit([nothing], keyed.mark)
    if (!outcome.ok && outcome.code === 'reused') throw reused()
    if (outcome.ok) return outcome
    keyed.fresh()
    return undefined
  }

  async wasDone(call: Call): Promise<boolean> {
    return (await this.whatWasDone(call)) !== undefined
  }

  /**
   * A refusal for how things stand (gone, there already, changed) is none when this very request
   * was carried out before: they stand so because of it, or because of what others did since. Then
   * what it led to is told.
   *
   * @throws FileError `filesystem/unconfirmed` where that is gone again.
   */
  async unlessDone<Value>(
    call: Call,
    work: () => Promise<Value>,
    tell: (done: Done) => Promise<Value>,
  ): Promise<Value> {
    try {
      return await work()
    } catch (error) {
      const seen = asFileError(error)
      const isOfState = seen instanceof FileError && codesOfState.has(seen.code)
      const done = isOfState ? await this.whatWasDone(call) : undefined
      if (done === undefined) throw error
      return afterChange(() => tell(done))
    }
  }

  /** Block size and replicas, from the request or the directory. @throws FileError */
  checkCreation(creation: Creation): void {
    const { blockBytes, replicas } = creation
    if (blockBytes !== undefined && !isBlockBytes(blockBytes)) {
      const range = `a power of two from ${blockBytesMin} to ${blockBytesMax}`
      throw new FileError(FileCode.BadArgument, `the block size must be ${range}`, { blockBytes })
    }
    const { replicasMax } = this.options
    if (replicas === undefined) return
    if (!Number.isInteger(replicas) || replicas < 1 || replicas > replicasMax) {
      const message = `replicas must be from 1 to ${replicasMax}: the world has ${replicasMax} storing Processors`
      throw new FileError(FileCode.BadArgument, message, { replicas, replicasMax })
    }
  }
}

export function requireTarget(resolved: Resolved): OpenObject {
  if (resolved.target !== undefined) return resolved.target
  const path = joinPath(resolved.names)
  throw new FileError(FileCode.NotFound, `${path} does not exist`, { path })
}

export function requirePlace(resolved: Resolved, verb: string): Place {
  if (resolved.place !== undefined) return resolved.place
  throw new FileError(FileCode.BadPath, `the root directory cannot be ${verb}`, {})
}

/**
 * The place of what may go from it.
 * @throws FileError `filesystem/bad-path` for the root, `filesystem/denied` for a directory that
 *   every world has.
 */
export function requireMovable(resolved: Resolved, verb: string): Place {
  const place = requirePlace(resolved, verb)
  const path = joinPath(resolved.names)
  if (resolved.target === undefined || !fixedDirectories.includes(path)) return place
  throw new FileError(FileCode.Denied, `${path} is part of every world and cannot be ${verb}`, {
    path,
  })
}

export const isFile = (opened: OpenObject): boolean => opened.view.kind === fileKind
export const isDirectory = (opened: OpenObject): boolean => opened.view.kind === directoryKind

/** @throws FileError `filesystem/wrong-kind` */
export function requireFile(names: readonly string[], opened: OpenObject): void {
  if (isFile(opened)) return
  throw new FileError(FileCode.WrongKind, `${joinPath(names)} is a directory`, { is: 'directory' })
}

/** @throws FileError `filesystem/wrong-kind` */
export function requireDirectory(names: readonly string[], opened: OpenObject): void {
  if (isDirectory(opened)) return
  throw new FileError(FileCode.WrongKind, `${joinPath(names)} is a file`, { is: 'file' })
}

/** Preconditions against what a path led to. */
export function expectResolved(conditions: Preconditions, resolved: Resolved): void {
  checkPreconditions(conditions, resolved.target && etagOf(resolved.target.view))
}

/**
 * True for done, false for "look again and retry".
 * @throws FileError for what trying again does not mend.
 */
export function isDone(outcome: Outcome, path: string): boolean {
  if (outcome.ok) return true
  switch (outcome.code) {
    case 'conflict':
    case 'retry-base':
      return false
    case 'not-found':
      throw new FileError(FileCode.NotFound, `${path} or its directory does not exist any more`, {})
    case 'not-empty':
      throw new FileError(FileCode.NotEmpty, `${path} is a directory with entries`, {})
    case 'denied':
      throw new FileError(FileCode.Denied, `no right to change ${path}`, {})
    case 'cycle':
      throw new FileError(FileCode.Cycle, 'a directory cannot be moved into itself', {})
    case 'reused':
      throw reused()
    case 'exhausted':
      throw new FileError(FileCode.Full, 'a limit of the world is reached', {})
    default:
      throw new FileError(FileCode.Conflict, `the group refused the change: ${outcome.code}`, {
        reason: outcome.code,
      })
  }
}

const reused = (): FileError => {
  const message = 'another request was carried out under this Idempotency-Key; draw a new one'
  return new FileError(FileCode.KeyReused, message, {})
}

/**
 * A look at what a change has made. When it fails the change stands all the same: an error that
 * promises that nothing was changed must not leave from here.
 *
 * @throws FileError `filesystem/unconfirmed`
 */
export async function afterChange<Value>(look: () => Promise<Value>): Promise<Value> {
  try {
    return await look()
  } catch (error) {
    if (!isUnosysError(error)) throw error
    if (error instanceof FileError && error.code === FileCode.Unconfirmed) throw error
    const message = 'the change was made, and what it made could not be read'
    throw new FileError(FileCode.Unconfirmed, message, {}, { cause: error })
  }
}

/**
 * Counts the attempts of a change that meets other writers: as many as the request has time for,
 * since each that fails means that another one's succeeded.
 */
export function* attempts({ deadline }: CallContext): Generator<number> {
  for (let attempt = 0; attempt < contendedAttemptsMax; attempt++) {
    if (attempt >= attemptsMax && deadline.leftMs <= 1) return
    yield attempt
  }
}

/** What an error says when retries are used up. */
export const conflict = (path: string): FileError =>
  new FileError(FileCode.Conflict, `other writers kept changing ${path}`, { path })
