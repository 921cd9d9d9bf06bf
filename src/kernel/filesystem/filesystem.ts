/** Files and streams: paths of `namespace` joined with contents of `objects`. */
import { isUnosysError } from '../../base/error.ts'
import { joinPath, type OpenObject, parsePath } from '../namespace/index.ts'
import { type Change, type FileState, fileBytesMax } from '../objects/index.ts'
import { exactly, gathered } from './bodies.ts'
import {
  type Call,
  Core,
  conflict,
  type Done,
  type FileSystemOptions,
  requireFile,
} from './core.ts'
import { listDirectory, makeDirectory, removePath, renamePath } from './directories.ts'
import { FileCode, FileError } from './errors.ts'
import { translated, translatedStream } from './failures.ts'
import { etagOf, fileInfo, infoOf } from './info.ts'
import type { CallContext, FileInfo, FileSystem, Preconditions } from './interface.ts'
import { attemptsMax, blockMapCountMax } from './limits.ts'
import { checkPreconditions, isConditional } from './preconditions.ts'
import { tellWritten, writeFile } from './write.ts'

export type { FileSystemOptions } from './core.ts'

/** @see FileSystem */
export function createFileSystem(options: FileSystemOptions): FileSystem {
  const core = new Core(options)
  const stat = async (path: string, context: CallContext): Promise<FileInfo> => {
    const { names, target } = await core.require(path, context)
    return infoOf(options.crypto, names, target)
  }
  return {
    stat: (path, context) => translated(() => stat(path, context)),
    list: (path, page, context) => translated(() => listDirectory(core, path, page, context)),
    ...changesOf(core),
    read: (path, request, context) => translated(() => read(core, path, request, context)),
    blockMap: (path, page, context) => translated(() => blockMap(core, path, page, context)),
  }
}

type Changes = Omit<FileSystem, 'stat' | 'list' | 'read' | 'blockMap'>

/** The verbs that change something: each is named in the print of its request with all it asks. */
function changesOf(core: Core): Changes {
  /** Run a change; when it was done before, tell what it led to. */
  const change = <Value>(
    call: Call,
    work: (call: Call) => Promise<Value>,
    tell: (done: Done) => Promise<Value>,
  ): Promise<Value> => core.unlessDone(call, () => work(call), tell)
  return {
    makeDirectory: (path, request, context) =>
      translated(() => {
        const call = core.keyed(context, { ...request, verb: 'MKDIR', path: onlyPath(path) })
        const make = (own: Call): Promise<FileInfo> => makeDirectory(core, path, request, own)
        return change(call, make, (done) => tellMade(core, path, done, context))
      }),
    makeVolume: (path, request, context) =>
      translated(async () => {
        if (parsePath(path).length !== 1) {
          throw new FileError(FileCode.BadPath, 'a volume lies directly under /', { path })
        }
        const call = core.keyed(context, { ...request, verb: 'MKVOLUME', path: onlyPath(path) })
        const options = { ...request, volume: true }
        const make = (own: Call): Promise<FileInfo> => makeDirectory(core, path, options, own)
        return change(call, make, (done) => tellMade(core, path, done, context))
      }),
    write: (path, body, request, context) =>
      translated(() => {
        const { expectedBytes: _, ...asked } = request
        const call = core.keyed(context, { ...asked, verb: 'PUT', path: onlyPath(path) })
        const write = (own: Call): ReturnType<FileSystem['write']> =>
          writeFile(core, { path, body }, request, own)
        return change(call, write, (done) => tellWritten(core, path, done, call))
      }),
    patch: (path, body, request, context) =>
      translated(() => {
        const { expectedBytes: _, ...asked } = request
        const call = core.keyed(context, { ...asked, verb: 'PATCH', path: onlyPath(path) })
        const write = (own: Call): Promise<FileInfo> => patch(core, { path, body }, request, own)
        return change(call, write, (done) => tellChanged(core, path, done, context))
      }),
    truncate: (path, size, request, context) =>
      translated(() => {
        const asked = { ...request, verb: 'TRUNCATE', path: onlyPath(path), size }
        const cut = (own: Call): Promise<FileInfo> => truncate(core, { path, size }, request, own)
        return change(core.keyed(context, asked), cut, (done) =>
          tellChanged(core, path, done, context),
        )
      }),
    rename: (from, to, request, context) =>
      translated(() => {
        const asked = { ...request, verb: 'RENAME', path: onlyPath(from), to: onlyPath(to) }
        const move = (own: Call): Promise<FileInfo> => renamePath(core, { from, to }, request, own)
        return change(core.keyed(context, asked), move, (done) => tellMade(core, to, done, context))
      }),
    remove: (path, request, context) =>
      translated(() => {
        const call = core.keyed(context, { ...request, verb: 'DELETE', path: onlyPath(path) })
        const remove = (own: Call): Promise<void> => removePath(core, path, request, own)
        return change(call, remove, async () => undefined)
      }),
  }
}

