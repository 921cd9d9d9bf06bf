/**
 * The Processor's process. Prints one line of JSON on standard output when it serves, and one when
 * it fails; everything else goes to its log. `npx unosys processor start --help` describes it.
 *
 * Under `--supervised` whoever started it holds its standard input: when that closes, the Processor
 * stops, so that none outlives the program that looks after it.
 */
import { parseArgs } from 'node:util'
import type { LogLevel } from '../adapters/pino-log.ts'
import { messageOf, UnosysError } from '../base/error.ts'
import { ExitCode, exitCodeOf, StartCode, StartError } from './exit-codes.ts'
import { sentenceOf } from './sentences.ts'
import {
  type RunningProcessor,
  type StartProcessorOptions,
  startProcessor,
} from './start-processor.ts'
import { portMax } from './world-layout.ts'

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent']

/** When closing hangs: longer than the grace of requests, shorter than the patience of starters. */
const stopMsMax = 8_000

const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** The line that says why, and the exit code. The process ends by itself once all is closed. */
function fail(error: unknown): void {
  const code = error instanceof UnosysError ? error.code : StartCode.Fault
  const exitCode = exitCodeOf(error)
  say({ event: 'failed', code, message: sentenceOf(error), exitCode })
  // Whoever looks after it tells what stands on standard output.
  if (!process.argv.includes('--supervised')) {
    process.stderr.write(`unosys processor: ${sentenceOf(error)}\n`)
  }
  process.exitCode = exitCode
}

type Arguments = Omit<StartProcessorOptions, 'onFatal'> & { readonly supervised: boolean }

/** @throws StartError `start/usage` */
function parseArguments(args: readonly string[]): Arguments {
  const usage = (why: string): StartError =>
    new StartError(StartCode.Usage, `${why}; see: npx unosys processor start --help`, {})
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        data: { type: 'string' },
        'http-port': { type: 'string' },
        'link-address': { type: 'string' },
        'log-level': { type: 'string' },
        'log-stderr': { type: 'boolean' },
        supervised: { type: 'boolean' },
      },
    })
    if (values.data === undefined) throw usage('--data DIR is missing')
    const port = values['http-port']
    const httpPort = port === undefined ? undefined : Number(port)
    if (httpPort !== undefined && !(/^\d+$/.test(port ?? '') && httpPort <= portMax)) {
      throw usage(`--http-port must be from 0 to ${portMax}`)
    }
    const level = values['log-level']
    if (level !== undefined && !logLevels.includes(level)) {
      throw usage(`--log-level must be one of ${logLevels.join(', ')}`)
    }
    const linkAddress = values['link-address']
    return {
      dataFolder: values.data,
      supervised: values.supervised === true,
      logToStderr: values['log-stderr'] === true,
      ...(httpPort === undefined ? {} : { httpPort }),
      ...(linkAddress === undefined ? {} : { linkAddress }),
      ...(level === undefined ? {} : { logLevel: level as LogLevel }),
    }
  } catch (error) {
    if (error instanceof TypeError) throw usage(messageOf(error))
    throw error
  }
}

/** Resolves with the reason: what was asked from outside, or what made going on impossible. */
function reasonToStop(supervised: boolean, fatal: Promise<Error>): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const stop = (): void => resolve(undefined)
    // At a terminal, Ctrl-C reaches every process of the world; whoever looks after them decides.
    process.on('SIGINT', supervised ? () => {} : stop)
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
    if (supervised) process.stdin.on('end', stop).on('error', stop).resume()
    fatal.then(resolve, resolve)
  })
}

async function run(args: Arguments): Promise<void> {
  let onFatal = (_error: Error): void => {}
  const fatal = new Promise<Error>((resolve) => {
    onFatal = resolve
  })
  const reason = reasonToStop(args.supervised, fatal)
  let running: RunningProcessor | undefined
  const starting = startProcessor({ ...args, onFatal }).then((processor) => {
    running = processor
    const { n, role, world, api, notice } = processor
    say({ event: 'ready', n, role, world, api, pid: process.pid, notice })
  })
  const why = await Promise.race([starting.then(() => reason), reason])
  const overdue = setTimeout(() => process.exit(ExitCode.Fault), stopMsMax)
  overdue.unref()
  // Told to stop while it starts: what has begun comes to an end first.
  if (running === undefined) await starting
  await running?.stop()
  if (why !== undefined) {
    const message = `the Processor stopped itself: ${messageOf(why)}; its log says more`
    fail(new StartError(StartCode.Fault, message, {}, { cause: why }))
  }
}

function onUnexpected(error: unknown): void {
  fail(new StartError(StartCode.Fault, `the Processor failed: ${messageOf(error)}`, {}))
  process.stderr.write(`${error instanceof Error ? error.stack : ''}\n`)
  process.exit(ExitCode.Fault)
}

// A broken promise of our own code: stop rather than go on wrong. What was acknowledged is durable.
process.on('uncaughtException', onUnexpected)
process.on('unhandledRejection', onUnexpected)
// Whoever read it may be gone; that is no reason to fail.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

try {
  await run(parseArguments(process.argv.slice(2)))
} catch (error) {
  fail(error)
}
// Standard input may still be open; nothing else should be.
process.exit()
