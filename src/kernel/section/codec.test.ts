import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  Dice,
  drawAnswer,
  drawBatch,
  drawCommand,
  drawGenesis,
  drawPage,
  drawPageRequest,
  drawQuery,
  drawResult,
} from '../../../test/conformance/section-cases.ts'
import { equalBytes } from '../../base/bytes.ts'
import { CodecError, decode, encode, type Writer } from '../../base/codec.ts'
import { readAdded, readReceipt, writeAdded } from './codec-block.ts'
import { alice, crypto, replaceOf, seedOf, stageOf, TestClient, TestWorld } from './fixture.test.ts'
import {
  type Added,
  type Command,
  decodeAnswers,
  decodeCommand,
  decodeGenesis,
  decodePage,
  decodePageRequest,
  decodeQueries,
  decodeResults,
  decodeSignedBatch,
  encodeAnswers,
  encodeCommand,
  encodeGenesis,
  encodePage,
  encodePageRequest,
  encodeQueries,
  encodeResults,
  encodeSignedBatch,
  isBatchSigned,
  type Operation,
  readOperation,
  reservedNumbers,
  writeOperation,
} from './index.ts'
import * as limits from './limits.ts'

/** An encoding, with values of its type. Decoding a batch gives its commands' bytes besides. */
type Codec<Value> = {
  readonly name: string
  readonly draw: (dice: Dice) => Value
  readonly encode: (value: Value) => Uint8Array
  readonly decode: (bytes: Uint8Array) => Value
}
const codec = <Value>(definition: Codec<Value>): Codec<unknown> => definition as Codec<unknown>

const codecs: readonly Codec<unknown>[] = [
  codec({ name: 'command', draw: drawCommand, encode: encodeCommand, decode: decodeCommand }),
  codec({
    name: 'batch',
    draw: drawBatch,
    encode: encodeSignedBatch,
    decode: (bytes) => {
      const { encodedCommands, ...batch } = decodeSignedBatch(bytes)
      assert.equal(encodedCommands?.length, batch.commands.length)
      return batch
    },
  }),
  codec({
    name: 'results',
    draw: (dice) => dice.list(5, () => drawResult(dice)),
    encode: encodeResults,
    decode: decodeResults,
  }),
  codec({
    name: 'queries',
    draw: (dice) => dice.list(5, () => drawQuery(dice)),
    encode: encodeQueries,
    decode: decodeQueries,
  }),
  codec({
    name: 'answers',
    draw: (dice) => dice.list(3, () => drawAnswer(dice)),
    encode: encodeAnswers,
    decode: decodeAnswers,
  }),
  codec({
    name: 'page request',
    draw: drawPageRequest,
    encode: encodePageRequest,
    decode: decodePageRequest,
  }),
  codec({ name: 'page', draw: drawPage, encode: encodePage, decode: decodePage }),
  codec({ name: 'genesis', draw: drawGenesis, encode: encodeGenesis, decode: decodeGenesis }),
]

/** The value, undefined where the bytes are refused as they must be. */
function decoded<Value>(read: () => Value): { value: Value } | undefined {
  try {
    return { value: read() }
  } catch (error) {
    assert(error instanceof CodecError, `not a CodecError: ${String(error)}`)
    return undefined
  }
}

