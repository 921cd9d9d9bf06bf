/** Creating and replacing whole files. */
import { type Place, parsePath, type Resolved } from '../namespace/index.ts'
import type { NewObject } from '../objects/index.ts'
import { attributesOf } from '../objects/index.ts'
import { exactly, moving } from './bodies.ts'
import {
  afterChange,
  attempts,
  type Call,
  type Core,
  conflict,
  type Done,
  expectResolved,
  isDone,
  type Outcome,
  requireFile,
  requirePlace,
} from './core.ts'
import { makeParents } from './directories.ts'
import { FileCode, FileError } from './errors.ts'
import { etagOf, fileKind, infoOf } from './info.ts'
import type { CallContext, FileInfo, FileSystem } from './interface.ts'
import { cleanupMs } from './limits.ts'
import { isConditional } from './preconditions.ts'

type WriteOptions = Parameters<FileSystem['write']>[2]
type Written = Awaited<ReturnType<FileSystem['write']>>

/** @see FileSystem.write */
export async function writeFile(
  core: Core,
  request: { readonly path: string; readonly body: AsyncIterable<Uint8Array> },
  options: WriteOptions,
  context: Call,
): Promise<Written> {
  const { path } = request
  core.checkCreation(options)
  let body: AsyncIterable<Uint8Array> = exactly(request.body, options.expectedBytes)
  if (context.keyed !== undefined) body = context.keyed.taking(body)
  if (options.parents === true) await makeParents(core, parsePath(path), context)
  for (const _ of attempts(context)) {
    const resolved = await core.resolve(path, context)
    expectResolved(options, resolved)
    const place = requirePlace(resolved, 'written')
    if (resolved.target === undefined) {
      return createFile(core, { path, place, found: resolved, body }, options, context)
    }
    const outcome = await replaceContent(core, { resolved, path, body }, options, context)
    if ('info' in outcome) return { info: outcome.info, created: false }
    // While the content was stored its object went, for another one of that name or for none, or
    // got other keys. The application's stream is used up; what was stored of it goes into what is
    // there now.
    body = moving(outcome.again, context.deadline)
  }
  throw conflict(path)
}

async function replaceContent(
  core: Core,
  request: {
    readonly resolved: Resolved
    readonly path: string
    readonly body: AsyncIterable<Uint8Array>
  },
  options: WriteOptions,
  context: Call,
): Promise<{ readonly info: FileInfo } | { readonly again: AsyncIterable<Uint8Array> }> {
  const { resolved, path, body } = request
  const { target, names } = resolved
  if (target === undefined) throw conflict(path)
  requireFile(names, target)
  const { crypto, files } = core.options
  const { view, keys } = target
  const { blockBytes } = attributesOf(crypto, view, keys)
  refuseOther('block size', options.blockBytes, blockBytes)
  refuseOther('number of replicas', options.replicas, view.replicas)
  const call = core.objectCall(context)
  const seenSeq = isConditional(options) ? view.seq : undefined
  const { replace, size, reread } = await files.store(
    { object: view.object, keys, replicas: view.replicas, blockBytes, seenSeq, isNew: false },
    body,
    { call, beforeStage: async () => undefined },
  )
  const result = await call.submit([replace], context.keyed?.mark)
  if (!result.ok && result.code === 'not-found') return { again: reread() }
  const done = isDone(result, path)
  if (!done && seenSeq !== undefined) {
    throw new FileError(FileCode.Precondition, `${path} was changed meanwhile`, {})
  }
  if (!done) return { again: reread() }
  const facts = { size, blockBytes, replicas: view.replicas }
  const wrote = { ...facts, object: view.object, seq: seqOf(result) }
  return { info: await describe(core, path, { wrote, result }, context) }
}

type Wrote = {
  readonly object: NewObject['object']
  readonly seq: number
} & Pick<FileInfo, 'size' | 'blockBytes' | 'replicas'>

/**
 * Seq of the content that a command made. It is the only operation, or stands right before the
 * link; a repeated request is answered with the result of the first, which may have been the other.
 */
const seqOf = (outcome: Outcome): number =>
  outcome.ok ? (outcome.seqs[Math.max(0, outcome.seqs.length - 2)] ?? 0) : 0

/**
 * What an application is told of its write. Others may have written since: id, size and etag are of
 * this write, or a condition on them would hold for contents that the application has never seen.
 * A repeated request may have made another object the first time: where that is gone, nobody can
 * say what it is.
 */
