/**
 * `npm run bench`: measures a world of four Processors on this machine, and the machine's floor for
 * the same work, in one run. Absolute figures are guides; ratios within one run are evidence.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { about, aboutText } from './about.ts'
import { filesTable } from './files.ts'
import { tableOf } from './lines.ts'
import { profileWorld } from './profile.ts'

type TableOptions = {
  readonly quick?: boolean
  readonly json?: boolean
  readonly keep?: boolean
  readonly dir: string
  readonly nodeFlag?: readonly string[]
}

async function table(options: TableOptions): Promise<void> {
  const folder = mkdtempSync(join(options.dir, 'unosys-bench-'))
  const facts = about()
  const lines = await filesTable({
    folder,
    quick: options.quick === true,
    nodeFlags: options.nodeFlag ?? [],
    say: ({ what, ours }) => process.stderr.write(`${what}: ${ours}\n`),
  })
  if (options.json === true) console.log(JSON.stringify({ ...facts, lines }))
  else {
    console.log(`\n${aboutText(facts)}\n`)
    console.log(tableOf(lines))
  }
  // Only now: removing files makes creating others slow for a minute (docs/performance.md).
  if (options.keep !== true) rmSync(folder, { recursive: true, force: true })
}

/** Benches of one layer are programs of their own. */
async function runProgram(file: string, args: readonly string[]): Promise<void> {
  const program = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 1
}

const command = new Command('bench').description(
  'Measure a world of four Processors against the floor of this machine.',
)
command
  .command('table', { isDefault: true })
  .description('large and small files, small changes, memory, start (several minutes)')
  .option('--quick', 'a part of the work, for a first look')
  .option('--json', 'one JSON object')
  .option('--keep', 'leave the folders')
  .option('--dir <dir>', 'where the folders are made', tmpdir())
  .option('--node-flag <flag...>', 'more flags of Node for each Processor')
  .action(table)
command
  .command('profile <job>')
  .description('CPU profile of each Processor: write, read, create, overwrite or stat')
  .option('--out <dir>', 'where the profiles go', join(tmpdir(), 'unosys-profiles'))
  .option('--lines <count>', 'functions to show of each', '15')
  .action((job: string, options: { readonly out: string; readonly lines: string }) =>
    profileWorld(job, { out: options.out, lineCount: Number(options.lines) }),
  )
for (const [name, file, what] of [
  ['links', './links.ts', 'one link between two processes, and the bare transport'],
  ['consensus', './consensus.ts', 'small strong writes and reads: --quick, --members 4,7, --level'],
  ['section', './section.ts', 'execution without network, disk or consensus'],
  ['vault', './vault-durability.ts', 'two ways to make blocks durable'],
  ['vault-start', './vault-start.ts', 'the index of 100,000 blocks from their names at start'],
] as const) {
  command
    .command(`${name} [args...]`)
    .description(what)
    .allowUnknownOption()
    .action((args: readonly string[]) => runProgram(file, args))
}
await command.parseAsync()
