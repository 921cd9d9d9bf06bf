/** Everything that a workload made, read through every Processor once the world is whole again. */
import { messageOf } from '../../src/base/error.ts'
import { isApiError, type UnosysClient } from '../../src/sdk/index.ts'
import { writtenIn } from '../../src/simulator/world-contents.ts'
import { eachOf } from '../tour/transfer.ts'
import { pause } from '../tour/until.ts'
import { markContent } from './application.ts'
import type { Entries } from './directory-model.ts'
import { absent, type History } from './history.ts'

export type ReadingOptions = {
  readonly processors: readonly { readonly n: number; readonly client: UnosysClient }[]
  readonly history: History
  readonly registers: readonly string[]
  readonly logs: readonly string[]
  readonly directories: readonly string[]
  /** Ends it early. */
  readonly signal: AbortSignal | undefined
}

const atOnce = 4
const answeredMsMax = 60_000
const retryMs = 200

/**
 * What is read stands in the history then, as every other call does.
 *
 * @throws the signal's reason when it is aborted; whether the rest can be read is open then.
 */
export async function readEverything(options: ReadingOptions): Promise<void> {
  const { processors, history, registers, logs, directories, signal } = options
  for (const processor of processors) {
    const reading = new Reading(history, processor, signal)
    await eachOf(registers, atOnce, (path) => reading.register(path))
    await eachOf(logs, atOnce, (path) => reading.log(path))
    const listed = await eachOf(directories, atOnce, (path) => reading.directory(path))
    const files = listed.flatMap((entries, index) =>
      [...entries].map(([name, mark]) => ({ path: `${directories[index]}/${name}`, mark })),
    )
    await eachOf(files, atOnce, (file) => reading.marked(file))
  }
}

class Reading {
  readonly #history: History
  readonly #n: number
  readonly #client: UnosysClient
  readonly #signal: AbortSignal | undefined

  constructor(
    history: History,
    processor: { readonly n: number; readonly client: UnosysClient },
    signal: AbortSignal | undefined,
  ) {
    this.#history = history
    this.#signal = signal
    this.#n = processor.n
    this.#client = processor.client
  }

  async register(path: string): Promise<void> {
    const answer = await this.#answer(path, async () => {
      try {
        return { value: writtenIn(await this.#client.readAll(path)) }
      } catch (error) {
        // Nobody may have written it: the history tells.
        if (isApiError(error, 'filesystem/not-found')) return { value: absent }
        throw error
      }
    })
    if (answer === undefined) return
    const { startedAt, endedAt } = answer
    const { value } = answer.found
    if (value === undefined) this.#fault(path, 'is not what was written')
    else this.#history.register(path, { kind: 'read', value, startedAt, endedAt })
  }

  async log(path: string): Promise<void> {
    const answer = await this.#answer(path, () => this.#client.readAll(path))
    if (answer !== undefined) this.#history.logEnd(path, answer.found)
  }

  async directory(path: string): Promise<Entries> {
    const answer = await this.#answer(path, async () => {
      const { entries } = await this.#client.listPage(path)
      return new Map(entries.map(({ name, size }) => [name, size]))
    })
    if (answer === undefined) return new Map()
    const { found, startedAt, endedAt } = answer
    const input = { kind: 'list', directory: path } as const
    const output = { kind: 'entries', entries: found } as const
    const by = `Processor ${this.#n}, in the end`
    this.#history.directory({ input, output, startedAt, endedAt, by })
    return found
  }

  async marked(file: { readonly path: string; readonly mark: number }): Promise<void> {
    const answer = await this.#answer(file.path, () => this.#client.readAll(file.path))
    if (answer === undefined || Buffer.from(answer.found).equals(markContent(file.mark))) return
    this.#fault(file.path, `is not the file of ${file.mark} bytes that was made`)
  }

  /** A world that is whole again answers; a moment of patience is all that it may ask for. */
  async #answer<Found>(
    path: string,
    ask: () => Promise<Found>,
  ): Promise<
    { readonly found: Found; readonly startedAt: number; readonly endedAt: number } | undefined
  > {
    const endMs = performance.now() + answeredMsMax
    for (;;) {
      this.#signal?.throwIfAborted()
      const startedAt = performance.now()
      try {
        return { found: await ask(), startedAt, endedAt: performance.now() }
      } catch (error) {
        const isLost = isApiError(error, 'filesystem/not-found')
        if (!isLost && isApiError(error) && performance.now() < endMs) {
          await pause(retryMs)
          continue
        }
        this.#fault(path, isLost ? 'is lost' : `cannot be read: ${messageOf(error)}`)
        return undefined
      }
    }
  }

  #fault(path: string, what: string): void {
    this.#history.faults.push(`${path} at Processor ${this.#n} ${what}`)
  }
}
