import { Command, Option } from 'commander'
import { ExitCode } from '../../main/exit-codes.ts'
import {
  ProcessorError,
  type ProcessorProcess,
  spawnProcessor,
} from '../../main/processor-process.ts'
import { exitCodeOfFailure, failureLine, failureObject } from '../failure.ts'
import { parseOffset } from '../units.ts'

type Flags = {
  readonly data: string
  readonly httpPort?: number
  readonly linkAddress?: string
  readonly logLevel?: string
  readonly logStderr?: boolean
  readonly json?: boolean
}

/** Longer than a Processor takes to stop by itself. */
const stopGraceMs = 10_000

export function processorCommand(): Command {
  const processor = new Command('processor').description('run one Processor of a world')
  processor.addCommand(
    new Command('start')
      .description('start the Processor of a folder, and run until told to stop')
      .requiredOption('--data <folder>', 'with processor.json, genesis and keyring')
      .option('--http-port <port>', 'of the API on 127.0.0.1; 0: any that is free', parseOffset)
      .option('--link-address <host:port>', 'to listen on for other Processors')
      .addOption(
        new Option('--log-level <level>', 'what it logs').choices([
          ...['debug', 'info', 'warn', 'error', 'silent'],
        ]),
      )
      .option('--log-stderr', 'log to standard error instead of DATA/log')
      .option('--json', 'one line of JSON for each event')
      .addHelpText('after', help)
      .action(async (flags: Flags, command: Command) => {
        const isJson = command.optsWithGlobals<{ json?: boolean }>().json === true
        process.exitCode = await start(flags, isJson)
      }),
  )
  return processor
}

const help = `
The folder comes from "npx unosys world create". Ports and addresses stand in its processor.json; the
options here take their place for this start. SIGINT and SIGTERM stop it: requests end, everything
is closed. Its exit code tells why it ended (docs/cli.md has the table).

Examples:
  npx unosys processor start --data deploy/1
  npx unosys processor start --data deploy/1 --http-port 8080 --log-stderr --log-level debug`

async function start(flags: Flags, isJson: boolean): Promise<number> {
  const processor: ProcessorProcess = spawnProcessor({
    dataFolder: flags.data,
    ...(flags.httpPort === undefined ? {} : { httpPort: flags.httpPort }),
    ...(flags.linkAddress === undefined ? {} : { linkAddress: flags.linkAddress }),
    ...(flags.logLevel === undefined ? {} : { logLevel: flags.logLevel }),
    logToStderr: flags.logStderr === true,
  })
  let isStopping = false
  const onSignal = (): void => {
    void (isStopping ? processor.kill() : processor.stop(stopGraceMs))
    isStopping = true
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  try {
    const ready = await processor.ready
    if (isJson) process.stdout.write(`${JSON.stringify({ event: 'ready', ...ready })}\n`)
    else {
      const world = ready.world.slice(0, 16)
      process.stdout.write(`Processor ${ready.n} of world ${world}… serves ${ready.api}\n`)
      process.stdout.write(`${ready.notice}\n`)
    }
    const { code, signal } = await processor.exited
    const failure = processor.failure()
    if (failure !== undefined) throw failure
    if (isStopping || code === 0) return ExitCode.Ok
    const how = signal === null ? `with code ${code}` : `by ${signal}`
    throw new ProcessorError('start/fault', `the Processor ended ${how}`, {
      exitCode: ExitCode.Fault,
    })
  } catch (error) {
    if (isStopping && processor.failure() === undefined) return ExitCode.Ok
    if (isJson) process.stdout.write(`${JSON.stringify(failureObject(error))}\n`)
    else process.stderr.write(`unosys: ${failureLine(error)}\n`)
    return exitCodeOfFailure(error)
  }
}
