import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DirectoryCall, type DirectoryInput, directoryModel } from './linear-directory.ts'
import { type FileCall, type FileInput, fileModel } from './linear-file.ts'
import { type LogCall, logModel } from './linear-log.ts'
import { type Call, HistoryTooHard, linearizabilityFault, type Model } from './linearizability.ts'

/** Try every order that respects time, and every choice of open calls: slow and obvious. */
function hasOrder<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Call<Input, Output>[],
  state: State = model.initial,
): boolean {
  const closed = history.filter(({ output }) => output !== undefined)
  if (closed.length === 0) return true
  const firstEnd = Math.min(...closed.map(({ endedAt }) => endedAt))
  return history.some((call) => {
    if (call.startedAt > firstEnd) return false
    const next = model.apply(state, call)
    return (
      next !== undefined &&
      hasOrder(
        model,
        history.filter((other) => other !== call),
        next,
      )
    )
  })
}

type Plan<Input> = { readonly input: Input; readonly from: number; readonly to: number }

/** Answers of one computer that does each call at its end; some are lost, some replaced. */
function answered<State, Input, Output>(
  plans: readonly Plan<Input>[],
  options: {
    readonly model: Model<State, Input, Output>
    readonly answers: readonly Output[]
    readonly dice: readonly number[]
  },
): Call<Input, Output>[] {
  const { model, answers, dice } = options
  let state = model.initial
  const history: Call<Input, Output>[] = []
  for (const [index, { input, from, to }] of [...plans].sort((a, b) => a.to - b.to).entries()) {
    const call = { input, startedAt: from, endedAt: to }
    const right = answers.find((output) => model.apply(state, { ...call, output }) !== undefined)
    const drawn = dice[index] ?? 0
    state = model.apply(state, { ...call, output: right }) ?? state
    const isOpen = drawn % 5 === 0
    const isWrong = drawn % 7 === 0
    const output = isOpen ? undefined : isWrong ? answers[drawn % answers.length] : right
    history.push({ ...call, output, endedAt: isOpen ? Number.POSITIVE_INFINITY : to })
  }
  return history
}

const moments = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 12, maxLength: 12 })
const rolls = fc.array(fc.nat(1_000), { minLength: 6, maxLength: 6 })
const picks = fc.array(fc.nat(1_000), { minLength: 2, maxLength: 6 })

function plansOf<Input>(
  times: readonly number[],
  inputs: readonly Input[],
): readonly Plan<Input>[] {
  return inputs.map((input, index) => {
    const [a = 0, b = 0] = [times[2 * index], times[2 * index + 1]]
    return { input, from: Math.min(a, b), to: Math.max(a, b) }
  })
}

/** The search must say what trying everything says; both must come often. */
function agree<State, Input, Output>(
  inputOf: (pick: number, index: number) => Input,
  options: {
    readonly answers: readonly Output[]
    readonly modelOf: (history: readonly Call<Input, Output>[]) => Model<State, Input, Output>
    /** What a call is about, if there are several things. */
    readonly thingOf?: (input: Input) => string
  },
): void {
  const { thingOf = () => '' } = options
  const counts = { good: 0, bad: 0 }
  fc.assert(
    fc.property(moments, rolls, picks, (times, dice, chosen) => {
      const inputs = chosen.map(inputOf)
      const bare = inputs.map((input) => ({ input, output: undefined, startedAt: 0, endedAt: 0 }))
      const { answers, modelOf } = options
      const model = modelOf(bare)
      const history = answered(plansOf(times, inputs), { model, answers, dice })
      const things = new Set(inputs.map(thingOf))
      const wanted = [...things].every((thing) =>
        hasOrder(
          modelOf(history),
          history.filter(({ input }) => thingOf(input) === thing),
        ),
      )
      counts[wanted ? 'good' : 'bad']++
      const fault = linearizabilityFault(modelOf(history), history)
      assert.equal(fault === undefined, wanted, JSON.stringify(history, undefined, 1))
    }),
    { numRuns: 3_000, seed: 1 },
  )
  assert(counts.good > 300 && counts.bad > 300, JSON.stringify(counts))
}

test('files: the search says what trying every order says, on small histories', () => {
  const inputOf = (pick: number, index: number): FileInput => {
    const file = pick % 11 === 0 ? 'b' : 'a'
    const kinds: FileInput[] = [
      { kind: 'get', file },
      { kind: 'get', file },
      { kind: 'put', file, value: `v${index}` },
      { kind: 'put', file, value: `v${index}`, exclusive: true },
      { kind: 'put', file, value: `v${index}`, ifMatch: `e${pick % 5}` },
      { kind: 'delete', file },
      { kind: 'delete', file, ifMatch: `e${pick % 5}` },
    ]
    return kinds[pick % kinds.length] ?? { kind: 'get', file }
  }
  const shown = [0, 1, 2, 3, 4, 5].flatMap((index) => [
    { kind: 'done', value: `v${index}`, version: `e${index}` } as const,
    { kind: 'done', value: `v${index}` } as const,
  ])
  const answers = [{ kind: 'absent' }, { kind: 'refused' }, ...shown, { kind: 'done' }] as const
  agree(inputOf, {
    answers,
    modelOf: (history: readonly FileCall[]) => fileModel(history),
    thingOf: ({ file }) => file,
  })
})

