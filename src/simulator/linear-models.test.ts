import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DirectoryCall, directoryFault } from './linear-directory.ts'
import { type FileCall, fileFault } from './linear-file.ts'
import { appendFault, type LogCall } from './linear-log.ts'

type Times = readonly [startedAt: number, endedAt: number]
const open = Number.POSITIVE_INFINITY

const call = <Input, Output>(
  [startedAt, endedAt]: Times,
  input: Input,
  output?: Output,
): {
  readonly input: Input
  readonly output: Output | undefined
  readonly startedAt: number
  readonly endedAt: number
} => ({ input, output, startedAt, endedAt })

const put = (times: Times, value: string, ifMatch?: string): FileCall => {
  const condition = ifMatch === undefined ? {} : { ifMatch }
  const output = times[1] === open ? undefined : ({ kind: 'done', version: `e-${value}` } as const)
  return call(times, { kind: 'put', file: 'f', value, ...condition } as const, output)
}
const refused = (times: Times, value: string, ifMatch: string): FileCall =>
  call(times, { kind: 'put', file: 'f', value, ifMatch } as const, { kind: 'refused' } as const)
const make = (times: Times, value: string, isDone: boolean): FileCall =>
  call(
    times,
    { kind: 'put', file: 'f', value, exclusive: true } as const,
    { kind: isDone ? 'done' : 'refused' } as const,
  )
const get = (times: Times, value?: string): FileCall =>
  call(
    times,
    { kind: 'get', file: 'f' } as const,
    value === undefined
      ? ({ kind: 'absent' } as const)
      : ({ kind: 'done', value, version: `e-${value}` } as const),
  )
const del = (times: Times, kind: 'done' | 'absent' | 'refused', ifMatch?: string): FileCall => {
  const condition = ifMatch === undefined ? {} : { ifMatch }
  const output = times[1] === open ? undefined : ({ kind } as const)
  return call(times, { kind: 'delete', file: 'f', ...condition } as const, output)
}

test('good histories of a file', () => {
  const histories: FileCall[][] = [
    [],
    [get([0, 1]), put([2, 3], 'a'), get([4, 5], 'a')],
    // While a write is under way, both are right, in whatever order their answers come.
    [put([0, 10], 'a'), get([1, 9]), get([2, 8], 'a')],
    [put([0, 9], 'a'), put([0, 9], 'b'), get([1, 2], 'b'), get([3, 4], 'a')],
    // A write without an answer may happen late, or never.
    [put([0, open], 'a'), get([1, 2]), get([50, 51], 'a')],
    [put([0, open], 'a'), get([100, 101])],
    // Of two swaps from one version one succeeds.
    [put([0, 1], 'a'), put([2, 9], 'b', 'e-a'), refused([2, 9], 'c', 'e-a'), get([10, 11], 'b')],
    // A write without an answer makes others fail.
    [put([0, 1], 'a'), put([2, open], 'b'), refused([5, 6], 'c', 'e-a')],
    [del([0, open], 'done'), put([0, 1], 'a'), refused([5, 6], 'c', 'e-a'), get([7, 8])],
    [make([0, 5], 'a', true), make([0, 5], 'b', false), get([6, 7], 'a')],
    [put([0, 1], 'a'), del([2, 3], 'done'), del([4, 5], 'absent'), make([6, 7], 'b', true)],
    [put([0, 1], 'a'), del([2, 3], 'done', 'e-a'), get([4, 5])],
  ]
  for (const history of histories) assert.equal(fileFault(history), undefined)
})

test('bad histories of a file', () => {
  const histories: FileCall[][] = [
    [get([0, 1], 'x')],
    [get([0, 1], 'a'), put([2, 3], 'a')],
    // A stale read, a value that came back, an acknowledged write that is lost.
    [put([0, 1], 'a'), get([2, 3])],
    [put([0, 1], 'a'), put([2, 3], 'b'), get([4, 5], 'b'), get([6, 7], 'a')],
    [put([0, 1], 'a'), put([2, 3], 'b'), get([4, 5], 'a')],
    [put([0, 99], 'a'), put([0, 99], 'b'), get([1, 2], 'a'), get([3, 4], 'b'), get([5, 6], 'a')],
    // A write without an answer that came, went, and came again.
    [put([0, open], 'a'), put([1, 2], 'b'), get([3, 4], 'a'), put([5, 6], 'c'), get([7, 8], 'a')],
    // Two swaps from one version both succeed; one is refused for no reason.
    [put([0, 1], 'a'), put([2, 9], 'b', 'e-a'), put([2, 9], 'c', 'e-a')],
    [put([0, 1], 'a'), refused([2, 3], 'b', 'e-a')],
    [make([0, 1], 'a', true), make([2, 3], 'b', true)],
    [make([0, 1], 'a', false)],
    [put([0, 1], 'a'), del([2, 3], 'done'), get([4, 5], 'a')],
    [del([0, 1], 'done')],
    [put([0, 1], 'a'), del([2, 3], 'absent')],
  ]
  for (const history of histories) assert.match(fileFault(history) ?? '', /no order/)
})

test('a fault names the calls that have no place, and files are judged apart', () => {
  const other = { ...get([0, 1], 'x'), input: { kind: 'get', file: 'g' } as const }
  const fault = fileFault([put([0, 1], 'a'), get([2, 3], 'a'), { ...other, by: 'client 2' }]) ?? ''
  assert.match(fault, /client 2 get g → x/)
  assert(!fault.includes('put f'))
})

