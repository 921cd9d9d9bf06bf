// Goal: WebSocket streams are cut where frames end, however they arrive.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { FrameCutter } from './frames.ts'

const head = Buffer.from('GET /unosys/link HTTP/1.1\r\nupgrade: websocket\r\n\r\n')

/** A binary frame, masked with zeros like a dialler's, or not masked. */
function frame(payload: Buffer, isMasked: boolean): Buffer {
  const mask = isMasked ? Buffer.alloc(4) : Buffer.alloc(0)
  const flag = isMasked ? 0x80 : 0
  const { length } = payload
  if (length < 126) return Buffer.concat([Buffer.of(0x82, flag | length), mask, payload])
  if (length < 65_536) {
    const short = Buffer.of(0x82, flag | 126, length >> 8, length & 255)
    return Buffer.concat([short, mask, payload])
  }
  const long = Buffer.alloc(8)
  long.writeBigUInt64BE(BigInt(length))
  return Buffer.concat([Buffer.of(0x82, flag | 127), long, mask, payload])
}

for (const isMasked of [true, false]) {
  test(`frames are found in any chunks (${isMasked ? 'masked' : 'not masked'})`, () => {
    const random = new SimRandom(7)
    const payloads = [0, 1, 125, 126, 1_000, 65_535, 65_536, 200_000, 3].map((length) =>
      Buffer.from(random.bytes(length)),
    )
    const frames = payloads.map((payload) => frame(payload, isMasked))
    const stream = Buffer.concat([head, ...frames])
    for (const largest of [3, 100, 70_000, 1_000_000]) {
      const cutter = new FrameCutter()
      const units = []
      for (let at = 0; at < stream.length; ) {
        const length = 1 + random.below(largest)
        units.push(...cutter.take(stream.subarray(at, at + length)))
        at += length
      }
      assert.equal(cutter.heldBytes, 0)
      const [first, ...rest] = units
      assert.deepEqual(first?.bytes, head)
      assert.equal(first?.payloadAt, head.length)
      assert.deepEqual(
        rest.map(({ bytes, payloadAt }) => bytes.subarray(payloadAt)),
        payloads,
      )
    }
  })
}

test('what is no WebSocket passes in chunks', () => {
  const cutter = new FrameCutter()
  const noise = Buffer.alloc(20_000, 'x')
  assert.equal(cutter.take(noise.subarray(0, 10_000)).length, 0)
  assert.deepEqual(cutter.take(noise.subarray(10_000))[0]?.bytes, noise)
  assert.equal(cutter.take(noise)[0]?.bytes.length, 20_000)
  const absurd = new FrameCutter()
  absurd.take(head)
  const claims = frame(Buffer.alloc(65_536), false)
  claims.writeBigUInt64BE(2n ** 40n, 2)
  assert.equal(absurd.take(claims)[0]?.bytes.length, claims.length)
  assert.equal(absurd.heldBytes, 0)
})
