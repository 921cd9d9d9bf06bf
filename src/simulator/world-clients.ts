/**
 * Applications of a simulated world: each writes and reads whole files through one Processor or
 * another, and writes down what it was told. A file is a register: its content says which write it
 * is, and every byte of it follows from that, so that a torn, mixed or foreign content shows.
 */
import { concat, fromUtf8, utf8 } from '../base/bytes.ts'
import type { SimRandom } from './sim-random.ts'
import type { SimWorld } from './world.ts'
import type { SimRequest, SimResponse } from './world-http.ts'
import { type Append, recordOf } from './world-log.ts'
import type { RegisterOperation } from './world-register.ts'

/** Of a file that nobody wrote yet. */
export const absent = 'absent'

/** An answer that no trouble excuses. */
export type ClientFault = { readonly what: string }

export type ClientOptions = {
  readonly name: string
  readonly random: SimRandom
  readonly fileCount: number
  readonly operationCount: number
  readonly contentBytesMax: number
  readonly pauseMsMax: number
  /** How long one request may take, in virtual time. */
  readonly deadlineMs: number
}

/** The whole content that a write of `value` has. */
export function contentOf(value: string, length: number): Uint8Array {
  const head = utf8(`${value} ${length}\n`)
  const rest = new Uint8Array(Math.max(0, length - head.length))
  let state = length >>> 0
  for (const byte of head) state = Math.imul(state ^ byte, 0x01000193) >>> 0
  for (let index = 0; index < rest.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    rest[index] = state >>> 24
  }
  return concat([head, rest])
}

/** Which write a content is; undefined for one that is none. */
export function writtenIn(content: Uint8Array): string | undefined {
  const end = content.indexOf(10)
  if (end < 0) return undefined
  const [value, length] = (fromUtf8(content.subarray(0, end)) ?? '').split(' ')
  if (value === undefined || length === undefined) return undefined
  const whole = contentOf(value, Number(length))
  if (whole.length !== content.length) return undefined
  return whole.every((byte, index) => byte === content[index]) ? value : undefined
}

/** The file to which all append. */
export const logPath = '/v1/files/public/w/log'

export const pathOf = (file: number): string => `/v1/files/public/w/file-${file}`

const codeOf = ({ body }: SimResponse): string => {
  const text = fromUtf8(body) ?? ''
  return /"code":"([^"]*)"/.exec(text)?.[1] ?? ''
}

/** Codes that promise that nothing was changed. */
const harmless: ReadonlySet<string> = new Set([
  'filesystem/unavailable',
  'filesystem/conflict',
  'filesystem/precondition',
  'users/rate-limited',
])
/** Codes that leave open whether it happened. */
const open: ReadonlySet<string> = new Set(['filesystem/unconfirmed', 'filesystem/cancelled'])

export class WorldClient {
  readonly histories: RegisterOperation[][]
  readonly appends: Append[] = []
  readonly faults: ClientFault[] = []
  acknowledgedCount = 0
  answeredReadCount = 0
  readonly #world: SimWorld
  readonly #options: ClientOptions
  #operation = 0
  isDone = false

  constructor(world: SimWorld, options: ClientOptions) {
    this.#world = world
    this.#options = options
    this.histories = Array.from({ length: options.fileCount }, () => [])
  }

  /** Do everything, one after the other. */
  async run(): Promise<void> {
    const { random, operationCount, fileCount, pauseMsMax } = this.#options
    while (this.#operation < operationCount) {
      this.#operation++
      const file = random.below(fileCount)
      if (random.happens(0.4)) await this.read(file)
      else if (random.happens(0.6)) await this.#write(file)
      else await this.#append()
      await this.#pause(random.between({ min: 0, max: pauseMsMax }))
    }
    this.isDone = true
  }

