/** Making directories and volumes, listing, renaming and removing. */
import { isUnosysError } from '../../base/error.ts'
import { joinPath, type OpenObject, parsePath } from '../namespace/index.ts'
import { attributesOf } from '../objects/index.ts'
import {
  afterChange,
  type Call,
  type Core,
  conflict,
  expectResolved,
  isDirectory,
  isDone,
  requireDirectory,
  requireMovable,
  requirePlace,
  requireTarget,
} from './core.ts'
import { FileCode, FileError } from './errors.ts'
import { directoryKind, etagOf, infoOf } from './info.ts'
import type { CallContext, Creation, FileInfo, FileSystem, Preconditions } from './interface.ts'
import { attemptsMax } from './limits.ts'
import { checkPreconditions, isConditional } from './preconditions.ts'

/** @see FileSystem.makeDirectory */
export async function makeDirectory(
  core: Core,
  path: string,
  options: Creation & Preconditions & { readonly parents?: boolean; readonly volume?: boolean },
  context: Call,
): Promise<FileInfo> {
  core.checkCreation(options)
  const names = parsePath(path)
  if (options.parents === true) await makeParents(core, names, context)
  const existing = options.parents === true ? 'keep' : 'refuse'
  return makeOne(core, names, { ...options, existing }, context)
}

/** Make the directories on the way to `names` that are missing. */
export async function makeParents(
  core: Core,
  names: readonly string[],
  context: Call,
): Promise<void> {
  for (let depth = 1; depth < names.length; depth++) {
    await makeOne(core, names.slice(0, depth), { existing: 'keep', isParent: true }, context)
  }
}

async function makeOne(
  core: Core,
  names: readonly string[],
  options: Creation &
    Preconditions & {
      readonly volume?: boolean
      readonly existing: 'keep' | 'refuse'
      /** Beside what the request asks for: its key is not spent on it. */
      readonly isParent?: boolean
    },
  context: Call,
): Promise<FileInfo> {
  const { crypto, files, namespace } = core.options
  const path = joinPath(names)
  const call = core.objectCall(context)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const resolved = await namespace.resolve(names, core.nameCall(context))
    expectResolved(options, resolved)
    if (resolved.target !== undefined) {
      if (options.existing === 'refuse') {
        throw new FileError(FileCode.Exists, `${path} exists already`, { path })
      }
      requireDirectory(names, resolved.target)
      return infoOf(crypto, names, resolved.target)
    }
    const place = requirePlace(resolved, 'made')
    // Before anything is made beside: a request that is refused changes nothing, and what a
    // repeated one made, and somebody removed, does not come back.
    const isAsked = options.isParent === true && context.keyed?.isFresh !== true
    if (isAsked && (await core.wasDone(context))) requireTarget(resolved)
    const { view, keys } = place.directory
    const drawn = files.draw({
      kind: directoryKind,
      domainKey: await namespace.domainKeyOf(place.directory, core.nameCall(context)),
      replicas: options.replicas ?? view.replicas,
      attributes: {
        volume: options.volume === true,
        blockBytes: options.blockBytes ?? attributesOf(crypto, view, keys).blockBytes,
      },
    })
    const operations = [drawn.create, namespace.link(place, drawn.object, 0)]
    const mark = options.isParent === true ? undefined : context.keyed?.mark
    const outcome = await call.submit(operations, mark)
    if (!isDone(outcome, path)) continue
    const made = await afterChange(() =>
      outcome.ok && outcome.object !== undefined
        ? core.requireMade(path, outcome, context)
        : core.require(path, context),
    )
    return infoOf(crypto, names, made.target)
  }
  throw conflict(path)
}

/** @see FileSystem.list */
export async function listDirectory(
  core: Core,
  path: string,
  page: Parameters<FileSystem['list']>[1],
  context: CallContext,
): Promise<Awaited<ReturnType<FileSystem['list']>>> {
  const { crypto, namespace } = core.options
  const { names, target } = await core.require(path, context)
  requireDirectory(names, target)
  const listed = await namespace.list(target, page, core.nameCall(context))
  const entries: FileInfo[] = []
  for (const child of listed.children) {
    try {
      entries.push(infoOf(crypto, [...names, child.name], child))
    } catch (error) {
      // What one hostile creator left must not hide all the others.
      if (!isUnosysError(error, 'objects/damaged')) throw error
    }
  }
  const damagedCount = listed.damagedCount + listed.children.length - entries.length
  return { directory: infoOf(crypto, names, target), entries, cursor: listed.cursor, damagedCount }
}

