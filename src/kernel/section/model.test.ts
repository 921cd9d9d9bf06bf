/**
 * Goal: execution does what docs/spec/operations.md says, for any mixture of operations.
 * Method: a model of the rules over plain Maps, copied whole before each command and put back when
 * one of its operations fails; random commands of one user, results and contents compared.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ObjectId, Tag } from '../../base/ids.ts'
import {
  applyOf,
  compactOf,
  createDirectory,
  createOf,
  crypto,
  linkOf,
  objectOf,
  publicDirectory,
  renameOf,
  replaceOf,
  root,
  TestWorld,
  tagOfName,
  unlinkOf,
} from './fixture.test.ts'
import {
  type CommandResult,
  decodeState,
  encodeState,
  execute,
  type Operation,
  type SignedBatch,
  stateRoot,
} from './index.ts'

type ModelObject = {
  isDirectory: boolean
  parent: ObjectId | 'root' | undefined
  seq: number
  baseSeq: number
  entries: Map<Tag, { seq: number; object: ObjectId }>
  deltas: { seq: number; writes: Tag[] }[]
}
type Refusal = { code: string; tag?: Tag; lastSeq?: number }
const no = (code: string, at: object = {}): Refusal => ({ code, ...at })

class Model {
  objects = new Map<ObjectId, ModelObject>()

  constructor() {
    this.objects.set(root, this.#object(true, 'root'))
    this.objects.set(publicDirectory, this.#object(true, root))
    this.#of(root).entries.set(tagOfName('public'), { seq: 2, object: publicDirectory })
    this.#of(root).seq = 2
  }

  run(operations: readonly Operation[]): CommandResult {
    const before = structuredClone(this.objects)
    const seqs: number[] = []
    for (const [index, operation] of operations.entries()) {
      const outcome = this.#one(operation)
      if (typeof outcome !== 'number') {
        this.objects = before
        return { ok: false, operation: index, ...outcome } as CommandResult
      }
      seqs.push(outcome)
    }
    return { ok: true, seqs }
  }

  #object(isDirectory: boolean, parent: ModelObject['parent']): ModelObject {
    return { isDirectory, parent, seq: 1, baseSeq: 1, entries: new Map(), deltas: [] }
  }

  #of(id: ObjectId): ModelObject {
    const object = this.objects.get(id)
    assert(object !== undefined)
    return object
  }

  #one(operation: Operation): number | Refusal {
    switch (operation.op) {
      case 'create':
        if (this.objects.has(operation.object)) return no('exists')
        this.objects.set(operation.object, this.#object(operation.kind === 1, undefined))
        return 1
      case 'link':
        return this.#link(operation)
      case 'unlink':
        return this.#unlink(operation)
      case 'rename':
        return this.#rename(operation)
      case 'delete': {
        const object = this.objects.get(operation.object)
        if (object === undefined) return no('not-found')
        if (object.parent !== undefined) return no('conflict')
        this.objects.delete(operation.object)
        return 0
      }
      case 'apply':
      case 'replace':
      case 'compact':
        return this.#write(operation)
      default:
        throw new Error('not in this model')
    }
  }

  #directory(id: ObjectId): ModelObject | Refusal {
    const object = this.objects.get(id)
    if (object === undefined) return no('not-found')
    return object.isDirectory ? object : no('invalid')
  }

  #link(operation: Extract<Operation, { op: 'link' }>): number | Refusal {
    const { tag } = operation
    const directory = this.#directory(operation.directory)
    if ('code' in directory) return directory
    if (directory.parent === undefined) return no('not-empty')
    const present = directory.entries.get(tag)
    const lastSeq = present?.seq ?? 0
    if (lastSeq !== operation.seenSeq) return no('conflict', { tag, lastSeq })
    const object = this.objects.get(operation.object)
    if (object === undefined) return no('not-found')
    if (object.parent !== undefined) return no('conflict')
    if (present !== undefined && this.#of(present.object).entries.size > 0) return no('not-empty')
    if (present !== undefined) this.objects.delete(present.object)
    object.parent = operation.directory
    directory.entries.set(tag, { seq: ++directory.seq, object: operation.object })
    return directory.seq
  }

  #unlink(operation: Extract<Operation, { op: 'unlink' }>): number | Refusal {
    const { tag } = operation
    const directory = this.#directory(operation.directory)
    if ('code' in directory) return directory
    const entry = directory.entries.get(tag)
    if (entry === undefined) return no('not-found', { tag })
    if (entry.seq !== operation.seenSeq) return no('conflict', { tag, lastSeq: entry.seq })
    if (this.#of(entry.object).entries.size > 0) return no('not-empty')
    directory.entries.delete(tag)
    this.#of(entry.object).parent = undefined
    return ++directory.seq
  }

  #rename(operation: Extract<Operation, { op: 'rename' }>): number | Refusal {
    const { fromTag, toTag, fromDirectory, toDirectory } = operation
    const from = this.#directory(fromDirectory)
    if ('code' in from) return from
    const to = this.#directory(toDirectory)
    if ('code' in to) return to
    if (to.parent === undefined) return no('not-empty')
    if (from === to && fromTag === toTag) return no('invalid')
    const entry = from.entries.get(fromTag)
    if (entry === undefined) return no('not-found', { tag: fromTag })
    const present = to.entries.get(toTag)
    if (entry.seq !== operation.fromSeq) return no('conflict', { tag: fromTag, lastSeq: entry.seq })
    const lastSeq = present?.seq ?? 0
    if (lastSeq !== operation.toSeq) return no('conflict', { tag: toTag, lastSeq })
    for (
      let above: ModelObject['parent'] = toDirectory;
      above !== undefined && above !== 'root';
    ) {
      if (above === entry.object) return no('cycle')
      above = this.#of(above).parent
    }
    if (present !== undefined && this.#of(present.object).entries.size > 0) return no('not-empty')
    if (present !== undefined) this.objects.delete(present.object)
    from.entries.delete(fromTag)
    if (from !== to) from.seq++
    to.entries.set(toTag, { seq: ++to.seq, object: entry.object })
    this.#of(entry.object).parent = toDirectory
    return to.seq
  }

  #write(operation: Extract<Operation, { op: 'apply' | 'replace' | 'compact' }>): number | Refusal {
    const object = this.objects.get(operation.object)
    if (object === undefined) return no('not-found')
    if (object.isDirectory) return no('invalid')
    if (operation.op === 'replace') {
      if (operation.seenSeq !== undefined && operation.seenSeq !== object.seq)
        return no('conflict', { lastSeq: object.seq })
      object.deltas = []
      object.baseSeq = ++object.seq
      return object.seq
    }
    if (operation.op === 'compact') {
      if (operation.baseSeq !== object.baseSeq) return no('retry-base')
      const { uptoSeq } = operation
      if (uptoSeq <= object.baseSeq || uptoSeq > object.seq) return no('invalid')
      object.deltas = object.deltas.filter(({ seq }) => seq > uptoSeq)
      object.baseSeq = uptoSeq
      return uptoSeq
    }
    const { reads, writes, baseSeq } = operation
    if (reads.some(({ seenSeq }) => seenSeq > object.seq)) return no('invalid')
    if (reads.some(({ seenSeq }) => seenSeq < object.baseSeq)) return no('retry-base')
    if (baseSeq !== 0 && baseSeq !== object.baseSeq) return no('retry-base')
    for (const { tag, seenSeq } of reads) {
      const lastSeq = object.deltas.findLast((delta) => delta.writes.includes(tag))?.seq ?? 0
      if (lastSeq > seenSeq) return no('conflict', { tag, lastSeq })
    }
    if (writes.length === 0) return object.seq
    object.deltas.push({ seq: ++object.seq, writes: [...writes] })
    return object.seq
  }

  /** The section's objects as this model has them. */
  assertLike(world: TestWorld): void {
    assert.equal(world.state.objects.size, this.objects.size)
    for (const [id, mine] of this.objects) {
      const object = world.state.objects.get(id)
      assert(object !== undefined)
      assert.deepEqual([object.seq, object.baseSeq], [mine.seq, mine.baseSeq])
      assert.equal(object.unlinkedMs === undefined, mine.parent !== undefined)
      assert.equal(object.parent ?? (id === root ? 'root' : undefined), mine.parent)
      const entries = [...object.entries.leaves()]
      assert.deepEqual(
        entries.map(({ key, value }) => [key, value.seq, value.object]),
        [...mine.entries]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([tag, { seq, object }]) => [tag, seq, object]),
      )
      assert.deepEqual(
        [...object.deltas.leaves()].map(({ value }) => value.delta.seq),
        mine.deltas.map(({ seq }) => seq),
      )
      const written = new Set(mine.deltas.flatMap(({ writes }) => writes))
      assert.equal(object.tags.size, written.size)
    }
  }
}

