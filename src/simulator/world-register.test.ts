import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type RegisterOperation, registerFault } from './world-register.ts'

const initial = '-'
const write = (value: string, startedAt: number, endedAt: number): RegisterOperation => ({
  kind: 'write',
  value,
  startedAt,
  endedAt,
})
const read = (value: string, startedAt: number, endedAt: number): RegisterOperation => ({
  kind: 'read',
  value,
  startedAt,
  endedAt,
})
const fault = (...history: RegisterOperation[]): string | undefined =>
  registerFault(history, initial)

test('good histories', () => {
  assert.equal(fault(), undefined)
  assert.equal(fault(read('-', 0, 1), write('a', 2, 3), read('a', 4, 5)), undefined)
  // While a write is under way, both are right, in whatever order their answers come.
  assert.equal(fault(write('a', 0, 10), read('-', 1, 2), read('a', 3, 4)), undefined)
  assert.equal(fault(write('a', 0, 10), read('-', 1, 9), read('a', 2, 8)), undefined)
  // Two writes at once, seen in either order.
  assert.equal(
    fault(write('a', 0, 9), write('b', 0, 9), read('b', 1, 2), read('a', 3, 4)),
    undefined,
  )
  // A write without an answer may happen late, or never.
  const open = write('a', 0, Number.POSITIVE_INFINITY)
  assert.equal(fault(open, read('-', 1, 2), read('a', 50, 51)), undefined)
  assert.equal(fault(open, read('-', 100, 101)), undefined)
})

test('bad histories', () => {
  assert.match(fault(read('x', 0, 1)) ?? '', /never written/)
  assert.match(fault(read('a', 0, 1), write('a', 2, 3)) ?? '', /before it was written/)
  assert.match(fault(write('a', 0, 1), write('a', 2, 3)) ?? '', /twice/)
  // A stale read, and a value that came back.
  assert.notEqual(fault(write('a', 0, 1), read('-', 2, 3)), undefined)
  const cameBack = [write('a', 0, 1), write('b', 2, 3), read('b', 4, 5), read('a', 6, 7)]
  assert.notEqual(fault(...cameBack), undefined)
  // Two readers who see two concurrent writes in different orders, each twice.
  const torn = [
    write('a', 0, 100),
    write('b', 0, 100),
    read('a', 1, 2),
    read('b', 3, 4),
    read('a', 5, 6),
  ]
  assert.notEqual(fault(...torn), undefined)
  // Acknowledged and lost.
  assert.notEqual(fault(write('a', 0, 1), write('b', 2, 3), read('a', 4, 5)), undefined)
  // A write that was refused is not in the history, so its value was never written.
  assert.match(fault(write('a', 0, 1), read('refused', 4, 5)) ?? '', /never written/)
})

/** Try every order that respects time: slow, obvious, and independent of the rule under test. */
function isLinearizable(history: readonly RegisterOperation[], current = initial): boolean {
  if (history.length === 0) return true
  const firstEnd = Math.min(...history.map(({ endedAt }) => endedAt))
  return history.some((operation, index) => {
    if (operation.startedAt > firstEnd) return false
    if (operation.kind === 'read' && operation.value !== current) return false
    const rest = history.filter((_, place) => place !== index)
    return isLinearizable(rest, operation.kind === 'write' ? operation.value : current)
  })
}

/** Writes without an answer happened or did not. */
function isLinearizableAtAll(history: readonly RegisterOperation[]): boolean {
  const openIndex = history.findIndex(
    ({ kind, value, endedAt }) =>
      kind === 'write' &&
      endedAt === Number.POSITIVE_INFINITY &&
      !history.some((other) => other.kind === 'read' && other.value === value),
  )
  return openIndex < 0
    ? isLinearizable(history)
    : isLinearizableAtAll(history.filter((_, index) => index !== openIndex))
}

test('the rule says what trying every order says, on random small histories', () => {
  // Distinct times: what happens at one moment has no order to judge.
  const times = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 12, maxLength: 12 })
  const kinds = fc.array(fc.tuple(fc.boolean(), fc.nat(3), fc.boolean()), {
    minLength: 1,
    maxLength: 6,
  })
  let bad = 0
  fc.assert(
    fc.property(times, kinds, (moments, plan) => {
      const history = plan.map(([isRead, pick, isOpen], index): RegisterOperation => {
        const [a = 0, b = 0] = [moments[2 * index], moments[2 * index + 1]]
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        const target = plan[pick]
        const value = target === undefined || target[0] ? initial : `w${pick}`
        if (isRead) return read(value, from, to)
        return write(`w${index}`, from, isOpen ? Number.POSITIVE_INFINITY : to)
      })
      const wanted = isLinearizableAtAll(history)
      if (!wanted) bad++
      assert.equal(registerFault(history, initial) === undefined, wanted, JSON.stringify(history))
    }),
    { numRuns: 2_000, seed: 1 },
  )
  assert(bad > 200, `only ${bad} bad ones were tried`)
})