test('logs: the search says what trying every order says, on small histories', () => {
  const contents = [[], ['v0'], ['v1'], ['v0', 'v1'], ['v1', 'v0'], ['v0', 'v0'], ['v0', 'v2']]
  const answers = [
    { kind: 'appended' },
    { kind: 'appended', recordCount: 1 },
    { kind: 'appended', recordCount: 2 },
    ...contents.map((values) => ({ kind: 'records', values }) as const),
  ] as const
  const inputOf = (pick: number, index: number): LogCall['input'] =>
    pick % 3 === 0 ? { kind: 'read' } : { kind: 'append', value: `v${index}` }
  const counts = { good: 0, bad: 0 }
  fc.assert(
    fc.property(moments, rolls, picks, (times, dice, chosen) => {
      const plans = plansOf(times, chosen.map(inputOf))
      const history = plans.map(({ input, from, to }, index): LogCall => {
        const fitting = answers.filter(
          ({ kind }) => (kind === 'records') === (input.kind === 'read'),
        )
        const drawn = dice[index] ?? 0
        const output = drawn % 5 === 0 ? undefined : fitting[drawn % fitting.length]
        const endedAt = output === undefined ? Number.POSITIVE_INFINITY : to
        return { input, output, startedAt: from, endedAt }
      })
      const wanted = hasOrder(plainLog, history)
      counts[wanted ? 'good' : 'bad']++
      const fault = linearizabilityFault(logModel(history), history)
      assert.equal(fault === undefined, wanted, JSON.stringify(history, undefined, 1))
    }),
    { numRuns: 4_000, seed: 2 },
  )
  assert(counts.good > 300 && counts.bad > 300, JSON.stringify(counts))
})

/** A log as everybody would write it down: the state is the records themselves. */
const plainLog: Model<readonly string[], LogCall['input'], NonNullable<LogCall['output']>> = {
  initial: [],
  apply: (records, { input, output }) => {
    if (input.kind === 'read') {
      return output?.kind === 'records' && `${output.values}` === `${records}` ? records : undefined
    }
    const next = [...records, input.value]
    const count = output?.kind === 'appended' ? output.recordCount : undefined
    return count === undefined || count === next.length ? next : undefined
  },
  keyOf: (records) => `${records}`,
  explains: () => 'maybe',
  touches: () => 'all',
  print: () => '',
}

test('directories: the search says what trying every order says, on small histories', () => {
  const inputOf = (pick: number, index: number): DirectoryInput => {
    const [name, other] = pick % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)
    const kinds: DirectoryInput[] = [
      { kind: 'put', name, value: `v${index}`, exclusive: true },
      { kind: 'put', name, value: `v${index}` },
      { kind: 'look', name },
      { kind: 'list' },
      { kind: 'rename', from: name, to: other },
      { kind: 'rename', from: name, to: other, replace: true },
      { kind: 'link', from: name, to: other },
      { kind: 'remove', name },
      { kind: 'look', name },
    ]
    return kinds[(pick >> 1) % kinds.length] ?? { kind: 'list' }
  }
  const answers = [
    { kind: 'done' },
    { kind: 'absent' },
    { kind: 'exists' },
    ...['v0', 'v1', 'v2', 'v3'].map((value) => ({ kind: 'found', value }) as const),
    ...[[], ['a'], ['b'], ['b', 'a']].map((names) => ({ kind: 'names', names }) as const),
  ] as const
  agree(inputOf, {
    answers,
    modelOf: (history: readonly DirectoryCall[]) => directoryModel(history),
  })
})

const wide = (count: number): FileCall[] =>
  Array.from({ length: count }, (_, index) => ({
    input: { kind: 'put', file: 'a', value: `v${index}` },
    output: { kind: 'done' },
    startedAt: 0,
    endedAt: 1_000 + index,
  }))

test('a history that is too hard is an error, not a pass', () => {
  const read = (value: string, at: number): FileCall => ({
    input: { kind: 'get', file: 'a' },
    output: { kind: 'done', value },
    startedAt: at,
    endedAt: at + 1,
  })
  // Forty writes at once, and two reads after all of them that saw different ones.
  const history = [...wide(40), read('v3', 2_000), read('v5', 3_000)]
  const model = fileModel(history)
  assert.throws(
    () => linearizabilityFault(model, history, { stepCountMax: 50_000 }),
    HistoryTooHard,
  )
})

test('long and wide histories of good systems are judged quickly', () => {
  const history: FileCall[] = []
  for (let round = 0; round < 2_000; round++) {
    const at = round * 10
    for (let client = 0; client < 4; client++) {
      const value = `v${round}.${client}`
      const isOpen = round % 7 === 3 && client === 0
      const input = { kind: 'put', file: 'a', value } as const
      const output = isOpen ? undefined : ({ kind: 'done' } as const)
      history.push({ input, output, startedAt: at, endedAt: at + 5 + client })
    }
    const value = `v${round}.${round % 4}`
    const input = { kind: 'get', file: 'a' } as const
    const output = { kind: 'done', value } as const
    history.push({ input, output, startedAt: at + 6, endedAt: at + 9 })
  }
  const model = fileModel(history)
  assert.equal(linearizabilityFault(model, history, { stepCountMax: 200_000 }), undefined)
})
