/** What all commands share: the client, printing, failing, and the signal of Ctrl-C. */
import { type Command, Option } from 'commander'
import type { UnosysClient } from '../sdk/index.ts'
import { type ConnectOptions, connect } from './connect.ts'
import { exitCodeOfFailure, failureLine, failureObject } from './failure.ts'
import { parseSeconds } from './units.ts'

export type Session = {
  readonly client: UnosysClient
  readonly isJson: boolean
  /** Fires at Ctrl-C. */
  readonly signal: AbortSignal
  /** A line on standard output for people; nothing under `--json`. */
  readonly say: (line: string) => void
  /** An object on a line of standard output under `--json`; nothing for people. */
  readonly give: (value: unknown) => void
  /** One of several failed: told now, and the command goes on. */
  readonly failed: (error: unknown) => void
}

type CommonFlags = {
  readonly api?: string
  readonly world?: string
  readonly json?: boolean
  readonly timeout?: number
}

/** `--api`, `--world`, `--timeout`, `--json`: on every command, before or after its name. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--api <url>', 'the Processor to talk to (default: $UNOSYS_API, or the first here)')
    .option('--world <folder>', 'of a world on this machine (default: $UNOSYS_WORLD, or .unosys)')
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for a quorum').argParser(parseSeconds),
    )
    .option('--json', 'JSON for programs, one object on a line')
}

/** Run the work of a command and set the exit code. */
export async function run(
  command: Command,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const flags = command.optsWithGlobals<CommonFlags>()
  const isJson = flags.json === true
  const interrupt = new AbortController()
  const onInterrupt = (): void => interrupt.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onInterrupt)
  let failures = 0
  let firstExit: number | undefined
  const failed = (error: unknown): void => {
    failures++
    firstExit ??= exitCodeOfFailure(error)
    tell(error, isJson)
  }
  try {
    const options: ConnectOptions = {
      api: flags.api,
      world: flags.world,
      timeoutMs: flags.timeout,
    }
    await work({
      client: await connect(options),
      isJson,
      signal: interrupt.signal,
      say: (line) => {
        if (!isJson) process.stdout.write(`${line}\n`)
      },
      give: (value) => {
        if (isJson) process.stdout.write(`${JSON.stringify(value)}\n`)
      },
      failed,
    })
  } catch (error) {
    failed(error)
  }
  if (failures > 0) process.exitCode = firstExit ?? 1
}

function tell(error: unknown, isJson: boolean): void {
  if (isJson) process.stdout.write(`${JSON.stringify(failureObject(error))}\n`)
  else process.stderr.write(`unosys: ${failureLine(error)}\n`)
}

/** Run `work` over items, at most `parallel` at once; the first error stops taking more. */
export async function eachParallel<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  parallel: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for await (const item of items) {
    if (failure !== undefined) break
    const one: Promise<void> = work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => running.delete(one))
    running.add(one)
    if (running.size >= parallel) await Promise.race(running)
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.error
}
