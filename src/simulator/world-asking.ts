/**
 * How an application of a simulated world asks: through any Processor that it trusts, within a
 * deadline; some changes carry a key and are asked again, elsewhere, until there is an answer.
 */
import { fromUtf8 } from '../base/bytes.ts'
import type { SimRandom } from './sim-random.ts'
import type { SimWorld } from './world.ts'
import type { WorldHistories } from './world-histories.ts'
import type { SimRequest, SimResponse } from './world-http.ts'

/**
 * `refused`: a condition did not hold. `nothing`: the answer promises that nothing was changed.
 * `open`: it may have happened, or may still happen.
 */
export type Outcome = 'done' | 'refused' | 'absent' | 'exists' | 'nothing' | 'open'

export type Asked = { readonly outcome: Outcome; readonly reply: SimResponse }

/** Codes that promise that nothing was changed, and that trouble excuses. */
const harmless: ReadonlySet<string> = new Set([
  'filesystem/unavailable',
  'filesystem/conflict',
  'filesystem/full',
  'users/rate-limited',
])
/** Codes that leave open whether it happened. */
const open: ReadonlySet<string> = new Set(['filesystem/unconfirmed', 'filesystem/cancelled'])

const outcomeOfCode: Readonly<Record<string, Outcome>> = {
  'filesystem/precondition': 'refused',
  'filesystem/not-found': 'absent',
  'filesystem/exists': 'exists',
}

const attemptCountMax = 4

const codeOf = ({ body }: SimResponse): string =>
  /"code":"([^"]*)"/.exec(fromUtf8(body) ?? '')?.[1] ?? ''

export type AskingOptions = {
  readonly name: string
  readonly random: SimRandom
  /** How long one request may take, in virtual time. */
  readonly deadlineMs: number
  /** Applications believe the Processor on their own machine; nobody asks one that lies. */
  readonly isTrusted: (n: number) => boolean
}

export class Asking {
  readonly #world: SimWorld
  readonly #histories: WorldHistories
  readonly #options: AskingOptions

  constructor(world: SimWorld, histories: WorldHistories, options: AskingOptions) {
    this.#world = world
    this.#histories = histories
    this.#options = options
  }

  get nowMs(): number {
    return this.#world.scheduler.nowMs
  }

  pause(delayMs: number): Promise<void> {
    const { scheduler } = this.#world
    return new Promise((resolve) => {
      scheduler.after(delayMs, resolve, `${this.#options.name} goes on`)
    })
  }

  /** A Processor that answers at all; waits for one. */
  async #anyProcessor(): Promise<number> {
    const { isTrusted, random } = this.#options
    for (;;) {
      const ready = this.#world.processors.filter(({ isReady, n }) => isReady && isTrusted(n))
      if (ready.length > 0) return random.pick(ready).n
      await this.pause(50)
    }
  }

  async #once(request: SimRequest, n: number, key?: string): Promise<SimResponse> {
    const headers = {
      ...request.headers,
      'unosys-deadline-ms': `${this.#options.deadlineMs}`,
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    }
    return this.#world.request(n, { ...request, headers }).done
  }

  /** A request that changes something. `key` names the change. */
  async change(key: string, request: SimRequest): Promise<Asked> {
    const { random } = this.#options
    const isRepeated = random.happens(0.4)
    let isOpen = false
    for (let attempt = 1; ; attempt++) {
      const n = await this.#anyProcessor()
      const reply = await this.#once(request, n, isRepeated ? key : undefined)
      const outcome = this.#judge(`${request.method} of ${key} at ${n}`, reply)
      if (outcome === 'done') {
        this.#histories.acknowledgedCount++
        return { outcome, reply }
      }
      const isAgain = isRepeated && attempt < attemptCountMax
      const isAnswer = outcome !== 'open' && outcome !== 'nothing'
      // What was asked before and is under way may still come after this answer.
      isOpen ||= outcome === 'open'
      if (!isAnswer) this.#histories.unansweredCount++
      if (isAnswer || !isAgain) return { outcome: isOpen ? 'open' : outcome, reply }
      await this.pause(random.between({ min: 50, max: 500 }))
    }
  }

  /** A request that reads, through Processor `n` if given. */
  async read(request: SimRequest, n?: number): Promise<Asked> {
    const at = n ?? (await this.#anyProcessor())
    const reply = await this.#once(request, at)
    const outcome = this.#judge(`${request.method} ${request.path} at ${at}`, reply)
    const isAnswer = outcome === 'done' || outcome === 'absent'
    if (isAnswer && reply.whole) this.#histories.answeredReadCount++
    else this.#histories.unansweredCount++
    return { outcome: reply.whole ? outcome : 'open', reply }
  }

  #judge(what: string, reply: SimResponse): Outcome {
    const { status } = reply
    if (status === 200 || status === 201 || status === 204) return 'done'
    const code = codeOf(reply)
    if (status === 0 || open.has(code)) return 'open'
    if (harmless.has(code)) return 'nothing'
    const outcome = outcomeOfCode[code]
    if (outcome !== undefined) return outcome
    this.fault(`${what}: ${status} ${fromUtf8(reply.body)}`)
    return 'open'
  }

  fault(what: string): void {
    this.#histories.faults.push({ what })
  }
}