for (const { name, draw, encode: write, decode: read } of codecs) {
  test(`${name}: what is encoded is decoded, and keeps nothing of the bytes it came in`, () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const value = draw(new Dice(`${name} ${seed}`))
        const bytes = write(value).slice()
        const back = read(bytes)
        bytes.fill(0xee)
        assert.deepEqual(back, value)
      }),
    )
  })

  test(`${name}: changed, cut and lengthened bytes are refused, or are the one encoding of another value`, () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        (seed, place, change) => {
          const bytes = write(draw(new Dice(`${name} ${seed}`))).slice()
          assert.equal(
            decoded(() => read(bytes.subarray(0, place % bytes.length))),
            undefined,
          )
          assert.equal(
            decoded(() => read(new Uint8Array([...bytes, 0]))),
            undefined,
          )
          const at = place % bytes.length
          bytes.set(change.subarray(0, bytes.length - at), at)
          const found = decoded(() => read(bytes))
          if (found !== undefined) assert(equalBytes(write(found.value), bytes))
        },
      ),
      { numRuns: 300 },
    )
  })

  test(`${name}: random bytes never throw anything but CodecError`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const found = decoded(() => read(bytes))
        if (found !== undefined) assert(equalBytes(write(found.value), bytes))
      }),
      { numRuns: 500 },
    )
  })
}

const refuses = (write: (writer: Writer) => void, read: (bytes: Uint8Array) => unknown): void => {
  assert.throws(() => read(encode(write)), CodecError)
}

const commandOf = (...operations: Operation[]): Command => ({
  sequence: 1,
  request: undefined,
  operations,
})
const readsCommand = (command: Command): boolean =>
  decoded(() => decodeCommand(encodeCommand(command))) !== undefined

test('the reserved numbers and all unknown ones are refused', () => {
  for (const number of [0, ...Object.values(reservedNumbers), 16, 255]) {
    refuses(
      (writer) => writer.u8(number).fixed(new Uint8Array(64)),
      (bytes) => decode(bytes, readOperation),
    )
  }
})

test('a session operation beside another one is refused', () => {
  const session: Operation = {
    op: 'session',
    sessionKey: seedOf('key'),
    principal: alice.view.principal,
    expiryMs: 1,
    certificate: new Uint8Array(64),
  }
  assert(readsCommand(commandOf(session)))
  assert(!readsCommand(commandOf(session, replaceOf('a'))))
  assert(!readsCommand(commandOf(replaceOf('a'), session)))
})

test('one more than a limit is refused, the limit itself is not', () => {
  const world = new TestWorld()
  const [block] = world.added(1).blocks
  assert(block !== undefined)
  const apply = (more: object): Operation =>
    ({
      op: 'apply',
      object: block.id,
      keyEpoch: 1,
      baseSeq: 0,
      reads: [],
      writes: [],
      sealed: new Uint8Array(0),
      added: { blocks: [], receipts: [] },
      freed: [],
      ...more,
    }) as unknown as Operation
  const repeat = <Item>(count: number, item: Item): Item[] =>
    Array.from({ length: count }, () => item)
  const tag = alice.view.principal
  const cases: [number, (count: number) => Operation][] = [
    [limits.sealedDeltaBytesMax, (count) => apply({ sealed: new Uint8Array(count) })],
    [limits.tagsPerApplyMax, (count) => apply({ writes: repeat(count, tag) })],
    [limits.tagsPerApplyMax, (count) => apply({ reads: repeat(count, { tag, seenSeq: 1 }) })],
    [
      limits.addedPerApplyMax,
      (count) => apply({ added: { blocks: repeat(count, block), receipts: [] } }),
    ],
    [
      limits.addedPerStageMax,
      (count) => stageOf('a', { blocks: repeat(count, block), receipts: [] }, 1),
    ],
    [limits.freedPerOperationMax, (count) => replaceOf('a', { freed: repeat(count, block) })],
    [limits.stagesPerObjectMax, (count) => replaceOf('a', { stages: repeat(count, 1) })],
    [
      limits.sealedBaseBytesMax,
      (count) => replaceOf('a', { base: { root: undefined, sealed: new Uint8Array(count) } }),
    ],
    [
      limits.blockSealedBytesMax,
      (count) => apply({ added: { blocks: [{ ...block, sealedBytes: count }], receipts: [] } }),
    ],
  ]
  for (const [limit, operation] of cases) {
    assert(readsCommand(commandOf(operation(limit))), `${limit}`)
    assert(!readsCommand(commandOf(operation(limit + 1))), `${limit} + 1`)
  }
  const many = repeat(limits.operationsPerCommandMax, apply({}))
  assert(readsCommand(commandOf(...many)))
  assert(!readsCommand(commandOf(...many, apply({}))))
})

