import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from './assert.ts'
import { fromHex, toHex, utf8 } from './bytes.ts'
import { CodecError, decode, encode, Reader, Writer } from './codec.ts'
import { isUnosysError } from './error.ts'

const isMalformed = (error: unknown): boolean =>
  error instanceof CodecError && isUnosysError(error, 'base/malformed')

test('codec: the format is pinned', () => {
  const bytes = encode((writer) =>
    writer
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(0x08090a0b0c0d)
      .bool(true)
      .bool(false)
      .fixed(Uint8Array.of(0xaa))
      .blob(Uint8Array.of(0xbb, 0xcc))
      .hex('dd')
      .text('\u00e9')
      .list([7, 8], (each, item) => each.u8(item))
      .option(undefined, (each, item: number) => each.u8(item))
      .option(9, (each, item) => each.u8(item)),
  )
  assert.equal(
    toHex(bytes),
    [
      '01',
      '0203',
      '04050607',
      '000008090a0b0c0d',
      '01',
      '00',
      'aa',
      '00000002bbcc',
      'dd',
      '0002c3a9',
      '000000020708',
      '00',
      '0109',
    ].join(''),
  )
})

const record = fc.record(
  {
    small: fc.integer({ min: 0, max: 0xff }),
    medium: fc.integer({ min: 0, max: 0xffff }),
    large: fc.integer({ min: 0, max: 0xffff_ffff }),
    huge: fc.maxSafeNat(),
    flag: fc.boolean(),
    body: fc.uint8Array({ maxLength: 300 }),
    name: fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed()),
    items: fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { maxLength: 20 }),
    maybe: fc.option(fc.maxSafeNat(), { nil: undefined }),
    kind: fc.constantFrom(1 as const, 2 as const, 9 as const),
  },
  { noNullPrototype: true },
)
type Fields = {
  small: number
  medium: number
  large: number
  huge: number
  flag: boolean
  body: Uint8Array
  name: string
  items: Uint8Array[]
  maybe: number | undefined
  kind: 1 | 2 | 9
}

const write = (fields: Fields): Uint8Array =>
  encode((writer) => {
    writer.u8(fields.small).u16(fields.medium).u32(fields.large).u64(fields.huge)
    writer.bool(fields.flag).blob(fields.body).text(fields.name)
    writer.list(fields.items, (each, item) => each.hex(toHex(item)))
    writer.option(fields.maybe, (each, value) => each.u64(value))
    writer.u8(fields.kind)
  })

const read = (reader: Reader): Fields => ({
  small: reader.u8(),
  medium: reader.u16(),
  large: reader.u32(),
  huge: reader.u64(),
  flag: reader.bool(),
  body: reader.blob(300),
  name: reader.text(400),
  items: reader.list(20, (each) => fromHex(each.hex(4))),
  maybe: reader.option((each) => each.u64()),
  kind: reader.oneOf([1, 2, 9]),
})

test('codec: what was written is read, from anywhere in a buffer', () => {
  fc.assert(
    fc.property(record, fc.nat(9), (fields, padding) => {
      const bytes = write(fields)
      assert.deepEqual(decode(bytes, read), fields)
      const inside = new Uint8Array(bytes.length + 2 * padding)
      inside.set(bytes, padding)
      assert.deepEqual(decode(inside.subarray(padding, padding + bytes.length), read), fields)
    }),
  )
})

test('codec: every shorter and longer input is refused, with the offset', () => {
  fc.assert(
    fc.property(record, (fields) => {
      const bytes = write(fields)
      for (let length = 0; length < bytes.length; length++)
        assert.throws(() => decode(bytes.subarray(0, length), read), isMalformed)
      const longer = new Uint8Array(bytes.length + 1)
      longer.set(bytes)
      assert.throws(
        () => decode(longer, read),
        (error) => error instanceof CodecError && error.detail.offset === bytes.length,
      )
    }),
    { numRuns: 25 },
  )
})

test('codec: canonical: whatever decodes encodes to the same bytes', () => {
  fc.assert(
    fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (fields, at, change) => {
      const bytes = write(fields).slice()
      const index = at % bytes.length
      bytes[index] = (bytes[index] ?? 0) ^ change
      try {
        assert.deepEqual(write(decode(bytes, read)), bytes)
      } catch (error) {
        assert.ok(isMalformed(error), String(error))
      }
    }),
    { numRuns: 1_000 },
  )
})

