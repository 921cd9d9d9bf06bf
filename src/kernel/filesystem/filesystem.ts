/** Files and streams: paths of `namespace` joined with contents of `objects`. */
import { parsePath } from '../namespace/index.ts'
import { type FileState, fileBytesMax } from '../objects/index.ts'
import { exactly, gathered } from './bodies.ts'
import { Core, type FileSystemOptions, requireFile } from './core.ts'
import { listDirectory, makeDirectory, removePath, renamePath } from './directories.ts'
import { FileCode, FileError } from './errors.ts'
import { translated, translatedStream } from './failures.ts'
import { etagOf, fileInfo, infoOf } from './info.ts'
import type { CallContext, FileSystem, Preconditions } from './interface.ts'
import { blockMapCountMax } from './limits.ts'
import { checkPreconditions } from './preconditions.ts'
import { writeFile } from './write.ts'

export type { FileSystemOptions } from './core.ts'

/** @see FileSystem */
export function createFileSystem(options: FileSystemOptions): FileSystem {
  const core = new Core(options)
  return {
    stat: (path, context) =>
      translated(async () => {
        const { names, target } = await core.require(path, context)
        return infoOf(options.crypto, names, target)
      }),
    list: (path, page, context) => translated(() => listDirectory(core, path, page, context)),
    makeDirectory: (path, request, context) =>
      translated(() => makeDirectory(core, path, request, context)),
    makeVolume: (path, request, context) =>
      translated(async () => {
        if (parsePath(path).length !== 1) {
          throw new FileError(FileCode.BadPath, 'a volume lies directly under /', { path })
        }
        return makeDirectory(core, path, { ...request, volume: true }, context)
      }),
    write: (path, body, request, context) =>
      translated(() => writeFile(core, { path, body }, request, context)),
    patch: (path, body, request, context) =>
      translated(() => patch(core, { path, body }, request, context)),
    truncate: (path, size, request, context) =>
      translated(() => truncate(core, { path, size }, request, context)),
    read: (path, request, context) => translated(() => read(core, path, request, context)),
    rename: (from, to, request, context) =>
      translated(() => renamePath(core, { from, to }, request, context)),
    remove: (path, request, context) => translated(() => removePath(core, path, request, context)),
    blockMap: (path, page, context) => translated(() => blockMap(core, path, page, context)),
  }
}

const checking =
  (conditions: Preconditions) =>
  (state: FileState): void =>
    checkPreconditions(conditions, etagOf(state.view))

async function patch(
  core: Core,
  request: { readonly path: string; readonly body: AsyncIterable<Uint8Array> },
  options: Preconditions & { readonly at: number | 'end'; readonly expectedBytes?: number },
  context: CallContext,
): Promise<ReturnType<typeof fileInfo>> {
  const { path } = request
  const { at } = options
  if (at !== 'end') checkOffset(at)
  const { names, target } = await core.require(path, context)
  requireFile(names, target)
  const bytes = await gathered(exactly(request.body, options.expectedBytes))
  if (at !== 'end') checkOffset(at + bytes.length)
  const change = {
    object: target.view.object,
    expect: checking(options),
    ...core.requestId('PATCH', `${path}\n${at}`, context),
  }
  const state = await core.options.files.patch({ ...change, at, bytes }, core.objectCall(context))
  return fileInfo(names, state)
}

async function truncate(
  core: Core,
  request: { readonly path: string; readonly size: number },
  options: Preconditions,
  context: CallContext,
): Promise<ReturnType<typeof fileInfo>> {
  const { path, size } = request
  checkOffset(size)
  const { names, target } = await core.require(path, context)
  requireFile(names, target)
  const change = {
    object: target.view.object,
    size,
    expect: checking(options),
    ...core.requestId('TRUNCATE', `${path}\n${size}`, context),
  }
  return fileInfo(names, await core.options.files.truncate(change, core.objectCall(context)))
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
  const wanted = options.range?.(state.size) ?? { start: 0, end: state.size }
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
