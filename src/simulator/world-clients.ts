/**
 * Applications of a simulated world: each writes, swaps, removes and reads whole files, appends to
 * one log, writes cells of one file in place, and makes, renames and removes names in one
 * directory, through one Processor or another, and writes down what it was told.
 */
import { concat, fromUtf8, utf8 } from '../base/bytes.ts'
import type { DirectoryInput, DirectoryOutput } from './linear-directory.ts'
import type { FileCall, FileInput, FileOutput } from './linear-file.ts'
import type { LogOutput } from './linear-log.ts'
import type { Call } from './linearizability.ts'
import type { SimRandom } from './sim-random.ts'
import type { SimWorld } from './world.ts'
import { Asking, type Outcome } from './world-asking.ts'
import { contentOf, recordBytes, recordOf, recordsIn, writtenIn } from './world-contents.ts'
import type { WorldHistories } from './world-histories.ts'

export type ClientOptions = {
  readonly name: string
  readonly random: SimRandom
  readonly fileCount: number
  readonly operationCount: number
  readonly contentBytesMax: number
  readonly pauseMsMax: number
  /** How long one request may take, in virtual time. */
  readonly deadlineMs: number
  readonly isTrusted: (n: number) => boolean
  /** Nothing but cells. */
  readonly cellsOnly?: boolean
  /** A word that stands in all that it writes and names; see `world-secrets.ts`. */
  readonly canary: string
}

const filesPath = '/v1/files'
const folder = '/public/w'
/** The file to which all append. */
export const logPath = `${filesPath}${folder}/log`
export const folderPath = `${filesPath}${folder}?kind=directory`
/** The file whose cells are written in place, side by side in one block. */
export const cellsPath = `${filesPath}${folder}/cells`
const cellCount = 4
const cellNames = Array.from({ length: cellCount }, (_, index) => `cell-${index}`)
const emptyCell = '-'
export const emptyCells = concat(cellNames.map(() => recordOf(emptyCell)))
/** What the histories of cells begin with. */
export const cellsMade: readonly FileCall[] = cellNames.map((file) => ({
  input: { kind: 'put', file, value: emptyCell },
  output: { kind: 'done' },
  ...{ startedAt: 0, endedAt: 0, by: 'maker' },
}))
/** The directory in which names come and go. */
export const namesPath = `${folder}/d`
export const namesFolderPath = `${filesPath}${namesPath}?kind=directory`

const names = ['a', 'b', 'c'] as const
const nameBytesMax = 600

type Noted = Pick<Call<never, never>, 'startedAt' | 'endedAt'> & { readonly by: string }

export class WorldClient {
  readonly #histories: WorldHistories
  readonly #options: ClientOptions
  readonly #asking: Asking
  /** The version of each file that this client saw last. */
  readonly #versions = new Map<string, string>()
  #operation = 0
  isDone = false

  constructor(world: SimWorld, histories: WorldHistories, options: ClientOptions) {
    this.#histories = histories
    this.#options = options
    this.#asking = new Asking(world, histories, options)
  }

  /** Do everything, one after the other. */
  async run(): Promise<void> {
    const { random, operationCount, pauseMsMax, cellsOnly = false } = this.#options
    while (this.#operation < operationCount) {
      this.#operation++
      if (cellsOnly) await this.#cell()
      else await this.#one()
      await this.#asking.pause(random.between({ min: 0, max: pauseMsMax }))
    }
    this.isDone = true
  }

