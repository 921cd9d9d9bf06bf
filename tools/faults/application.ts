/**
 * One application of a world under test: does one thing after another to files and directories,
 * each through some Processor, and writes down when it asked and what it was told.
 */
import { messageOf } from '../../src/base/error.ts'
import { type CallOptions, isApiError, type UnosysClient } from '../../src/sdk/index.ts'
import type { SimRandom } from '../../src/simulator/sim-random.ts'
import { contentOf, recordOf, writtenIn } from '../../src/simulator/world-contents.ts'
import { pause } from '../tour/until.ts'
import type { Append } from './append-log.ts'
import type { DirectoryInput, DirectoryOutput } from './directory-model.ts'
import { absent, type History } from './history.ts'

/** What all applications of a workload work on. */
export type Ground = {
  readonly registers: readonly string[]
  /** The log and the directory of the moment: there is a new one when one has seen enough. */
  readonly log: () => string
  readonly directory: () => { readonly path: string; readonly mark: number }
}

export type ApplicationOptions = {
  readonly name: string
  readonly history: History
  readonly random: SimRandom
  readonly ground: Ground
  /** The Processor for the next call; undefined: there is none at the moment. */
  readonly through: () => { readonly n: number; readonly client: UnosysClient } | undefined
  readonly deadlineMs: number
  /** Mean pause between calls. */
  readonly pauseMs: number
}

const directoryNames = ['a', 'b', 'c', 'd', 'e', 'f']
const largeBytesMax = 200_000
const smallBytesMax = 2_000

/** Answers that say that nothing was changed. */
const harmless = new Set([
  ...['filesystem/unavailable', 'filesystem/conflict', 'filesystem/full'],
  ...['users/rate-limited', 'api/stopping'],
])
/** Answers that leave it open, or no answer. */
const open = new Set([
  ...['filesystem/unconfirmed', 'filesystem/cancelled'],
  ...['sdk/unreachable', 'sdk/cut-off', 'sdk/aborted'],
])

type Told<Value> =
  | { readonly kind: 'answer'; readonly value: Value }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'nothing' | 'open' }

export class Application {
  readonly #options: ApplicationOptions
  #isStopped = false
  #count = 0

  constructor(options: ApplicationOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { random, pauseMs } = this.#options
    while (!this.#isStopped) {
      const draw = random.unit()
      if (draw < 0.2) await this.#write()
      else if (draw < 0.35) await this.#read()
      else if (draw < 0.45) await this.#append()
      else await this.#directory()
      await pause(random.unit() * 2 * pauseMs)
    }
  }

  /** After the call that is under way. */
  stop(): void {
    this.#isStopped = true
  }

