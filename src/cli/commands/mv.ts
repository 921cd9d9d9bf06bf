import { Command } from 'commander'
import { destination, nameOf, worldPath } from '../paths.ts'
import { run, withCommonOptions } from '../run.ts'
import { printable } from '../units.ts'

type Flags = { readonly force?: boolean }

export function mvCommand(): Command {
  return withCommonOptions(
    new Command('mv')
      .description('rename or move, atomically')
      .argument('<from>', 'file or directory')
      .argument('<to>', 'its new path, or a directory to move it into')
      .option('-f, --force', 'replace a file that is there'),
  )
    .addHelpText('after', help)
    .action(async (from: string, to: string, flags: Flags, command: Command) => {
      await run(command, async ({ client, signal, say, give }) => {
        const source = worldPath(from)
        const target = await destination(client, { path: to, sourceCount: 1 }, signal)
        const replace = flags.force === true
        const moved = await client.rename(source, target(nameOf(source)), { replace, signal })
        give(moved)
        say(`${printable(source)} is now ${printable(moved.path)}`)
      })
    })
}

const help = `
Examples:
  npx unosys mv /public/a.txt /public/b.txt
  npx unosys mv /public/a.txt /home/
  npx unosys mv -f /public/new.json /public/current.json`
