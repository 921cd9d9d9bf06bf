/** The `unosys` command. */
import { CommanderError, type Command as Parsed, program } from 'commander'
import { ExitCode } from '../main/exit-codes.ts'
import { version } from '../main/version.ts'
import { worldCommand } from '../main/world-command.ts'
import { catCommand } from './commands/cat.ts'
import { getCommand } from './commands/get.ts'
import { lsCommand } from './commands/ls.ts'
import { mkdirCommand } from './commands/mkdir.ts'
import { mvCommand } from './commands/mv.ts'
import { processorCommand } from './commands/processor.ts'
import { putCommand } from './commands/put.ts'
import { rmCommand } from './commands/rm.ts'
import { statCommand } from './commands/stat.ts'
import { statusCommand } from './commands/status.ts'
import { withCommonOptions } from './run.ts'
import { endQuietlyWithReader } from './standard-streams.ts'

const help = `
Paths of the world are absolute, and the same at every Processor: /public/README.md. Files are local
where a command says so.

The token comes from the environment variable UNOSYS_TOKEN, or from the file "token" in the folder of
the world; it is never given as an option, since others can see those.

Exit codes: 0 done · 1 failed · 2 wrong use · 3 not there · 4 the Processor or too many others do not
answer · 5 no right · 6 contradicts what is there · 10 and above: a Processor does not start
(docs/cli.md has them all).

Examples:
  npx unosys world up                      bring up four Processors on this machine
  npx unosys put README.md /public/        store a file
  npx unosys ls -l /public                 see it
  npx unosys --api http://127.0.0.1:7302 cat /public/README.md
  npx unosys status                        who is up
  npx unosys put --help                    more on one command`

endQuietlyWithReader()
withCommonOptions(program)
  .name('unosys')
  .description('Files of a UnoSys world, through the Processor on this machine.')
  .version(version)
  .addHelpText('after', help)
for (const command of [
  ...[worldCommand(), processorCommand(), statusCommand(), lsCommand(), mkdirCommand()],
  ...[putCommand(), getCommand(), catCommand(), statCommand(), mvCommand(), rmCommand()],
]) {
  program.addCommand(command)
}

/** Wrong use is exit code 2, help and version are 0; commander would say 1. */
function strict(command: Parsed): void {
  command.exitOverride().showHelpAfterError('(--help tells more)')
  for (const inner of command.commands) strict(inner)
}
strict(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage
}
// Standard input may still be open, or an idle connection: nothing that is worth waiting for.
process.stdout.write('', () => process.exit())