/** @see FileSystem.rename */
export async function renamePath(
  core: Core,
  request: { readonly from: string; readonly to: string },
  options: Preconditions & { readonly replace?: boolean },
  context: Call,
): Promise<FileInfo> {
  const { crypto, namespace } = core.options
  const toPath = joinPath(parsePath(request.to))
  const fromPath = joinPath(parsePath(request.from))
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const from = await core.resolve(fromPath, context)
    const source = requireTarget(from)
    const place = requireMovable(from, 'renamed')
    checkPreconditions(options, etagOf(source.view))
    if (fromPath === toPath) return infoOf(crypto, from.names, source)
    if (toPath.startsWith(`${fromPath}/`)) {
      throw new FileError(FileCode.Cycle, 'a directory cannot be moved into itself', {})
    }
    const to = await core.resolve(toPath, context)
    const toPlace = requireMovable(to, 'replaced')
    if (from.entry === undefined) continue
    const refusal = to.target && refusalOf(toPath, { source, target: to.target }, options)
    if (refusal !== undefined) {
      // Two looks, at two moments. It must have been so at one: what was seen first is still there.
      const { entry } = await core.resolve(fromPath, context)
      if (entry?.object !== from.entry.object || entry.seq !== from.entry.seq) continue
      throw refusal
    }
    const operation = namespace.rename(
      { place, seq: from.entry.seq, object: from.entry.object },
      { place: toPlace, seq: to.entry?.seq ?? 0 },
    )
    const outcome = await core.objectCall(context).submit([operation], context.keyed?.mark)
    const isInTheWay = !outcome.ok && outcome.code === 'not-empty'
    if (!isDone(outcome, isInTheWay ? toPath : fromPath)) continue
    const isRepeated = outcome.ok && (outcome.object ?? from.entry.object) !== from.entry.object
    if (isRepeated) {
      const made = await afterChange(() => core.requireMade(toPath, outcome, context))
      return infoOf(crypto, made.names, made.target)
    }
    const moved = await afterChange(() => core.resolve(toPath, context))
    // Others may have moved or removed it since: then it is told as it was.
    const isThere = moved.target?.view.object === source.view.object
    return infoOf(crypto, moved.names, isThere && moved.target ? moved.target : source)
  }
  throw conflict(fromPath)
}

/** Why what stands there cannot give way; undefined if it can. */
function refusalOf(
  path: string,
  { source, target }: { readonly source: OpenObject; readonly target: OpenObject },
  { replace }: { readonly replace?: boolean },
): FileError | undefined {
  if (replace !== true) return new FileError(FileCode.Exists, `${path} exists already`, {})
  if (isDirectory(target) === isDirectory(source)) return undefined
  const is = isDirectory(target) ? 'directory' : 'file'
  return new FileError(FileCode.WrongKind, `${path} is a ${is}`, { is })
}

/** @see FileSystem.remove */
export async function removePath(
  core: Core,
  path: string,
  options: Preconditions,
  context: Call,
): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await core.resolve(path, context)
    const target = requireTarget(found)
    const place = requireMovable(found, 'removed')
    checkPreconditions(options, etagOf(target.view))
    if (found.entry === undefined) continue
    if (isDirectory(target) && target.view.entryCount > 0) {
      throw new FileError(FileCode.NotEmpty, `${path} is a directory with entries`, { path })
    }
    const unlink = core.options.namespace.unlink(place, found.entry.seq)
    // Only what was seen is removed: a conditional delete must not delete a newer version.
    const operations = [unlink, { op: 'delete', object: found.entry.object }] as const
    const outcome = await core.objectCall(context).submit(operations, context.keyed?.mark)
    if (isDone(outcome, path)) return
    if (isConditional(options)) {
      throw new FileError(FileCode.Precondition, `${path} was changed meanwhile`, {})
    }
  }
  throw conflict(path)
}
