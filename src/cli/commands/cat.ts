import { Command } from 'commander'
import { worldPath } from '../paths.ts'
import { run, withCommonOptions } from '../run.ts'
import { writeOut } from '../standard-streams.ts'
import { parseOffset } from '../units.ts'

type Flags = { readonly start?: number; readonly end?: number }

export function catCommand(): Command {
  return withCommonOptions(
    new Command('cat')
      .description('print files to standard output')
      .argument('<paths...>', 'files')
      .option('--start <byte>', 'the first byte', parseOffset)
      .option('--end <byte>', 'the byte behind the last one', parseOffset),
  )
    .addHelpText('after', help)
    .action(async (paths: string[], flags: Flags, command: Command) => {
      await run(command, async ({ client, signal }) => {
        for (const path of paths.map(worldPath)) {
          const content = await client.read(path, { ...flags, signal })
          await writeOut(content.bytes, () => {})
        }
      })
    })
}

const help = `
Bytes come as they are; --json changes only how an error is told (on standard output, after what was
printed).

Examples:
  npx unosys cat /public/README.md
  npx unosys cat --start 0 --end 512 /public/disk.img | hexdump -C`