  #value(): string {
    return `${this.#options.name}.${++this.#count}`
  }

  async #write(): Promise<void> {
    const { random, ground, history } = this.#options
    const path = random.pick(ground.registers)
    const value = this.#value()
    const isLarge = random.happens(0.15)
    const content = contentOf(value, random.below(isLarge ? largeBytesMax : smallBytesMax))
    const call = await this.#call(`write of ${path}`, true, (client, options) =>
      client.write(path, content, { ...options, parents: true }),
    )
    const { told, startedAt } = call
    if (told.kind === 'nothing') return
    const endedAt = told.kind === 'answer' ? call.endedAt : Number.POSITIVE_INFINITY
    if (told.kind === 'refused') this.#unexpected(`write of ${path}`, told.code)
    history.register(path, { kind: 'write', value, startedAt, endedAt })
  }

  async #read(): Promise<void> {
    const { random, ground, history } = this.#options
    const path = random.pick(ground.registers)
    const call = await this.#call(`read of ${path}`, false, (client, options) =>
      client.readAll(path, options),
    )
    const value = contentSaid(call.told)
    if (value !== undefined) history.register(path, { ...call, kind: 'read', value })
    else if (call.told.kind === 'answer') history.faults.push(`${path}: not what was written`)
  }

  async #append(): Promise<void> {
    const { ground, history } = this.#options
    const path = ground.log()
    const value = this.#value()
    const call = await this.#call(`append to ${path}`, true, (client, options) =>
      client.append(path, recordOf(value), options),
    )
    const { told, startedAt, endedAt } = call
    if (told.kind === 'refused') this.#unexpected(`append to ${path}`, told.code)
    const outcome: Append['outcome'] =
      told.kind === 'answer' ? 'done' : told.kind === 'refused' ? 'open' : told.kind
    history.append(path, { value, startedAt, endedAt, outcome })
  }

  #directory(): Promise<void> {
    const { random, ground } = this.#options
    const { path: directory, mark } = ground.directory()
    const name = random.pick(directoryNames)
    const to = random.pick(directoryNames.filter((other) => other !== name))
    const draw = random.unit()
    if (draw < 0.4) return this.#change({ kind: 'create', directory, name, mark })
    if (draw < 0.55) return this.#change({ kind: 'remove', directory, name })
    if (draw < 0.7) return this.#change({ kind: 'rename', directory, name, to })
    if (draw < 0.85) return this.#change({ kind: 'look', directory, name })
    return this.#change({ kind: 'list', directory })
  }

  async #change(input: DirectoryInput): Promise<void> {
    const what = `${input.kind} in ${input.directory}`
    const isChange = input.kind !== 'look' && input.kind !== 'list'
    const call = await this.#call(what, isChange, (client, options) =>
      directoryCall(client, input, options),
    )
    const { told, ...at } = call
    if (told.kind === 'nothing' || (told.kind === 'open' && !isChange)) return
    if (told.kind === 'refused') this.#unexpected(what, told.code)
    const output = told.kind === 'answer' ? told.value : undefined
    this.#options.history.directory({ ...at, input, output, by: this.#options.name })
  }

  #unexpected(what: string, code: string): void {
    this.#options.history.faults.push(`${what}: answered with ${code}`)
  }

  async #call<Value>(
    what: string,
    isChange: boolean,
    work: (client: UnosysClient, options: CallOptions) => Promise<Value>,
  ): Promise<{ readonly told: Told<Value>; readonly startedAt: number; endedAt: number }> {
    const { history, through, deadlineMs } = this.#options
    const processor = through()
    const startedAt = performance.now()
    const end = (told: Told<Value>) => ({ told, startedAt, endedAt: performance.now() })
    if (processor === undefined) return end({ kind: 'nothing' })
    // Longer than the Processor's own patience, and that of the client that tries again.
    const signal = AbortSignal.timeout(deadlineMs * 5)
    try {
      const value = await work(processor.client, { deadlineMs, signal })
      if (isChange) history.acknowledgedAtMs.push(performance.now())
      else history.readCount++
      return end({ kind: 'answer', value })
    } catch (error) {
      const told = toldBy(error)
      if (told === undefined) {
        history.faults.push(`${what} through Processor ${processor.n}: ${messageOf(error)}`)
        return end({ kind: 'open' })
      }
      if (told.kind === 'open') history.openCount++
      if (told.kind === 'nothing') history.refusedCount++
      return end(told)
    }
  }
}

/** Undefined: nothing that a Processor in trouble may say. */
function toldBy(error: unknown): Exclude<Told<never>, { kind: 'answer' }> | undefined {
  if (!isApiError(error)) return undefined
  const { code, cause } = error
  const isNobodyThere = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'
  if (harmless.has(code) || isNobodyThere) return { kind: 'nothing' }
  if (open.has(code)) return { kind: 'open' }
  return code === 'filesystem/not-found' ? { kind: 'refused', code } : undefined
}

/** Which write a file's content is of. */
function contentSaid(told: Told<Uint8Array>): string | undefined {
  if (told.kind === 'answer') return writtenIn(told.value)
  return told.kind === 'refused' ? absent : undefined
}

/** A file's content in a directory: all of it follows from its mark. */
export const markContent = (mark: number): Uint8Array => contentOf('mark', mark)

async function directoryCall(
  client: UnosysClient,
  input: DirectoryInput,
  options: CallOptions,
): Promise<DirectoryOutput> {
  const path = 'name' in input ? `${input.directory}/${input.name}` : input.directory
  try {
    switch (input.kind) {
      case 'create':
        await client.write(path, markContent(input.mark), { ...options, ifNoneMatch: '*' })
        return { kind: 'done' }
      case 'remove':
        await client.remove(path, options)
        return { kind: 'done' }
      case 'rename': {
        const { size } = await client.rename(path, `${input.directory}/${input.to}`, options)
        return { kind: 'done', mark: size }
      }
      case 'look':
        return { kind: 'done', mark: (await client.stat(path, options)).size }
      case 'list': {
        const { entries } = await client.listPage(path, options)
        return { kind: 'entries', entries: new Map(entries.map(({ name, size }) => [name, size])) }
      }
    }
  } catch (error) {
    if (input.kind === 'list') throw error
    if (isApiError(error, 'filesystem/not-found')) return { kind: 'absent' }
    if (isApiError(error, 'filesystem/exists') || isApiError(error, 'filesystem/precondition')) {
      return { kind: 'exists' }
    }
    throw error
  }
}