test('a batch: too many commands, falling sequences and sequence 0 are refused', () => {
  const client = new TestClient(new TestWorld(), 'one', alice)
  const at = (sequence: number): Command => ({ sequence, request: undefined, operations: [] })
  const reads = (commands: readonly Command[]): boolean =>
    decoded(() => decodeSignedBatch(encodeSignedBatch(client.batch(commands)))) !== undefined
  const many = Array.from({ length: limits.commandsPerBatchMax + 1 }, (_, index) => at(index + 1))
  assert(reads(many.slice(1)))
  assert(!reads(many))
  assert(reads([at(3), at(5)]))
  assert(!reads([at(3), at(3)]))
  assert(!reads([at(3), at(2)]))
  assert(!reads([at(0)]))
})

test('a stage of 4,096 blocks fits into a batch, written in batches of 256 and of 16 blocks', () => {
  for (const perReceipt of [256, 16]) {
    const world = new TestWorld()
    const client = new TestClient(world, 'one', alice)
    const parts: Added[] = []
    for (let from = 0; from < limits.addedPerStageMax; from += perReceipt)
      parts.push(world.added(perReceipt, { receipts: 3 }))
    const blocks = parts.flatMap((part) => part.blocks)
    const receipts = parts.flatMap((part, index) =>
      part.receipts.map((receipt) => ({
        ...receipt,
        leaves: receipt.leaves.map((leaf) =>
          typeof leaf === 'number' ? leaf + index * perReceipt : leaf,
        ),
      })),
    )
    const operation = stageOf('a', { blocks, receipts }, 1)
    const bytes = encodeSignedBatch(client.batch([client.command([operation])]))
    assert(bytes.length <= limits.batchBytesMax, `${bytes.length} bytes`)
    assert(isBatchSigned(crypto, world.world, decodeSignedBatch(bytes)))
  }
})

test('a batch above its limit is refused before anything is decoded', () => {
  assert.throws(() => decodeSignedBatch(new Uint8Array(limits.batchBytesMax + 1)), CodecError)
})

test('leaves of a receipt: runs are joined, within the blocks, and bounded', () => {
  const start = (writer: Writer): Writer =>
    writer.fixed(new Uint8Array(32)).u32(1).u64(1).fixed(new Uint8Array(64))
  const read = (bytes: Uint8Array): unknown => decode(bytes, (reader) => readReceipt(reader, 10))
  const run = (writer: Writer, first: number, count: number): Writer =>
    writer.u8(0).u16(first).u16(count)
  refuses((writer) => run(run(start(writer).u16(2), 0, 2), 2, 2), read)
  refuses((writer) => run(start(writer).u16(1), 0, 0), read)
  refuses((writer) => run(start(writer).u16(1), 9, 2), read)
  refuses((writer) => start(writer).u16(1).u8(2), read)
  const repeated = encode((writer) => run(run(start(writer).u16(2), 0, 2), 1, 2))
  assert.deepEqual((read(repeated) as { leaves: unknown }).leaves, [0, 1, 1, 2])
  refuses((writer) => {
    start(writer).u16(1_000)
    for (let count = 0; count < 500; count++) run(run(writer, 0, 9), 0, 9)
  }, read)
})

test('blocks and receipts keep their order', () => {
  const world = new TestWorld()
  const added = world.added(20, { receipts: 3 })
  const back = decode(
    encode((writer) => writeAdded(writer, added)),
    (reader) => readAdded(reader),
  )
  assert.deepEqual(back, added)
})

test('an operation’s number never changes', () => {
  const bytes = encode((writer) => writeOperation(writer, replaceOf('a')))
  assert.equal(bytes[0], 7)
})