/** The one spelling of a path. @throws NameError */
const onlyPath = (path: string): string => joinPath(parsePath(path))

/** Preconditions hold for the state that is changed, and for no later one. */
const expecting = (conditions: Preconditions): Pick<Change, 'expect' | 'exact'> => ({
  expect: (state) => checkPreconditions(conditions, etagOf(state.view)),
  exact: isConditional(conditions),
})

async function patch(
  core: Core,
  request: { readonly path: string; readonly body: AsyncIterable<Uint8Array> },
  options: Preconditions & { readonly at: number | 'end'; readonly expectedBytes?: number },
  context: Call,
): Promise<FileInfo> {
  const { path } = request
  const { at } = options
  if (at !== 'end') checkOffset(at)
  const body = exactly(request.body, options.expectedBytes)
  const taken = context.keyed?.taking(body) ?? body
  const { names, target } = await core.require(path, context)
  requireFile(names, target)
  const bytes = await gathered(taken)
  if (at !== 'end') checkOffset(at + bytes.length)
  const mark = markOf(context)
  return changeFile(core, path, context, (object) => {
    const change = { object, ...expecting(options), ...mark }
    return core.options.files.patch({ ...change, at, bytes }, core.objectCall(context))
  })
}

async function truncate(
  core: Core,
  request: { readonly path: string; readonly size: number },
  options: Preconditions,
  context: Call,
): Promise<FileInfo> {
  const { path, size } = request
  checkOffset(size)
  const mark = markOf(context)
  return changeFile(core, path, context, (object) => {
    const change = { object, ...expecting(options), ...mark }
    return core.options.files.truncate({ ...change, size }, core.objectCall(context))
  })
}

const markOf = ({ keyed }: Call): Pick<Change, 'request'> =>
  keyed === undefined ? {} : { request: keyed.mark }

/** What a repeated request is told that made or moved something. */
async function tellMade(
  core: Core,
  path: string,
  done: Done,
  context: CallContext,
): Promise<FileInfo> {
  const { names, target } = await core.requireMade(path, done, context)
  return infoOf(core.options.crypto, names, target)
}

/** What a repeated conditional change is told, whose condition fails because it was done before. */
async function tellChanged(
  core: Core,
  path: string,
  done: Done,
  context: CallContext,
): Promise<FileInfo> {
  const info = await tellMade(core, path, done, context)
  return { ...info, etag: etagOf({ object: info.id, seq: done.seqs[0] ?? 0 }) }
}

/** Change the file at a path; when another one takes its place meanwhile, change that. */
async function changeFile(
  core: Core,
  path: string,
  context: CallContext,
  change: (object: OpenObject['view']['object']) => Promise<FileState>,
): Promise<FileInfo> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const { names, target } = await core.require(path, context)
    requireFile(names, target)
    try {
      return fileInfo(names, await change(target.view.object))
    } catch (error) {
      if (!isUnosysError(error, 'objects/not-found')) throw error
    }
  }
  throw conflict(path)
}

function checkOffset(value: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= fileBytesMax) return
  const message = `an offset or size must be a whole number from 0 to ${fileBytesMax}`
  throw new FileError(FileCode.BadArgument, message, { value: String(value) })
}

async function read(
  core: Core,
  path: string,
  options: Parameters<FileSystem['read']>[1],
  context: CallContext,
): ReturnType<FileSystem['read']> {
  const { names, target } = await core.require(path, context)
  requireFile(names, target)
  checkPreconditions(options, etagOf(target.view))
  const state = core.options.files.open(target.view, target.keys)
  const wanted = options.range?.(state.size, etagOf(target.view)) ?? { start: 0, end: state.size }
  const stream = core.options.files.read(state, wanted, core.objectCall(context))
  return { info: fileInfo(names, state), ...wanted, stream: translatedStream(stream) }
}

async function blockMap(
  core: Core,
  path: string,
  page: { readonly fromBlock: number; readonly countMax: number },
  context: CallContext,
): ReturnType<FileSystem['blockMap']> {
  const { names, target } = await core.require(path, context)
  requireFile(names, target)
  const { files, holderNumbers } = core.options
  const state = files.open(target.view, target.keys)
  const blockCount = Math.ceil(state.size / state.attributes.blockBytes)
  const from = Math.min(Math.max(0, Math.trunc(page.fromBlock)), blockCount)
  const to = Math.min(blockCount, from + Math.min(page.countMax, blockMapCountMax))
  const refs = await files.refs(state, { from, to }, core.objectCall(context))
  return {
    blockCount,
    blocks: refs.map(({ index, id }) => {
      return { index, id, holders: holderNumbers(id, target.view.replicas) }
    }),
  }
}
