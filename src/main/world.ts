/** What `npm start` runs: `world up`, and `world create`, alone. */
import { CommanderError } from 'commander'
import { ExitCode } from './exit-codes.ts'
import { version } from './version.ts'
import { worldCommand } from './world-command.ts'

const program = worldCommand().version(version)
for (const command of [program, ...program.commands]) command.exitOverride()
program.showHelpAfterError('(--help tells more)')

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage
}
// What hangs in the system is not worth waiting for: told to stop twice, it ends.
process.stdout.write('', () => process.exit())
