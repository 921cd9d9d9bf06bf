import { join } from 'node:path'
import { Command } from 'commander'
import type { FileInfo } from '../../sdk/index.ts'
import { usage } from '../failure.ts'
import { isLocalFolder, makeLocalFolder, writeFileFrom } from '../local-files.ts'
import { isFolder, localName, nameOf, worldPath } from '../paths.ts'
import { showProgress, showsProgress } from '../progress.ts'
import { eachParallel, run, type Session, withCommonOptions } from '../run.ts'
import { writeOut } from '../standard-streams.ts'
import { formatBytes, formatRate, parseCount, printable } from '../units.ts'

type Flags = { readonly recursive?: boolean; readonly parallel: number }

export function getCommand(): Command {
  return withCommonOptions(
    new Command('get')
      .description('copy files of the world to this machine')
      .argument('<paths...>', 'in the world, and last a file or folder here; - for standard output')
      .usage('[options] <paths...> [file or folder]')
      .option('-r, --recursive', 'directories with all that is in them')
      .option('--parallel <count>', 'files of a directory at once', parseCount, 8),
  )
    .addHelpText('after', help)
    .action(async (given: string[], flags: Flags, command: Command) => {
      await run(command, (session) => get(session, given, flags))
    })
}

const help = `
With one path, the file is written here under its name. A file here is replaced when all of the new
one has come, and stays as it is if it does not.

Examples:
  npx unosys get /public/README.md
  npx unosys get /public/README.md copy.md
  npx unosys get -r /public/photos .
  npx unosys get /public/backup.tgz - | tar tz`

async function get(session: Session, given: readonly string[], flags: Flags): Promise<void> {
  const paths = (given.length === 1 ? given : given.slice(0, -1)).map(worldPath)
  const to = given.length === 1 ? '.' : (given.at(-1) ?? '.')
  const { client, signal, failed } = session
  const isInto = to !== '-' && (to.endsWith('/') || (await isLocalFolder(to)))
  if (!isInto && to !== '-' && paths.length > 1) throw usage(`${to} is not a folder`)
  for (const path of paths) {
    try {
      const info = await client.stat(path, { signal })
      const local = isInto ? join(to, localName(nameOf(path) || 'root')) : to
      if (!isFolder(info)) await getFile(session, info, { local, alone: true })
      else if (flags.recursive !== true) throw usage(`${path} is a directory; -r copies it`)
      else if (to === '-') throw usage('a directory cannot go to standard output')
      else await getFolder(session, info, { local, parallel: flags.parallel })
    } catch (error) {
      failed(error)
    }
  }
}

async function getFile(
  session: Session,
  info: FileInfo,
  how: { readonly local: string; readonly alone: boolean },
): Promise<void> {
  const { client, signal, isJson } = session
  const { local, alone } = how
  const startMs = performance.now()
  const shown = alone && showsProgress(isJson)
  const progress = showProgress(printable(info.path), info.size, { shown })
  const content = await client.read(info.path, { signal })
  try {
    if (local === '-') await writeOut(content.bytes, progress.add)
    else await writeFileFrom(local, content.bytes, progress.add)
  } finally {
    progress.end()
  }
  if (local === '-') return
  const tookMs = Math.round(performance.now() - startMs)
  session.give({ ...info, size: content.sizeBytes, etag: content.etag, local, tookMs })
  if (!alone) return
  const facts = `${formatBytes(content.sizeBytes)}  ${formatRate(content.sizeBytes, tookMs)}`
  session.say(`${printable(info.path)} → ${local}  ${facts}`)
}

async function getFolder(
  session: Session,
  info: FileInfo,
  how: { readonly local: string; readonly parallel: number },
): Promise<void> {
  const { signal, isJson, failed } = session
  const label = `${printable(info.path)} → ${how.local}`
  const progress = showProgress(label, undefined, { shown: showsProgress(isJson) })
  const startMs = performance.now()
  let fileCount = 0
  let totalBytes = 0
  await eachParallel(filesBelow(session, info, how.local), how.parallel, async (file) => {
    try {
      await getFile(session, file.info, { local: file.local, alone: false })
      fileCount++
      totalBytes += file.info.size
      progress.add(file.info.size)
    } catch (error) {
      if (signal.aborted) throw error
      failed(error)
    }
  }).finally(progress.end)
  const tookMs = Math.round(performance.now() - startMs)
  const facts = `${fileCount} files, ${formatBytes(totalBytes)}, ${formatRate(totalBytes, tookMs)}`
  session.say(`${printable(info.path)}/ → ${how.local}  ${facts}`)
  session.give({
    event: 'folder',
    path: info.path,
    local: how.local,
    fileCount,
    totalBytes,
    tookMs,
  })
}

/** All files below a directory; the folders for them are made on the way. */
async function* filesBelow(
  session: Session,
  info: FileInfo,
  local: string,
): AsyncGenerator<{ readonly info: FileInfo; readonly local: string }, void, undefined> {
  const { client, signal, failed } = session
  await makeLocalFolder(local)
  for await (const entry of client.list(info.path, { signal })) {
    let inner: string
    try {
      inner = join(local, localName(entry.name))
    } catch (error) {
      failed(error)
      continue
    }
    if (isFolder(entry)) yield* filesBelow(session, entry, inner)
    else yield { info: entry, local: inner }
  }
}