test('codec: any bytes at all either decode or are refused; nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        decode(bytes, read)
      } catch (error) {
        assert.ok(isMalformed(error), String(error))
      }
    }),
    { numRuns: 1_000 },
  )
})

test('codec: a length above its maximum is refused before anything is allocated', () => {
  const claims = encode((writer) => writer.u32(0xffff_ffff))
  assert.throws(() => new Reader(claims).blob(10), /4294967295 bytes where at most 10/)
  assert.throws(() => new Reader(claims).list(10, (each) => each.u8()), /at most 10/)
  assert.throws(() => new Reader(claims).blob(0xffff_ffff), /ends too early/)
  assert.throws(() => new Reader(fromHex('000b')).text(10), /text of 11 bytes/)
  assert.equal(new Reader(encode((writer) => writer.blob(new Uint8Array(10)))).blob(10).length, 10)
})

test('codec: values that have a second spelling are refused', () => {
  assert.throws(() => new Reader(Uint8Array.of(2)).bool(), isMalformed)
  assert.throws(() => new Reader(Uint8Array.of(2, 1)).option((each) => each.u8()), isMalformed)
  assert.throws(() => new Reader(fromHex('0001ff')).text(9), isMalformed)
  assert.throws(() => new Reader(fromHex('0020000000000000')).u64(), /above 2\^53/)
  assert.throws(() => new Reader(fromHex('ffffffffffffffff')).u64(), isMalformed)
  assert.equal(new Reader(fromHex('001fffffffffffff')).u64(), Number.MAX_SAFE_INTEGER)
  assert.throws(() => new Reader(Uint8Array.of(3)).oneOf([0, 1]), /unknown kind 3/)
  assert.equal(new Reader(Uint8Array.of(0)).oneOf([0, 1]), 0)
})

test('codec: reading copies nothing', () => {
  const bytes = encode((writer) => writer.blob(Uint8Array.of(1, 2, 3)).fixed(Uint8Array.of(4)))
  const reader = new Reader(bytes)
  assert.equal(reader.blob(3).buffer, bytes.buffer)
  assert.equal(reader.remainingBytes, 1)
  assert.equal(reader.fixed(1).buffer, bytes.buffer)
  assert.equal(reader.remainingBytes, 0)
})

test('codec: our own values out of range are assertions', () => {
  const wrongs: ((writer: Writer) => unknown)[] = [
    (writer) => writer.u8(256),
    (writer) => writer.u8(-1),
    (writer) => writer.u8(0.5),
    (writer) => writer.u8(Number.NaN),
    (writer) => writer.u16(65_536),
    (writer) => writer.u32(2 ** 32),
    (writer) => writer.u64(2 ** 53),
    (writer) => writer.u64(-1),
    (writer) => writer.hex('AB'),
    (writer) => writer.text('x'.repeat(65_536)),
  ]
  for (const wrong of wrongs) assert.throws(() => wrong(new Writer()), AssertionError)
  assert.equal(new Writer().text('x'.repeat(65_535)).length, 65_537)
})

test('codec: a writer grows as needed and keeps what it has', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 40 }),
      fc.nat(500),
      (parts, expected) => {
        const writer = new Writer(expected)
        const all: number[] = []
        for (const part of parts) {
          writer.fixed(part)
          all.push(...part)
          assert.equal(writer.length, all.length)
        }
        assert.deepEqual(writer.finish(), Uint8Array.from(all))
      },
    ),
  )
})

test('codec: refuse is for values that the format forbids', () => {
  const check = (): never => new Reader(utf8('ab')).refuse('name is reserved')
  assert.throws(check, /malformed: name is reserved/)
})

test('codec: every kind of value may be the one that makes a writer grow', () => {
  for (let fill = 0; fill < 140; fill++) {
    const writes: ((writer: Writer) => Writer)[] = [
      (writer) => writer.u8(0xf1),
      (writer) => writer.u16(0xf1f2),
      (writer) => writer.u32(0xf1f2f3f4),
      (writer) => writer.u64(0xf1f2f3f4f5),
      (writer) => writer.blob(Uint8Array.of(0xf1)),
    ]
    for (const write of writes) {
      const before = new Writer().fixed(new Uint8Array(fill))
      const alone = toHex(write(new Writer()).finish())
      assert.equal(toHex(write(before).finish()), '00'.repeat(fill) + alone)
    }
  }
})
