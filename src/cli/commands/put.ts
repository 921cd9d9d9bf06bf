import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import type { FileInfo, WriteOptions } from '../../sdk/index.ts'
import { readLocal } from '../connect.ts'
import { usage } from '../failure.ts'
import { type LocalEntry, lookAt, readChunks, walk } from '../local-files.ts'
import { destination, find, isFolder, joinPath, worldPath } from '../paths.ts'
import { type Progress, showProgress, showsProgress } from '../progress.ts'
import { eachParallel, run, type Session, withCommonOptions } from '../run.ts'
import { readIn } from '../standard-streams.ts'
import { formatBytes, formatRate, parseCount, parseSize, printable } from '../units.ts'

type Flags = {
  readonly recursive?: boolean
  readonly parents?: boolean
  /** Commander's name for `--no-replace`. */
  readonly replace: boolean
  readonly blockSize?: number
  readonly replicas?: number
  readonly parallel: number
}

/** Up to here a file is sent from memory, and again if the answer is lost. */
const wholeBytesMax = 1024 * 1024

export function putCommand(): Command {
  return withCommonOptions(
    new Command('put')
      .description('copy files of this machine into the world')
      .argument(
        '<sources...>',
        'files or folders here, and last the path in the world; - for standard input',
      )
      .usage('[options] <files...> <path>')
      .option('-r, --recursive', 'folders with all that is in them')
      .option('-p, --parents', 'make missing directories on the way')
      .option('--no-replace', 'fail when a file is there already')
      .option('--block-size <size>', 'of new files, a power of two, as 4K … 4M', parseSize)
      .option('--replicas <count>', 'copies of each block of new files', parseCount)
      .option('--parallel <count>', 'files of a folder at once', parseCount, 8),
  )
    .addHelpText('after', help)
    .action(async (given: string[], flags: Flags, command: Command) => {
      await run(command, (session) => put(session, given, flags))
    })
}

const help = `
A file becomes visible when all of it is stored; whoever reads it meanwhile sees the old one.

Examples:
  npx unosys put README.md /public/
  npx unosys put README.md /public/readme.txt
  npx unosys put -r photos /public/
  tar cz . | npx unosys put - /public/backup.tgz
  npx unosys put --replicas 4 --block-size 1M film.mp4 /public/`

async function put(session: Session, given: readonly string[], flags: Flags): Promise<void> {
  const sources = given.slice(0, -1)
  const to = given.at(-1)
  if (to === undefined || sources.length === 0) throw usage('give a file here and a path there')
  const { client, signal, failed } = session
  const options = writeOptions(session, flags)
  const isDeep = flags.parents === true && (to.endsWith('/') || sources.length > 1)
  if (isDeep && (await find(client, worldPath(to), signal)) === undefined) {
    await client.mkdir(worldPath(to), { parents: true, signal })
  }
  const place = await destination(client, { path: to, sourceCount: sources.length }, signal)
  for (const source of sources) {
    try {
      if (source === '-') {
        await putStandardInput(session, place('-'), options)
        continue
      }
      const entry = await lookAt(source)
      const target = place(basename(resolve(source)))
      if (entry.kind === 'file') await putFile(session, entry, { target, options, alone: true })
      else if (entry.kind === 'other') throw usage(`${source} is neither a file nor a folder`)
      else if (flags.recursive !== true) throw usage(`${source} is a folder; -r copies it`)
      else await putFolder(session, entry.path, { target, options, parallel: flags.parallel })
    } catch (error) {
      failed(error)
    }
  }
}

function writeOptions({ signal }: Session, flags: Flags): WriteOptions {
  return {
    signal,
    parents: flags.parents === true,
    ...(flags.replace ? {} : { ifNoneMatch: '*' }),
    ...(flags.blockSize === undefined ? {} : { blockBytes: flags.blockSize }),
    ...(flags.replicas === undefined ? {} : { replicas: flags.replicas }),
  }
}

