/** A caller that waits for its command's result, until its deadline or signal. */
import type { Clock } from '../../ports/clock.ts'
import { GroupCode, GroupError } from '../group/index.ts'
import type { CommandResult, Operation, RequestMark } from '../section/interface.ts'
import type { SubmitOptions } from './interface.ts'

export class Waiting {
  readonly operations: readonly Operation[]
  readonly request: RequestMark | undefined
  /** By the monotonic clock. */
  readonly deadlineAtMs: number
  readonly result: Promise<CommandResult>
  /** Given a number and put into a batch: from here on it may happen. */
  isSent = false
  /** Tried in a second session. */
  isRepeated = false
  #settled = false
  readonly #resolve: (result: CommandResult) => void
  readonly #reject: (error: unknown) => void
  readonly #release: () => void

  constructor(
    clock: Clock,
    options: SubmitOptions & { readonly operations: readonly Operation[] },
  ) {
    const { operations, request, deadlineMs, signal } = options
    this.operations = operations
    this.request = request
    this.deadlineAtMs = clock.monotonicMs() + deadlineMs
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
    this.result = promise
    this.#resolve = resolve
    this.#reject = reject
    const onAbort = (): void => this.reject(cancelled())
    const stopTimer = clock.after(Math.max(0, deadlineMs), () => this.reject(this.#late()))
    signal.addEventListener('abort', onAbort, { once: true })
    this.#release = () => {
      stopTimer()
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) onAbort()
  }

  get isSettled(): boolean {
    return this.#settled
  }

  /** The first of `resolve` and `reject` counts. */
  resolve(result: CommandResult): void {
    if (this.#settle()) this.#resolve(result)
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#release()
    return true
  }

  #late(): GroupError {
    const [code, message] = this.isSent
      ? ([GroupCode.Unconfirmed, 'no quorum answered in time: it may have happened'] as const)
      : ([GroupCode.Unavailable, 'no session in time: nothing was sent'] as const)
    return new GroupError(code, message, {})
  }
}

const cancelled = (): GroupError =>
  new GroupError(GroupCode.Cancelled, 'the caller gave up; the change may have happened', {})
