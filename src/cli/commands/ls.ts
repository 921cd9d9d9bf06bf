import { Command } from 'commander'
import type { FileInfo } from '../../sdk/index.ts'
import { isFolder, worldPath } from '../paths.ts'
import { run, withCommonOptions } from '../run.ts'
import { columns, formatBytes, formatTime, printable } from '../units.ts'

type Flags = { readonly long?: boolean }

export function lsCommand(): Command {
  return withCommonOptions(
    new Command('ls')
      .description('list a directory')
      .argument('[path]', 'directory or file', '/')
      .option('-l, --long', 'with kind, size, copies and time'),
  )
    .addHelpText('after', help)
    .action(async (path: string, flags: Flags, command: Command) => {
      await run(command, async ({ client, signal, isJson, say, give }) => {
        const target = worldPath(path)
        const found = await client.stat(target, { signal })
        if (isJson) {
          // In the order in which they come: the whole directory is never held.
          if (!isFolder(found)) give(found)
          else for await (const entry of client.list(target, { signal })) give(entry)
          return
        }
        const entries = isFolder(found)
          ? (await collect(client.list(target, { signal }))).sort(byName)
          : [found]
        const lines = flags.long === true ? longLines(entries) : entries.map(shown)
        for (const line of lines) say(line)
      })
    })
}

const help = `
Directories end with a slash. With --json: one object for each entry, unsorted; of an
empty directory, nothing.

Examples:
  npx unosys ls /public
  npx unosys ls -l /
  npx unosys ls --json /public | jq -r .name`

async function collect(entries: AsyncIterable<FileInfo>): Promise<FileInfo[]> {
  const all: FileInfo[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

/** By code units: the same order on every machine. */
const byName = (a: FileInfo, b: FileInfo): number => (a.name < b.name ? -1 : 1)

const shown = (entry: FileInfo): string => {
  const name = printable(entry.name === '' ? '/' : entry.name)
  return isFolder(entry) && name !== '/' ? `${name}/` : name
}

function longLines(entries: readonly FileInfo[]): string[] {
  const rows = entries.map((entry) => [
    entry.kind,
    isFolder(entry) ? `${entry.size} entries` : formatBytes(entry.size),
    `${entry.replicas}x`,
    formatTime(entry.modifiedMs),
    shown(entry),
  ])
  return columns(rows, [1])
}
