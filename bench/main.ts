/**
 * `npm run bench`: measures a world of four Processors on this machine, and the machine's floor for
 * the same work, in one run. Absolute figures are guides; ratios within one run are evidence.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { filesTable } from './files.ts'

const commitOf = (): string => {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

async function run(options: {
  readonly quick?: boolean
  readonly json?: boolean
  readonly keep?: boolean
  readonly nodeFlag?: readonly string[]
}): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'unosys-bench-'))
  const about = {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
    commit: commitOf(),
    date: new Date().toISOString().slice(0, 10),
  }
  const lines = await filesTable({
    folder,
    quick: options.quick === true,
    nodeFlags: options.nodeFlag ?? [],
    say: (text) => process.stderr.write(`measured: ${text}\n`),
  })
  if (options.json === true) console.log(JSON.stringify({ ...about, lines }))
  else {
    console.log(`\n${about.machine}, Node ${about.node}, commit ${about.commit}, ${about.date}\n`)
    console.log('| What | Ours | Floor | Ratio |\n| --- | --- | --- | --- |')
    for (const { what, value, floor, ratio } of lines) {
      console.log(`| ${what} | ${value} | ${floor ?? ''} | ${ratio?.toFixed(2) ?? ''} |`)
    }
  }
  // Only now: removing files makes creating others slow for a minute (docs/performance.md).
  if (options.keep !== true) rmSync(folder, { recursive: true, force: true })
}

await new Command('bench')
  .description('Measure a world of four Processors against the floor of this machine.')
  .option('--quick', 'a tenth of the work, for a first look')
  .option('--json', 'one JSON object')
  .option('--keep', 'leave the folders')
  .option('--node-flag <flag...>', 'more flags of Node for each Processor, such as --cpu-prof')
  .action(run)
  .parseAsync()
