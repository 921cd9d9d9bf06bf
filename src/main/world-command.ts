/** `unosys world …`: the commands that make worlds and bring them up. Also behind `npm start`. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { UnosysError } from '../base/error.ts'
import { exitCodeOfStart } from './processor-process.ts'
import { sentenceOf } from './sentences.ts'
import { httpPortDefault, nodesMax, portMax, worldFolderDefault } from './world-layout.ts'
import type { WorldView } from './world-up.ts'
import { jsonView, type Output, plainView, tableView } from './world-views.ts'

const logLevels = ['debug', 'info', 'warn', 'error', 'silent']

const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`it must be a whole number from ${min} to ${max}`)
  }

const output: Output = {
  write: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
  // Some terminals say 0.
  columns: () => process.stdout.columns || 80,
  rows: () => process.stdout.rows || 24,
}

/** `world` with its subcommands. Each sets `process.exitCode`. */
export function worldCommand(): Command {
  const world = new Command('world').description('make worlds, and bring them up on this machine')
  world.addCommand(upCommand())
  world.addCommand(createCommand())
  return world
}

type UpFlags = {
  readonly nodes?: number
  readonly data: string
  readonly port?: number
  readonly json?: boolean
  readonly logLevel?: string
  readonly restart: boolean
}

function upCommand(): Command {
  return new Command('up')
    .description('bring up the world in a folder, creating it first if there is none')
    .option('--nodes <count>', `Processors of a new world, 1 to ${nodesMax} (default: 4)`, count)
    .option('--data <folder>', 'the folder of the world', worldFolderDefault)
    .option('--port <port>', 'of the first API; the others count up; 0: any that are free', port)
    .option('--json', 'one line of JSON for each event')
    .option('--no-restart', 'leave a Processor down that died')
    .addOption(new Option('--log-level <level>', 'what Processors log').choices(logLevels))
    .addHelpText('after', upHelp)
    .action(async (flags: UpFlags, command: Command) => {
      const isJson = flags.json === true || command.optsWithGlobals<{ json?: boolean }>().json
      process.exitCode = await up(flags, isJson === true)
    })
}

const count = wholeNumber(1, nodesMax)
const port = wholeNumber(0, portMax)

const upHelp = `
Each Processor is a process of its own, with its own data folder and its own API on 127.0.0.1. The
group that agrees is the largest 3f + 1 of them; the others store. Ctrl-C stops all of them; the
data stays, and the next start finds it.

A Processor that dies is reported and started again, after 1 s, then 2 s, up to 30 s.

With --json, the line {"event":"ready",…} comes when all Processors answer; it has their addresses
and the file of the token.

Examples:
  npx unosys world up
  npx unosys world up --nodes 7 --data worlds/seven --port 8000
  npx unosys world up --json | jq -c 'select(.event == "ready").processors[]'`

async function up(flags: UpFlags, isJson: boolean): Promise<number> {
  // Loaded when it is needed: most commands of `unosys` do not make worlds.
  const { worldUp } = await import('./world-up.ts')
  const stop = new AbortController()
  const hurry = new AbortController()
  const onSignal = (): void => (stop.signal.aborted ? hurry : stop).abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  // A reader that is gone (`… | head`) is no reason to leave Processors without an owner.
  process.stdout.on('error', onSignal)
  try {
    return await worldUp(
      {
        folder: flags.data,
        restarts: flags.restart,
        ...(flags.nodes === undefined ? {} : { nodeCount: flags.nodes }),
        ...(flags.port === undefined ? {} : { httpPort: flags.port }),
        ...(flags.logLevel === undefined ? {} : { logLevel: flags.logLevel }),
        signal: stop.signal,
        hurry: hurry.signal,
      },
      viewOf(flags.data, isJson),
    )
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

function viewOf(folder: string, isJson: boolean): WorldView {
  if (isJson) return jsonView(output)
  return process.stdout.isTTY ? tableView(output, folder) : plainView(output, folder)
}

type CreateFlags = {
  readonly nodes: number
  readonly out: string
  readonly port: number
  readonly replicas?: number
  readonly name?: string
  readonly linkAddresses?: string
  readonly json?: boolean
}

function createCommand(): Command {
  return new Command('create')
    .description('make a new world: one folder for each Processor, to be started where it belongs')
    .option('--nodes <count>', `Processors, 1 to ${nodesMax}`, count, 4)
    .option('--out <folder>', 'where to; it must be empty or not there', worldFolderDefault)
    .option('--port <port>', 'of the first API; the others count up', port, httpPortDefault)
    .option('--replicas <count>', 'copies of each block by default (default: 3, or all)', count)
    .option('--name <name>', 'for people')
    .option('--link-addresses <list>', 'host:port of each Processor for the others, with commas')
    .option('--json', 'the result as JSON')
    .addHelpText('after', createHelp)
    .action(async (flags: CreateFlags, command: Command) => {
      const isJson = flags.json === true || command.optsWithGlobals<{ json?: boolean }>().json
      process.exitCode = await create(flags, isJson === true)
    })
}

const createHelp = `
The folder OUT/k is all that Processor k needs: copy it to its machine, and start it there with
"npx unosys processor start --data OUT/k". OUT/token is the owner's token and good at every
Processor; OUT/passphrase is his passphrase. Keep both, and give them to nobody.

Examples:
  npx unosys world create --nodes 4 --out worlds/four
  npx unosys world create --nodes 4 --out deploy \\
    --link-addresses 10.0.0.1:7400,10.0.0.2:7400,10.0.0.3:7400,10.0.0.4:7400`

async function create(flags: CreateFlags, isJson: boolean): Promise<number> {
  const { nodes, out, replicas, name } = flags
  const { createWorld } = await import('./create-world.ts')
  const { chosenPorts } = await import('./world-up.ts')
  try {
    const ports = await chosenPorts({ nodeCount: nodes, httpPort: flags.port })
    const linkAddresses = flags.linkAddresses?.split(',').map((address) => address.trim())
    const created = await createWorld({
      outFolder: out,
      nodeCount: nodes,
      ...ports,
      ...(linkAddresses === undefined ? {} : { linkAddresses }),
      ...(replicas === undefined ? {} : { defaultReplicas: replicas }),
      ...(name === undefined ? {} : { name }),
    })
    const { world, tokenFile, passphraseFile, config } = created
    if (isJson) {
      const processors = config.processors.map(({ n, role }) => ({ n, role, data: `${out}/${n}` }))
      const result = { event: 'created', world, processors, tokenFile, passphraseFile }
      output.write(`${JSON.stringify(result)}\n`)
    } else {
      output.write(
        `Created world ${world} with ${nodes} Processors in ${out}\n` +
          `Token: ${tokenFile}\nPassphrase: ${passphraseFile}\n` +
          `Start it here: npx unosys world up --data ${out}\n` +
          `Or one Processor at a time: npx unosys processor start --data ${out}/1\n`,
      )
    }
    return 0
  } catch (error) {
    if (!(error instanceof UnosysError)) throw error
    const exitCode = exitCodeOfStart(error)
    const message = sentenceOf(error)
    if (isJson) {
      output.write(`${JSON.stringify({ event: 'failed', code: error.code, message, exitCode })}\n`)
    } else output.error(`unosys: ${message}\n`)
    return exitCode
  }
}