  #pause(delayMs: number): Promise<void> {
    const { scheduler } = this.#world
    return new Promise((resolve) => {
      scheduler.after(delayMs, resolve, `${this.#options.name} goes on`)
    })
  }

  /** A Processor that answers at all; waits for one. */
  async #anyProcessor(): Promise<number> {
    for (;;) {
      const ready = this.#world.processors.filter(({ isReady }) => isReady)
      if (ready.length > 0) return this.#options.random.pick(ready).n
      await this.#pause(50)
    }
  }

  async #write(file: number): Promise<void> {
    const { name, random, contentBytesMax } = this.#options
    const value = `${name}.${this.#operation}`
    const body = contentOf(value, random.below(contentBytesMax))
    const path = `${pathOf(file)}?blockBytes=4096`
    const startedAt = this.#world.scheduler.nowMs
    const outcome = await this.#change(value, { method: 'PUT', path, body })
    if (outcome === 'done') this.#note(file, { kind: 'write', value, startedAt })
    if (outcome !== 'open') return
    const endedAt = Number.POSITIVE_INFINITY
    this.histories[file]?.push({ kind: 'write', value, startedAt, endedAt })
  }

  async #append(): Promise<void> {
    const value = `${this.#options.name}.${this.#operation}`
    const startedAt = this.#world.scheduler.nowMs
    const path = `${logPath}?at=end`
    const outcome = await this.#change(value, { method: 'PATCH', path, body: recordOf(value) })
    this.appends.push({ value, startedAt, endedAt: this.#world.scheduler.nowMs, outcome })
  }

  /** A request that changes something; some are repeated, elsewhere, until there is an answer. */
  async #change(value: string, request: SimRequest): Promise<Append['outcome']> {
    const { random, deadlineMs } = this.#options
    const isRepeated = random.happens(0.4)
    const headers = {
      'unosys-deadline-ms': `${deadlineMs}`,
      ...(isRepeated ? { 'idempotency-key': value } : {}),
    }
    let isOpen = false
    for (let attempt = 1; ; attempt++) {
      const n = await this.#anyProcessor()
      const reply = await this.#world.request(n, { ...request, headers }).done
      const outcome = this.#judge(`${request.method} of ${value} at ${n}`, reply)
      if (outcome === 'done') {
        this.acknowledgedCount++
        return 'done'
      }
      isOpen ||= outcome === 'open'
      if (!isRepeated || attempt === 4) return isOpen ? 'open' : 'nothing'
      await this.#pause(random.between({ min: 50, max: 500 }))
    }
  }

  #judge(what: string, reply: SimResponse): Append['outcome'] {
    if (reply.status === 200 || reply.status === 201) return 'done'
    const code = codeOf(reply)
    if (reply.status === 0 || open.has(code)) return 'open'
    if (harmless.has(code)) return 'nothing'
    this.faults.push({ what: `${what}: ${reply.status} ${fromUtf8(reply.body)}` })
    return 'open'
  }

  #note(file: number, operation: Omit<RegisterOperation, 'endedAt'>): void {
    this.histories[file]?.push({ ...operation, endedAt: this.#world.scheduler.nowMs })
  }

  /** Read a file, through Processor `n` if given. True when there was an answer. */
  async read(file: number, n?: number): Promise<boolean> {
    const headers = { 'unosys-deadline-ms': `${this.#options.deadlineMs}` }
    const at = n ?? (await this.#anyProcessor())
    const startedAt = this.#world.scheduler.nowMs
    const path = pathOf(file)
    const reply = await this.#world.request(at, { method: 'GET', path, headers }).done
    const isAbsent = reply.status === 404
    if (isAbsent || (reply.status === 200 && reply.whole)) {
      const value = isAbsent ? absent : writtenIn(reply.body)
      if (value === undefined) this.faults.push({ what: `${path} at ${at}: not what was written` })
      else this.#note(file, { kind: 'read', value, startedAt })
      this.answeredReadCount++
      return true
    }
    const code = codeOf(reply)
    const isExcused = reply.status === 0 || !reply.whole || open.has(code) || harmless.has(code)
    if (!isExcused) {
      this.faults.push({ what: `read at ${at}: ${reply.status} ${fromUtf8(reply.body)}` })
    }
    return false
  }
}
