import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../base/ids.ts'
import { type FallOver, fallOver } from './fall-over.ts'
import { Bench, nodes } from './fixture.test.ts'

const [a, b, c] = nodes as readonly [NodeId, NodeId, NodeId]

type Plan = { readonly afterMs: number; readonly says: 'value' | 'report' }

type Told = { readonly result: FallOver<string>; readonly log: string[]; readonly atMs: number }

/** Ask a, b and c, who answer as planned; who has no plan keeps silent. */
async function asked(
  plans: Readonly<Record<string, Plan>>,
  options: { readonly deadlineMs?: number; readonly abortAtMs?: number } = {},
): Promise<Told> {
  const bench = new Bench()
  const log: string[] = []
  const nameOf = (node: NodeId): string => (node === a ? 'a' : node === b ? 'b' : 'c')
  const note = (what: string): void =>
    void log.push(`${Math.round(bench.clock.monotonicMs())} ${what}`)
  const abort = new AbortController()
  const { abortAtMs } = options
  if (abortAtMs !== undefined) bench.clock.after(abortAtMs, () => abort.abort())
  const call = fallOver<string>({
    holders: [a, b, c],
    clock: bench.clock,
    lateMs: 100,
    deadlineMs: options.deadlineMs ?? 1_000,
    signal: abort.signal,
    onLate: (node) => note(`late ${nameOf(node)}`),
    ask: async (node, signal) => {
      const name = nameOf(node)
      note(`ask ${name}`)
      signal.addEventListener('abort', () => note(`stop ${name}`))
      const plan = plans[name]
      if (plan === undefined) return new Promise(() => undefined)
      await bench.after(plan.afterMs)
      return plan.says === 'value' ? { value: name } : { report: { holder: node, code: name } }
    },
  })
  const result = await bench.finish(call)
  assert.equal(bench.scheduler.waitingCount <= 3, true, 'no timer of the race is left')
  return { result, log, atMs: Math.round(bench.clock.monotonicMs()) }
}

test('a good answer in time: nobody else is asked', async () => {
  const { result, log } = await asked({ a: { afterMs: 5, says: 'value' } })
  assert.deepEqual(result, { kind: 'found', value: 'a' })
  assert.deepEqual(log, ['0 ask a', '5 stop a'])
})

test('an answer of no use: the next one is asked at once', async () => {
  const { log, atMs } = await asked({
    a: { afterMs: 5, says: 'report' },
    b: { afterMs: 5, says: 'report' },
    c: { afterMs: 5, says: 'value' },
  })
  assert.deepEqual(log.slice(0, 3), ['0 ask a', '5 ask b', '10 ask c'])
  assert.equal(atMs, 15)
})

test('a late one: the next is asked beside it, and the late one may still win', async () => {
  const { result, log } = await asked({ a: { afterMs: 130, says: 'value' } })
  assert.deepEqual(result, { kind: 'found', value: 'a' })
  assert.deepEqual(log.slice(0, 3), ['0 ask a', '100 late a', '100 ask b'])
})

test('the second answers with a fault while the first is late: the third is asked at once', async () => {
  const { result, log } = await asked({
    b: { afterMs: 10, says: 'report' },
    c: { afterMs: 10, says: 'value' },
  })
  assert.deepEqual(result, { kind: 'found', value: 'c' })
  assert.deepEqual(log.slice(0, 4), ['0 ask a', '100 late a', '100 ask b', '110 ask c'])
  assert(!log.some((line) => line.includes('late b')), 'who answered is not late')
})

test('a late one that fails afterwards passes the question on only once', async () => {
  const { log, result, atMs } = await asked({
    a: { afterMs: 150, says: 'report' },
    b: { afterMs: 90, says: 'report' },
    c: { afterMs: 20, says: 'report' },
  })
  assert.deepEqual(log.slice(0, 4), ['0 ask a', '100 late a', '100 ask b', '190 ask c'])
  assert(result.kind === 'all')
  assert.deepEqual(
    result.reports.map(({ code }) => code),
    ['a', 'b', 'c'],
  )
  assert.equal(atMs, 210)
})

test('silence to the end: the deadline, with what was heard until then', async () => {
  const { result, atMs } = await asked({ b: { afterMs: 10, says: 'report' } }, { deadlineMs: 500 })
  assert.equal(result.kind, 'deadline')
  assert.equal(atMs, 500)
})

test('a caller that gives up ends it, also before it began', async () => {
  assert.equal((await asked({}, { abortAtMs: 50 })).result.kind, 'cancelled')
  const bench = new Bench()
  const never = async (): Promise<never> => assert.fail('nobody is asked')
  const options = { clock: bench.clock, lateMs: 1, deadlineMs: 10, onLate: () => undefined }
  const signal = AbortSignal.abort()
  const call = fallOver({ ...options, holders: [a], signal, ask: never })
  assert.equal((await bench.finish(call)).kind, 'cancelled')
  const nobody = fallOver({ ...options, holders: [], signal: undefined, ask: never })
  assert.deepEqual(await bench.finish(nobody), { kind: 'all', reports: [] })
  assert.equal(bench.scheduler.waitingCount, 0)
})
