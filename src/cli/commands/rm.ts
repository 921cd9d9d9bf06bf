import { Command } from 'commander'
import { fixedDirectories } from '../../base/fixed-directories.ts'
import { isApiError, type UnosysClient } from '../../sdk/index.ts'
import { usage } from '../failure.ts'
import { isFolder, worldPath } from '../paths.ts'
import { eachParallel, run, type Session, withCommonOptions } from '../run.ts'
import { printable } from '../units.ts'

type Flags = { readonly recursive?: boolean; readonly force?: boolean }

const parallel = 16

export function rmCommand(): Command {
  return withCommonOptions(
    new Command('rm')
      .description('remove files and directories')
      .argument('<paths...>', 'to be removed')
      .option('-r, --recursive', 'directories with all that is in them')
      .option('-f, --force', 'what is not there is no error'),
  )
    .addHelpText('after', help)
    .action(async (paths: string[], flags: Flags, command: Command) => {
      await run(command, async (session) => {
        for (const path of paths.map(removable)) await removeOne(session, path, flags)
      })
    })
}

const help = `
An empty directory is removed without -r. The root, /public, /home and /apps stay in every world;
what is in them can be removed.

Examples:
  npx unosys rm /public/a.txt /public/b.txt
  npx unosys rm -r /public/photos`

/** @throws CliError for what stays in every world: before anything, in it or beside it, is gone. */
function removable(text: string): string {
  const path = worldPath(text)
  if (path === '/') throw usage('the root directory cannot be removed')
  if (fixedDirectories.includes(path)) throw usage(`${path} is part of every world and stays`)
  return path
}

async function removeOne(session: Session, path: string, flags: Flags): Promise<void> {
  const { client, signal, say, give, failed } = session
  try {
    if (flags.recursive === true && isFolder(await client.stat(path, { signal }))) {
      await empty(client, path, signal)
    }
    await client.remove(path, { signal })
    give({ event: 'removed', path })
    say(`removed ${printable(path)}`)
  } catch (error) {
    if (flags.force === true && isApiError(error, 'filesystem/not-found')) return
    failed(error)
  }
}

/** Remove all that is in a directory, the deepest first. */
async function empty(client: UnosysClient, path: string, signal: AbortSignal): Promise<void> {
  // Again, until nothing is left: others may add while this removes.
  for (;;) {
    const { entries } = await client.listPage(path, { signal })
    if (entries.length === 0) return
    await eachParallel(entries, parallel, async (entry) => {
      if (isFolder(entry) && entry.size > 0) await empty(client, entry.path, signal)
      try {
        await client.remove(entry.path, { signal })
      } catch (error) {
        if (!isApiError(error, 'filesystem/not-found')) throw error
      }
    })
  }
}