// Few names, so that operations meet; seqs are looked up, and sometimes wrong.
const name = fc.constantFrom('a', 'b', 'c', 'd')
const place = fc.constantFrom('/', 'a', 'b', 'c')
const choice = fc.record({
  op: fc.constantFrom(
    ...([
      'create',
      'mkdir',
      'link',
      'link',
      'link',
      'unlink',
      'rename',
      'rename',
      'delete',
    ] as const),
    ...(['apply', 'apply', 'apply', 'check', 'replace', 'compact'] as const),
  ),
  name,
  other: name,
  place,
  otherPlace: place,
  off: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
})
type Choice = typeof choice extends fc.Arbitrary<infer Value> ? Value : never

const idOf = (where: string): ObjectId => (where === '/' ? root : objectOf(where))

/** An operation that would succeed on `model` as it is now, if `off` is 0 and the names fit. */
function operationOf(model: Model, { op, name, other, place, otherPlace, off }: Choice): Operation {
  const directory = idOf(place)
  const seqAt = (where: ObjectId, what: string): number =>
    model.objects.get(where)?.entries.get(tagOfName(what))?.seq ?? 0
  const near = (seq: number): number => Math.max(0, seq + off)
  const object = model.objects.get(objectOf(name))
  const seq = object?.seq ?? 1
  const tag = tagOfName(other)
  switch (op) {
    case 'create':
      return createOf(name)
    case 'mkdir':
      return createDirectory(name)
    case 'link':
      return linkOf(name, { directory, tag, seenSeq: near(seqAt(directory, other)) })
    case 'unlink':
      return unlinkOf(other, near(seqAt(directory, other)), directory)
    case 'rename': {
      const toDirectory = idOf(otherPlace)
      const fromSeq = near(seqAt(directory, name))
      const toSeq = seqAt(toDirectory, other)
      return renameOf(name, other, { fromDirectory: directory, fromSeq, toDirectory, toSeq })
    }
    case 'delete':
      return { op: 'delete', object: objectOf(name) }
    case 'apply':
      return applyOf(name, { reads: [{ tag, seenSeq: near(seq) }], writes: [tag] })
    case 'check':
      return applyOf(name, {
        reads: [{ tag, seenSeq: near(seq) }],
        writes: [],
        sealed: new Uint8Array(0),
      })
    case 'replace':
      return replaceOf(name, { seenSeq: off === 1 ? undefined : near(seq) })
    case 'compact':
      return compactOf(name, { baseSeq: near(object?.baseSeq ?? 1), uptoSeq: seq })
  }
}

