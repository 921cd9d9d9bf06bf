/**
 * Goal: no byte of a proved block is lost or counted twice, and what is derived stays derivable.
 * Method: random writes, stages, deletions and pauses; after each block of the log the sums are
 * made anew from the whole state.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  applyOf,
  compactOf,
  createOf,
  crypto,
  linkOf,
  objectOf,
  replaceOf,
  stageOf,
  type TestClient,
  TestWorld,
  tagOfName,
  unlinkOf,
} from './fixture.test.ts'
import { type Added, decodeState, encodeState, type Operation, stateRoot } from './index.ts'

const hourMs = 3_600_000
const names = ['a', 'b', 'c'] as const
const step = fc.record({
  what: fc.constantFrom(
    ...(['create', 'stage', 'stage', 'renew', 'apply', 'apply', 'replace', 'compact'] as const),
    ...(['named', 'delete', 'put', 'unlink', 'pass', 'passDay'] as const),
  ),
  name: fc.constantFrom(...names),
  count: fc.integer({ min: 1, max: 4 }),
  freed: fc.integer({ min: 0, max: 5_000 }),
  hours: fc.integer({ min: 1, max: 5 }),
  second: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

class Ledger {
  readonly world = new TestWorld()
  readonly #clients: TestClient[]
  #opened = 0
  addedBytes = 0
  doneCount = 0

  constructor() {
    this.#clients = [this.#open(), this.#open()]
  }

  #open(): TestClient {
    return this.world.client(`client ${this.#opened++}`)
  }

  /** A live session: they expire in these tests. */
  #client(second: boolean): TestClient {
    const index = second ? 1 : 0
    const client = this.#clients[index]
    assert(client !== undefined)
    if (client.run().ok) return client
    const fresh = this.#open()
    this.#clients[index] = fresh
    return fresh
  }

  do(each: Step): void {
    const { world } = this
    if (each.what === 'pass' || each.what === 'passDay') {
      world.passHours(each.what === 'pass' ? each.hours : 25)
      return
    }
    const added = world.added(each.count, { bytes: 1_000 })
    const result = this.#client(each.second).run(...this.#operations(each, added))
    if (!result.ok) assert.deepEqual(world.outcome?.added, [])
    if (result.ok) this.doneCount++
    for (const { sealedBytes } of world.outcome?.added ?? []) this.addedBytes += sealedBytes
  }

  #operations({ what, name, freed, hours }: Step, added: Added): Operation[] {
    const { timeMs, state } = this.world
    const object = state.objects.get(objectOf(name))
    const [first] = added.blocks
    assert(first !== undefined)
    const freedBlocks = [{ ...first, sealedBytes: freed }]
    switch (what) {
      case 'create':
        return [createOf(name)]
      case 'stage':
        return [stageOf(name, added, timeMs + hours * hourMs)]
      case 'renew':
        return [stageOf(name, { blocks: [], receipts: [] }, timeMs + 20 * hourMs)]
      case 'apply':
        return [applyOf(name, { added, freed: freedBlocks, stages: [] })]
      case 'named': {
        const stages = [...(object?.stages.leaves() ?? [])].map(({ value }) => value.number)
        return [applyOf(name, { added, stages: stages.slice(0, 2) })]
      }
      case 'replace':
        return [replaceOf(name, { added })]
      case 'compact': {
        const seqs = { baseSeq: object?.baseSeq ?? 1, uptoSeq: object?.seq ?? 1 }
        return [compactOf(name, seqs, { added, freed: freedBlocks })]
      }
      case 'delete':
        return [{ op: 'delete', object: objectOf(name) }]
      case 'put': {
        const entry = state.objects.get(state.rootDirectory)?.entries.get(tagOfName('name'))
        const tag = tagOfName('name')
        return [linkOf(name, { tag, seenSeq: entry?.seq ?? 0 }), applyOf(name, { added })]
      }
      default: {
        const entry = state.objects.get(state.rootDirectory)?.entries.get(tagOfName('name'))
        return [unlinkOf('name', entry?.seq ?? 0)]
      }
    }
  }

  check(): void {
    const { state } = this.world
    let keptBytes = state.freedBytes
    let stagedCount = 0
    for (const { value: object } of state.objects.leaves()) {
      keptBytes += object.storedBytes
      assert(object.storedBytes >= 0)
      for (const { value: stage } of object.stages.leaves()) {
        keptBytes += stage.sealedBytes
        stagedCount += stage.blockCount
        assert(stage.expiryMs > state.effectiveMs)
      }
    }
    assert.equal(keptBytes, this.addedBytes)
    assert.equal(stagedCount, state.stagedBlockCount)
    const read = decodeState(crypto, encodeState(state))
    assert.equal(read.expiries.root(crypto), state.expiries.root(crypto))
    assert.equal(read.stagedBlockCount, state.stagedBlockCount)
    assert.equal(stateRoot(crypto, read), stateRoot(crypto, state))
  }
}

test('every byte that was added is stored, staged or freed, through any history', () => {
  let doneCount = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 15, maxLength: 50 }), (steps) => {
      const ledger = new Ledger()
      for (const name of names) ledger.do({ ...firstStep, name })
      for (const each of steps) {
        ledger.do(each)
        ledger.check()
      }
      doneCount += ledger.doneCount
    }),
    { numRuns: 60 },
  )
  assert(doneCount > 600, `${doneCount} done`)
})

const firstStep: Step = {
  what: 'create',
  name: 'a',
  count: 1,
  freed: 0,
  hours: 1,
  second: false,
}
