import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../ports/clock.ts'
import { Deadlines } from './deadlines.ts'

class ManualClock implements Clock {
  nowMs = 0
  armedCount = 0
  #due: { atMs: number; task: () => void }[] = []
  monotonicMs(): number {
    return this.nowMs
  }
  wallMs(): number {
    return this.nowMs
  }
  after(delayMs: number, task: () => void): () => void {
    const entry = { atMs: this.nowMs + delayMs, task }
    this.armedCount++
    this.#due.push(entry)
    return () => {
      this.#due = this.#due.filter((other) => other !== entry)
    }
  }
  get waitingCount(): number {
    return this.#due.length
  }
  advance(toMs: number): void {
    for (;;) {
      const next = this.#due.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > toMs) break
      this.#due = this.#due.filter((other) => other !== next)
      this.nowMs = next.atMs
      next.task()
    }
    this.nowMs = toMs
  }
}

test('every deadline is met, with one timer', () => {
  const clock = new ManualClock()
  const open = new Set<number>()
  const ended: [number, number][] = []
  const deadlines = new Deadlines(clock, (nowMs) => {
    for (const dueMs of [...open])
      if (dueMs <= nowMs) {
        open.delete(dueMs)
        ended.push([dueMs, nowMs])
      }
    return open.size === 0 ? undefined : Math.min(...open)
  })
  for (const dueMs of [50, 20, 90, 20.5, 70]) {
    open.add(dueMs)
    deadlines.note(dueMs)
    assert.equal(clock.waitingCount, 1)
  }
  clock.advance(200)
  assert.deepEqual(
    ended,
    [20, 20.5, 50, 70, 90].map((dueMs) => [dueMs, dueMs]),
  )
  assert.equal(clock.waitingCount, 0)
})

test('deadlines later than the armed one cost no timer', () => {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock, () => undefined)
  for (let index = 0; index < 1_000; index++) deadlines.note(100 + index)
  assert.equal(clock.armedCount, 1)
  deadlines.stop()
  assert.equal(clock.waitingCount, 0)
})