const preamble: Choice[][] = (['mkdir a', 'mkdir b', 'create c', 'create d'] as const).map(
  (what) => {
    const [op, name] = what.split(' ') as ['mkdir', 'a']
    const at = { name, other: name, place: '/', otherPlace: '/', off: 0 } as const
    return [
      { op, ...at },
      { op: 'link', ...at },
    ]
  },
)
const someCommands = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(choice) },
    { weight: 1, arbitrary: fc.array(choice, { minLength: 2, maxLength: 4 }) },
  ),
  { minLength: 20, maxLength: 60 },
)
const commands = someCommands.map((random): Choice[][] => [...preamble, ...random])

test('any commands do what the model says, all or none', () => {
  let doneCount = 0
  const refusals = new Set<string>()
  fc.assert(
    fc.property(commands, (choices) => {
      const world = new TestWorld()
      const client = world.client('one')
      const model = new Model()
      for (const command of choices) {
        const operations = command.map((each) => operationOf(model, each))
        const expected = model.run(operations)
        const before = world.state.objects
        assert.deepEqual(client.run(...operations), expected)
        if (expected.ok) doneCount++
        else {
          refusals.add(expected.code)
          assert.equal(world.state.objects, before)
        }
        model.assertLike(world)
      }
    }),
    { numRuns: 150 },
  )
  assert(doneCount > 1_000, `${doneCount} done`)
  assert.deepEqual(
    [...refusals].sort(),
    ['conflict', 'cycle', 'exists', 'invalid', 'not-empty', 'not-found', 'retry-base'],
    'every refusal that this model knows came up',
  )
})

test('equal logs give equal roots, also across a snapshot in the middle', () => {
  fc.assert(
    fc.property(commands, fc.nat(), (choices, cut) => {
      const world = new TestWorld()
      const client = world.client('one')
      const model = new Model()
      const first = world.state
      const log: { timeMs: number; batches: SignedBatch[] }[] = []
      for (const command of choices) {
        const operations = command.map((each) => operationOf(model, each))
        model.run(operations)
        const batch = client.batch([client.command(operations)])
        world.execute(batch)
        log.push({ timeMs: world.timeMs, batches: [batch] })
      }
      let state = first
      for (const [index, block] of log.entries()) {
        if (index === cut % log.length) state = decodeState(crypto, encodeState(state))
        const height = state.height + 1
        state = execute({ crypto, world: world.world }, state, { ...block, height }).state
        // Asking for a root on the way must change nothing.
        if (index % 3 === 0) stateRoot(crypto, state)
      }
      assert.equal(stateRoot(crypto, state), stateRoot(crypto, world.state))
      assert.deepEqual(encodeState(state), encodeState(world.state))
      assert.equal(state.expiries.root(crypto), world.state.expiries.root(crypto))
    }),
    { numRuns: 60 },
  )
})

test('a log cut into other blocks gives the same objects', () => {
  fc.assert(
    fc.property(commands, (choices) => {
      const one = new TestWorld()
      const two = new TestWorld()
      const model = new Model()
      const client = one.client('one')
      const other = two.client('one')
      const operations = choices.map((command) => {
        const built = command.map((each) => operationOf(model, each))
        model.run(built)
        return built
      })
      for (const each of operations) client.run(...each)
      two.execute(...operations.map((each) => other.batch([other.command(each)])))
      assert.deepEqual(shapeOf(two), shapeOf(one))
    }),
    { numRuns: 40 },
  )
})

/** Objects without their times, which differ. */
const shapeOf = (world: TestWorld): unknown =>
  [...world.state.objects.leaves()].map(({ key, value }) => [
    key,
    value.seq,
    value.baseSeq,
    [...value.entries.leaves()].map(({ key, value }) => [key, value.seq, value.object]),
  ])