  async #one(): Promise<void> {
    const { random, fileCount } = this.#options
    const file = random.below(fileCount)
    const kind = random.unit()
    if (kind < 0.24) await this.readFile(file)
    else if (kind < 0.41) await this.#write(file)
    else if (kind < 0.5) await this.#swap(file)
    else if (kind < 0.54) await this.#delete(file)
    else if (kind < 0.68) await this.#append()
    else if (kind < 0.71) await this.readLog()
    else if (kind < 0.81) await this.#cell()
    else await this.#name()
  }

  get #value(): string {
    return `${this.#options.name}.${this.#operation}.${this.#options.canary}`
  }

  #pathOf(file: string): string {
    return `${filesPath}${folder}/${file}-${this.#options.canary}`
  }

  #noted(startedAt: number, isOpen = false): Noted {
    const endedAt = isOpen ? Number.POSITIVE_INFINITY : this.#asking.nowMs
    return { startedAt, endedAt, by: this.#options.name }
  }

  // Files

  async #write(index: number): Promise<void> {
    const file = `file-${index}`
    await this.#put({ kind: 'put', file, value: this.#value }, {})
  }

  /** Change what was seen last, and nothing else. */
  async #swap(index: number): Promise<void> {
    const file = `file-${index}`
    const ifMatch = this.#versions.get(file)
    if (ifMatch === undefined) {
      await this.readFile(index)
      return
    }
    const input = { kind: 'put', file, value: this.#value, ifMatch } as const
    await this.#put(input, { 'if-match': ifMatch })
  }

  async #put(
    input: FileInput & { readonly kind: 'put' },
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { random, contentBytesMax } = this.#options
    const body = contentOf(input.value, random.below(contentBytesMax))
    const path = `${this.#pathOf(input.file)}?blockBytes=4096`
    const startedAt = this.#asking.nowMs
    const request = { method: 'PUT', path, body, headers }
    const { outcome, reply } = await this.#asking.change(input.value, request)
    const version = reply.headers.get('etag')
    if (outcome === 'done' && version !== undefined) this.#versions.set(input.file, version)
    const told = version === undefined ? {} : { version }
    this.#noteFile(input, { startedAt, outcome, output: { kind: 'done', ...told } })
  }

  async #delete(index: number): Promise<void> {
    const file = `file-${index}`
    const startedAt = this.#asking.nowMs
    const request = { method: 'DELETE', path: this.#pathOf(file) }
    const { outcome } = await this.#asking.change(this.#value, request)
    this.#noteFile({ kind: 'delete', file }, { startedAt, outcome, output: { kind: 'done' } })
  }

  #noteFile(
    input: FileInput,
    told: {
      readonly startedAt: number
      readonly outcome: Outcome
      /** When it was done. */
      readonly output: FileOutput
    },
  ): void {
    const { startedAt, outcome } = told
    if (outcome === 'nothing') return
    const output = outcome === 'done' ? told.output : fileOutputs[outcome]
    const isFit = outcome === 'open' || output !== undefined
    if (!isFit) this.#asking.fault(`${input.kind} of ${input.file} is answered with ${outcome}`)
    this.#histories.files.push({ input, output, ...this.#noted(startedAt, output === undefined) })
  }

  /** Read a file, through Processor `n` if given. True when there was an answer. */
  async readFile(index: number, n?: number): Promise<boolean> {
    const file = `file-${index}`
    const path = this.#pathOf(file)
    const startedAt = this.#asking.nowMs
    const { outcome, reply } = await this.#asking.read({ method: 'GET', path }, n)
    if (outcome !== 'done' && outcome !== 'absent') return false
    const version = reply.headers.get('etag')
    let output: FileOutput = { kind: 'absent' }
    if (outcome === 'done') {
      const value = writtenIn(reply.body)
      if (value === undefined) this.#asking.fault(`${path}: not what was written`)
      output = { kind: 'done', value: value ?? '', ...(version === undefined ? {} : { version }) }
    }
    if (outcome === 'done' && version !== undefined) this.#versions.set(file, version)
    const input = { kind: 'get', file } as const
    this.#histories.files.push({ input, output, ...this.#noted(startedAt) })
    return true
  }

  // The log

  async #append(): Promise<void> {
    const value = this.#value
    const startedAt = this.#asking.nowMs
    const path = `${logPath}?at=end`
    const request = { method: 'PATCH', path, body: recordOf(value) }
    const { outcome, reply } = await this.#asking.change(value, request)
    if (outcome === 'nothing') return
    if (outcome !== 'done' && outcome !== 'open') this.#asking.fault(`append: ${outcome}`)
    const size = /"size":(\d+)/.exec(fromUtf8(reply.body) ?? '')?.[1]
    const output: LogOutput | undefined =
      outcome === 'done' && size !== undefined
        ? { kind: 'appended', recordCount: Number(size) / recordBytes }
        : undefined
    const noted = this.#noted(startedAt, output === undefined)
    this.#histories.log.push({ input: { kind: 'append', value }, output, ...noted })
  }

  /** Read the log, through Processor `n` if given. True when there was an answer. */
  async readLog(n?: number): Promise<boolean> {
    const startedAt = this.#asking.nowMs
    const { outcome, reply } = await this.#asking.read({ method: 'GET', path: logPath }, n)
    if (outcome === 'absent') this.#asking.fault('the log is gone')
    if (outcome !== 'done') return false
    const values = recordsIn(reply.body)
    if (values === undefined) this.#asking.fault('the log is not whole records')
    const output = { kind: 'records', values: values ?? [] } as const
    this.#histories.log.push({ input: { kind: 'read' }, output, ...this.#noted(startedAt) })
    return true
  }

  // The cells

  /** Write one in place, or read all. */
  async #cell(): Promise<void> {
    const { random } = this.#options
    if (random.happens(0.3)) {
      await this.readCells()
      return
    }
    const cell = random.below(cellCount)
    const value = this.#value
    const startedAt = this.#asking.nowMs
    const path = `${cellsPath}?at=${cell * recordBytes}`
    const request = { method: 'PATCH', path, body: recordOf(value) }
    const { outcome } = await this.#asking.change(value, request)
    const input = { kind: 'put', file: `cell-${cell}`, value } as const
    this.#noteFile(input, { startedAt, outcome, output: { kind: 'done' } })
  }

  /** Read all of them, through Processor `n` if given. True when there was an answer. */
  async readCells(n?: number): Promise<boolean> {
    const startedAt = this.#asking.nowMs
    const { outcome, reply } = await this.#asking.read({ method: 'GET', path: cellsPath }, n)
    if (outcome === 'absent') this.#asking.fault('the cells are gone')
    if (outcome !== 'done') return false
    const values = recordsIn(reply.body)
    if (values?.length !== cellCount) this.#asking.fault('the cells are not whole')
    for (const [index, value] of (values ?? []).entries()) {
      const input = { kind: 'get', file: `cell-${index}` } as const
      const output = { kind: 'done', value } as const
      this.#histories.files.push({ input, output, ...this.#noted(startedAt) })
    }
    return true
  }

  // The directory

  #namePath(name: string): string {
    return `${namesPath}/${name}-${this.#options.canary}`
  }

  async #name(): Promise<void> {
    const { random } = this.#options
    const name = random.pick(names)
    const kind = random.unit()
    const value = this.#value
    const path = filesPath + this.#namePath(name)
    if (kind < 0.38) {
      const body = contentOf(value, random.below(nameBytesMax))
      const headers = { 'if-none-match': '*' }
      const input = { kind: 'put', name, value, exclusive: true } as const
      await this.#changeName(input, { method: 'PUT', path, body, headers })
    } else if (kind < 0.62) {
      const to = random.pick(names.filter((other) => other !== name))
      const replace = random.happens(0.3)
      const change = { op: 'rename', to: this.#namePath(to), replace }
      const headers = { 'content-type': 'application/json' }
      const body = utf8(JSON.stringify(change))
      const input = { kind: 'rename', from: name, to, replace } as const
      await this.#changeName(input, { method: 'PATCH', path, body, headers })
    } else if (kind < 0.76) {
      await this.#changeName({ kind: 'remove', name }, { method: 'DELETE', path })
    } else if (kind < 0.9) await this.look(name)
    else await this.list()
  }

  async #changeName(
    input: DirectoryInput,
    request: Parameters<Asking['change']>[1],
  ): Promise<void> {
    const startedAt = this.#asking.nowMs
    const { outcome } = await this.#asking.change(this.#value, request)
    if (outcome === 'nothing') return
    const output = outcome === 'open' ? undefined : directoryOutputs[outcome]
    this.#histories.directory.push({
      input,
      output,
      ...this.#noted(startedAt, output === undefined),
    })
  }

  /** Read what stands under a name. True when there was an answer. */
  async look(name: string, n?: number): Promise<boolean> {
    const startedAt = this.#asking.nowMs
    const path = filesPath + this.#namePath(name)
    const { outcome, reply } = await this.#asking.read({ method: 'GET', path }, n)
    if (outcome !== 'done' && outcome !== 'absent') return false
    let output: DirectoryOutput = { kind: 'absent' }
    if (outcome === 'done') {
      const value = writtenIn(reply.body)
      if (value === undefined) this.#asking.fault(`${path}: not what was written`)
      output = { kind: 'found', value: value ?? '' }
    }
    const noted = this.#noted(startedAt)
    this.#histories.directory.push({ input: { kind: 'look', name }, output, ...noted })
    return true
  }

  /** List the directory. True when there was an answer. */
  async list(n?: number): Promise<boolean> {
    const startedAt = this.#asking.nowMs
    const path = `${filesPath}${namesPath}/`
    const { outcome, reply } = await this.#asking.read({ method: 'GET', path }, n)
    if (outcome === 'absent') this.#asking.fault('the directory is gone')
    if (outcome !== 'done') return false
    const listing = JSON.parse(fromUtf8(reply.body) ?? '') as {
      readonly entries: readonly { readonly name: string }[]
    }
    const found = listing.entries.map((entry) => entry.name.split('-')[0] ?? '')
    const output = { kind: 'names', names: found } as const
    this.#histories.directory.push({ input: { kind: 'list' }, output, ...this.#noted(startedAt) })
    return true
  }

  /** Read everything through Processor `n`. True when all of it was answered. */
  async readAll(n: number): Promise<boolean> {
    const { fileCount } = this.#options
    for (let file = 0; file < fileCount; file++) if (!(await this.readFile(file, n))) return false
    for (const name of names) if (!(await this.look(name, n))) return false
    return (await this.readLog(n)) && (await this.readCells(n)) && (await this.list(n))
  }
}

const fileOutputs: Readonly<Partial<Record<Outcome, FileOutput>>> = {
  refused: { kind: 'refused' },
  absent: { kind: 'absent' },
}

const directoryOutputs: Readonly<Record<Exclude<Outcome, 'open' | 'nothing'>, DirectoryOutput>> = {
  done: { kind: 'done' },
  absent: { kind: 'absent' },
  exists: { kind: 'exists' },
  refused: { kind: 'exists' },
}