async function describe(
  core: Core,
  path: string,
  done: { readonly wrote: Wrote; readonly result: Outcome },
  context: CallContext,
): Promise<FileInfo> {
  const { result, wrote } = done
  const first = result.ok && result.object !== wrote.object ? result.object : undefined
  const { names, target } = await afterChange(() =>
    first === undefined
      ? core.require(path, context)
      : core.requireMade(path, { object: first }, context),
  )
  const info = infoOf(core.options.crypto, names, target)
  const { object, seq, size, ...facts } = wrote
  const id = first ?? object
  const told = { kind: 'file', id, size, etag: etagOf({ object: id, seq }) } as const
  // Another object's block size and replicas say nothing of this one's.
  return info.id === id ? { ...info, ...told } : { ...info, ...facts, ...told }
}

/** What a repeated conditional write is told, whose condition fails because it was done before. */
export async function tellWritten(
  core: Core,
  path: string,
  done: Done,
  context: Call,
): Promise<Written> {
  const { names, target } = await core.requireMade(path, done, context)
  const info = infoOf(core.options.crypto, names, target)
  const size = context.keyed?.bodyBytes ?? info.size
  return {
    info: { ...info, size, etag: etagOf({ ...target.view, seq: seqOf(done) }) },
    created: false,
  }
}

function refuseOther(what: string, wanted: number | undefined, is: number): void {
  if (wanted === undefined || wanted === is) return
  const message = `the ${what} of a file is chosen at its creation; this one has ${is}`
  throw new FileError(FileCode.BadArgument, message, { is, wanted })
}

async function createFile(
  core: Core,
  request: {
    readonly path: string
    readonly place: Place
    readonly found: Resolved
    readonly body: AsyncIterable<Uint8Array>
  },
  options: WriteOptions,
  context: Call,
): Promise<Written> {
  const { path, place, found, body } = request
  const { crypto, files, namespace } = core.options
  const { directory } = place
  const defaults = attributesOf(crypto, directory.view, directory.keys)
  const blockBytes = options.blockBytes ?? defaults.blockBytes
  const replicas = Math.min(options.replicas ?? directory.view.replicas, core.options.replicasMax)
  const domainKey = await namespace.domainKeyOf(directory, core.nameCall(context))
  const drawn = files.draw({
    kind: fileKind,
    domainKey,
    replicas,
    attributes: { volume: false, blockBytes },
  })
  const call = core.objectCall(context)
  let isCreated = false
  const beforeStage = async (): Promise<void> => {
    if (isCreated) return
    if (!isDone(await call.submit([drawn.create]), path)) throw conflict(path)
    isCreated = true
  }
  const target = { object: drawn.object, keys: drawn.keys, replicas, blockBytes }
  try {
    const stored = await files.store({ ...target, seenSeq: undefined, isNew: true }, body, {
      call,
      beforeStage,
    })
    const create = isCreated ? [] : [drawn.create]
    const operations = [...create, stored.replace]
    const facts = { size: stored.size, blockBytes, replicas }
    return await linkNew(core, { path, drawn, operations, facts, found }, options, context)
  } catch (error) {
    // What was created and never linked is dropped by the section in its own time; ask for it now,
    // and give the caller the first error at once, whatever becomes of that.
    if (isCreated) {
      // The caller may be gone: this goes by a signal and deadline of its own.
      const deadline = { leftMs: cleanupMs, moved: () => undefined }
      const own = { ...context, signal: new AbortController().signal, deadline }
      const drop = core.objectCall(own).submit([{ op: 'delete', object: drawn.object }])
      void Promise.allSettled([drop])
    }
    throw error
  }
}

/** Give the new file its name; another writer of the same name makes it a replacement. */
async function linkNew(
  core: Core,
  request: {
    readonly path: string
    readonly drawn: NewObject
    /** The last of them is the replacement of its content. */
    readonly operations: readonly NewObject['create'][]
    readonly facts: Omit<Wrote, 'object' | 'seq'>
    /**
     * Where the file goes, as it was looked up before its content was stored: nothing was there.
     */
    readonly found: Resolved
  },
  options: WriteOptions,
  context: Call,
): Promise<Written> {
  const { path, drawn, operations, facts } = request
  const call = core.objectCall(context)
  for (const attempt of attempts(context)) {
    // What was found then is right nearly always; if it is not, the group says so.
    const resolved = attempt === 0 ? request.found : await core.resolve(path, context)
    expectResolved(options, resolved)
    if (resolved.target !== undefined) requireFile(resolved.names, resolved.target)
    const place = requirePlace(resolved, 'written')
    const seenSeq = resolved.entry?.seq ?? 0
    const link = core.options.namespace.link(place, drawn.object, seenSeq)
    const outcome = await call.submit([...operations, link], context.keyed?.mark)
    if (!isDone(outcome, path)) continue
    const wrote = { ...facts, object: drawn.object, seq: seqOf(outcome) }
    const info = await describe(core, path, { wrote, result: outcome }, context)
    return { info, created: seenSeq === 0 }
  }
  throw conflict(path)
}