async function putStandardInput(
  session: Session,
  target: string,
  options: WriteOptions,
): Promise<void> {
  if (target.endsWith('/-')) throw usage('standard input needs a path with a name')
  const progress = progressOf(session, target, undefined)
  await told(session, { source: '-', target, progress }, () =>
    session.client.write(target, readIn(progress.add), options),
  )
}

async function putFile(
  session: Session,
  entry: LocalFile,
  how: { readonly target: string; readonly options: WriteOptions; readonly alone: boolean },
): Promise<void> {
  const { path, sizeBytes } = entry
  const { target, options } = how
  const progress = how.alone ? progressOf(session, target, sizeBytes) : undefined
  await told(session, { source: path, target, progress }, async () => {
    const { client } = session
    if (sizeBytes <= wholeBytesMax) return client.write(target, await readLocal(path), options)
    const chunks = readChunks(path, sizeBytes, progress?.add ?? (() => {}))
    return client.write(target, chunks, { ...options, sizeBytes })
  })
}

async function putFolder(
  session: Session,
  folder: string,
  how: { readonly target: string; readonly options: WriteOptions; readonly parallel: number },
): Promise<void> {
  const { signal, failed } = session
  const { target, options, parallel } = how
  const progress = progressOf(session, `${folder} → ${target}`, undefined)
  const startMs = performance.now()
  let fileCount = 0
  let totalBytes = 0
  const files = filesBelow(session, folder, { target, parents: options.parents === true })
  await eachParallel(files, parallel, async ({ entry, path }) => {
    try {
      await putFile(session, entry, { target: path, options, alone: false })
      fileCount++
      totalBytes += entry.sizeBytes
      progress.add(entry.sizeBytes)
    } catch (error) {
      if (signal.aborted) throw error
      failed(error)
    }
  }).finally(progress.end)
  const tookMs = Math.round(performance.now() - startMs)
  const facts = `${fileCount} files, ${formatBytes(totalBytes)}, ${formatRate(totalBytes, tookMs)}`
  session.say(`${folder} → ${printable(target)}/  ${facts}`)
  session.give({ event: 'folder', source: folder, path: target, fileCount, totalBytes, tookMs })
}

type LocalFile = LocalEntry & { readonly kind: 'file' }

/** All files below a folder; the directories for them are made on the way. */
async function* filesBelow(
  session: Session,
  folder: string,
  how: { readonly target: string; readonly parents: boolean },
): AsyncGenerator<{ readonly entry: LocalFile; readonly path: string }, void, undefined> {
  for await (const entry of walk(folder)) {
    const path = entry.names.reduce(joinPath, how.target)
    if (entry.kind === 'folder') await makeFolder(session, path, how.parents)
    else if (entry.kind === 'file') yield { entry, path }
    else session.failed(usage(`${entry.path} is neither a file nor a folder: left out`))
  }
}

async function makeFolder(session: Session, path: string, parents: boolean): Promise<void> {
  const { client, signal } = session
  const found = await find(client, path, signal)
  if (found === undefined) await client.mkdir(path, { parents, signal })
  else if (!isFolder(found)) throw usage(`${path} is a file, where a directory is needed`)
}

/** Run one upload, and tell what became of it. */
async function told(
  session: Session,
  what: {
    readonly source: string
    readonly target: string
    readonly progress: Progress | undefined
  },
  upload: () => Promise<FileInfo>,
): Promise<void> {
  const startMs = performance.now()
  const { source, progress } = what
  const info = await upload().finally(() => progress?.end())
  const tookMs = Math.round(performance.now() - startMs)
  session.give({ ...info, source, tookMs })
  if (progress === undefined) return
  const facts = `${formatBytes(info.size)}  ${formatRate(info.size, tookMs)}`
  session.say(`${source} → ${printable(info.path)}  ${facts}`)
}

const progressOf = (session: Session, label: string, bytes: number | undefined): Progress =>
  showProgress(printable(label), bytes, { shown: showsProgress(session.isJson) })
