import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import type { Clock } from '../../src/ports/clock.ts'

export type ClockSubject = {
  readonly name: string
  /** A clock, and how its time passes: `until` resolves once the condition holds. */
  readonly open: () => { clock: Clock; until: (condition: () => boolean) => Promise<void> }
}

/** What every `Clock` promises. */
export function clockCompliance({ name, open }: ClockSubject): void {
  test(`${name}: monotonic time never goes back, and passes as fast as timers say`, async () => {
    const { clock, until } = open()
    const startMs = clock.monotonicMs()
    let lastMs = startMs
    let firedMs: number | undefined
    clock.after(30, () => {
      firedMs = clock.monotonicMs()
    })
    await until(() => {
      const nowMs = clock.monotonicMs()
      assert.ok(nowMs >= lastMs)
      lastMs = nowMs
      return firedMs !== undefined
    })
    assert.ok((firedMs ?? 0) - startMs >= 30, `${(firedMs ?? 0) - startMs} ms`)
  })

  test(`${name}: wall time is whole milliseconds of this century`, () => {
    const { clock } = open()
    const wallMs = clock.wallMs()
    assert.ok(Number.isSafeInteger(wallMs))
    assert.ok(wallMs > Date.UTC(2024) && wallMs < Date.UTC(2100))
  })

  test(`${name}: a task never runs within the turn that asks for it, not even with delay 0`, async () => {
    const { clock, until } = open()
    let ran = false
    clock.after(0, () => {
      ran = true
    })
    assert.equal(ran, false)
    await Promise.resolve()
    assert.equal(ran, false)
    await until(() => ran)
  })

  test(`${name}: tasks run once each, by due time, equal delays in the order of asking`, async () => {
    const { clock, until } = open()
    const ran: string[] = []
    for (const [delayMs, label] of [
      [60, 'e'],
      [0, 'a'],
      [30, 'c'],
      [0, 'b'],
      [30, 'd'],
    ] as const)
      clock.after(delayMs, () => ran.push(label))
    await until(() => ran.includes('e'))
    assert.deepEqual(ran, ['a', 'b', 'c', 'd', 'e'])
  })

  test(`${name}: a cancelled task does not run; cancelling twice or late does nothing`, async () => {
    const { clock, until } = open()
    const ran: string[] = []
    const cancelSoon = clock.after(0, () => ran.push('soon'))
    const cancelLater = clock.after(10, () => ran.push('later'))
    const cancelRan = clock.after(5, () => ran.push('ran'))
    cancelSoon()
    cancelLater()
    cancelLater()
    let ended = false
    clock.after(30, () => {
      ended = true
    })
    await until(() => ended)
    cancelRan()
    assert.deepEqual(ran, ['ran'])
  })

  test(`${name}: a very long delay does not fire early`, async () => {
    const { clock, until } = open()
    let fired = false
    const cancel = clock.after(2 ** 40, () => {
      fired = true
    })
    let ended = false
    clock.after(20, () => {
      ended = true
    })
    await until(() => ended)
    assert.equal(fired, false)
    cancel()
  })

  test(`${name}: a delay that is no time is our own mistake`, () => {
    const { clock } = open()
    for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => clock.after(delayMs, () => {}), AssertionError)
  })
}