const append = (times: Times, value: string, recordCount?: number): LogCall => {
  const told = recordCount === undefined ? {} : { recordCount }
  const output = times[1] === open ? undefined : ({ kind: 'appended', ...told } as const)
  return call(times, { kind: 'append', value } as const, output)
}
const records = (times: Times, ...values: string[]): LogCall =>
  call(times, { kind: 'read' } as const, { kind: 'records', values } as const)

test('good histories of a log', () => {
  const histories: LogCall[][] = [
    [records([0, 1])],
    [append([0, 1], 'a', 1), append([2, 3], 'b', 2), records([4, 5], 'a', 'b')],
    [
      append([0, 9], 'a', 2),
      append([0, 9], 'b', 1),
      records([1, 2], 'b'),
      records([10, 11], 'b', 'a'),
    ],
    [append([0, open], 'a'), append([1, 2], 'b'), records([3, 4], 'b'), records([5, 6], 'b', 'a')],
    [append([0, open], 'a'), records([1, 2])],
    [append([0, open], 'a'), append([1, 2], 'b', 2), records([0, 1])],
  ]
  for (const history of histories) assert.equal(appendFault(history), undefined)
})

test('C29: bad histories of a log: lost, twice, out of order, never appended', () => {
  const histories: LogCall[][] = [
    [append([0, 1], 'a'), records([2, 3])],
    [append([0, 1], 'a'), records([2, 3], 'a', 'a')],
    [append([0, open], 'a'), records([2, 3], 'a', 'a')],
    [append([0, 1], 'a'), append([2, 3], 'b'), records([4, 5], 'b', 'a')],
    [records([0, 1], 'x')],
    [records([0, 1], 'a'), append([2, 3], 'a')],
    [append([0, 9], 'a'), append([0, 9], 'b'), records([1, 2], 'a'), records([3, 4], 'b', 'a')],
    [append([0, 1], 'a', 2)],
    [append([0, 9], 'a', 1), append([0, 9], 'b', 1)],
  ]
  for (const history of histories) assert.match(appendFault(history) ?? '', /no order/)
})

type Answer = NonNullable<DirectoryCall['output']>
const entry = (times: Times, input: DirectoryCall['input'], output?: Answer): DirectoryCall =>
  call(times, input, output)
const done = { kind: 'done' } as const
const create = (times: Times, name: string, value: string, output: Answer = done): DirectoryCall =>
  entry(
    times,
    { kind: 'put', name, value, exclusive: true },
    times[1] === open ? undefined : output,
  )
const rename = (times: Times, from: string, to: string, output: Answer = done): DirectoryCall =>
  entry(times, { kind: 'rename', from, to }, times[1] === open ? undefined : output)
const list = (times: Times, ...names: string[]): DirectoryCall =>
  entry(times, { kind: 'list' }, { kind: 'names', names })
const look = (times: Times, name: string, value?: string): DirectoryCall =>
  entry(
    times,
    { kind: 'look', name },
    value === undefined ? { kind: 'absent' } : { kind: 'found', value },
  )
const remove = (times: Times, name: string, output: Answer = done): DirectoryCall =>
  entry(times, { kind: 'remove', name }, output)

test('good histories of a directory', () => {
  const histories: DirectoryCall[][] = [
    [list([0, 1]), create([2, 3], 'a', '1'), list([4, 5], 'a'), look([6, 7], 'a', '1')],
    [
      create([0, 9], 'a', '1'),
      create([0, 9], 'a', '2', { kind: 'exists' }),
      look([10, 11], 'a', '1'),
    ],
    [create([0, 1], 'a', '1'), rename([2, 9], 'a', 'b'), list([3, 4], 'a'), list([5, 6], 'b')],
    [create([0, 1], 'a', '1'), rename([2, open], 'a', 'b'), look([90, 91], 'b', '1')],
    [
      create([0, 1], 'a', '1'),
      rename([2, open], 'a', 'b'),
      create([5, 6], 'a', '2'),
      list([7, 8], 'a', 'b'),
    ],
    [
      create([0, open], 'a', '1'),
      create([2, 3], 'a', '2', { kind: 'exists' }),
      remove([4, 5], 'a'),
    ],
    [
      create([0, 1], 'a', '1'),
      entry([2, 3], { kind: 'link', from: 'a', to: 'b' }, done),
      remove([4, 5], 'a'),
      look([6, 7], 'b', '1'),
    ],
  ]
  for (const history of histories) assert.equal(directoryFault(history), undefined)
})

test('bad histories of a directory', () => {
  const histories: DirectoryCall[][] = [
    // Two exclusive creations of one name; one refused where nothing was.
    [create([0, 9], 'a', '1'), create([0, 9], 'a', '2')],
    [create([0, 1], 'a', '1', { kind: 'exists' })],
    // A rename that is seen half: both names, or none.
    [create([0, 1], 'a', '1'), rename([2, 9], 'a', 'b'), list([3, 4], 'a', 'b')],
    [create([0, 1], 'a', '1'), rename([2, 9], 'a', 'b'), list([3, 4])],
    [create([0, 1], 'a', '1'), rename([2, 3], 'a', 'b'), look([4, 5], 'a', '1')],
    [
      create([0, 1], 'a', '1'),
      rename([2, 9], 'a', 'b'),
      look([3, 4], 'b', '1'),
      look([5, 6], 'a', '1'),
    ],
    // A removed name comes back; an acknowledged one is lost.
    [create([0, 1], 'a', '1'), remove([2, 3], 'a'), list([4, 5], 'a')],
    [create([0, 1], 'a', '1'), list([2, 3])],
    [remove([0, 1], 'a')],
    // An entry that gave way without leave.
    [create([0, 1], 'a', '1'), create([2, 3], 'b', '2'), rename([4, 5], 'a', 'b')],
  ]
  for (const history of histories) assert.match(directoryFault(history) ?? '', /no order/)
})
