// Goal: each fault of the proxy is what its name says, seen by plain sockets at both ends.
import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { pause, until } from '../tour/until.ts'
import { type Direction, FaultProxy, type ProxyOptions } from './proxy.ts'
import { calm, type Rule } from './rule.ts'

/** One end of a wire: what came, and how it ended. */
class End {
  readonly socket: Socket
  text = ''
  firstAtMs: number | undefined
  how: 'open' | 'ended' | 'closed' = 'open'
  isConnected = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('connect', () => {
      this.isConnected = true
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.firstAtMs ??= performance.now()
    })
    socket.on('end', () => {
      this.how = 'ended'
    })
    socket.on('close', () => {
      this.how = 'closed'
    })
    socket.on('error', () => socket.destroy())
  }

  write(text: string): void {
    this.socket.write(text, 'latin1')
  }

  hears(text: string): Promise<void> {
    return until(`"${text}" is heard, not "${this.text}"`, 5_000, () => this.text === text)
  }

  ends(): Promise<void> {
    return until('the connection ends', 5_000, () => this.how !== 'open')
  }
}

type Setting = {
  readonly proxy: FaultProxy
  readonly accepted: End[]
  /** What the proxy has read. */
  readonly read: string[]
  /** Each text is read by the proxy as a chunk of its own. */
  say(end: End, ...texts: string[]): Promise<void>
  dial(): Promise<End>
  /** Dial, and wait for the other end. */
  pair(): Promise<readonly [End, End]>
}

async function setting(
  work: (given: Setting) => Promise<void>,
  options: Partial<ProxyOptions> = {},
): Promise<void> {
  const accepted: End[] = []
  const dialled: End[] = []
  const read: string[] = []
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(new End(socket))
  })
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve))
  const { port } = server.address() as { port: number }
  const target = { host: '127.0.0.1', port }
  const random = new SimRandom(1)
  const onBytes = (direction: Direction, bytes: Uint8Array): void => {
    read.push(`${direction} ${Buffer.from(bytes).toString('latin1')}`)
  }
  const proxy = await FaultProxy.open({ target, random, frames: false, onBytes, ...options })
  const say = async (end: End, ...texts: string[]): Promise<void> => {
    for (const text of texts) {
      const count = read.length
      end.write(text)
      await until('the proxy has read it', 5_000, () => read.length > count)
    }
  }
  const dial = async (): Promise<End> => {
    const end = new End(connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true }))
    dialled.push(end)
    // Refused as soon as it connects, it may see the end alone.
    await until('it connects', 5_000, () => end.isConnected || end.how !== 'open')
    return end
  }
  const pair = async (): Promise<readonly [End, End]> => {
    const count = accepted.length
    const near = await dial()
    await until('it is accepted', 5_000, () => accepted.length > count)
    return [near, accepted.at(-1) as End]
  }
  try {
    await work({ proxy, accepted, read, say, dial, pair })
  } finally {
    await proxy.close()
    for (const { socket } of [...accepted, ...dialled]) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

const rule = (change: Partial<Rule>): Rule => ({ ...calm, ...change })

test('calm: bytes go both ways, and an end is passed on', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    await say(near, 'one', 'two')
    await say(far, 'three')
    await far.hears('onetwo')
    await near.hears('three')
    near.socket.end()
    await far.ends()
    await say(far, 'last')
    await near.hears('threelast')
    far.socket.end()
    await near.ends()
    await until('nothing stays', 5_000, () => proxy.connectionCount === 0)
  }))

test('a break is passed on, and so is a target that is not there', () =>
  setting(async ({ pair, accepted, dial, say }) => {
    const [near, far] = await pair()
    near.socket.resetAndDestroy()
    await far.ends()
    const [again, other] = await pair()
    other.socket.destroy()
    await again.ends()
    assert.equal(accepted.length, 2)
    const third = await dial()
    await say(third, 'still there')
    await until('it is heard', 5_000, () => accepted[2]?.text === 'still there')
  }))

test('delay: bytes come late, in order, whatever the jitter', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    proxy.setRule('out', rule({ delayMs: 300, jitterMs: 200 }))
    const startMs = performance.now()
    await say(near, ...'abcdefgh')
    await far.hears('abcdefgh')
    assert((far.firstAtMs ?? 0) - startMs >= 299)
    await say(far, 'back at once')
    await near.hears('back at once')
  }))

test('stall: nothing moves, nothing is lost', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    proxy.setRule('out', rule({ stalled: true }))
    await say(near, 'held')
    await pause(100)
    assert.equal(far.text, '')
    proxy.setRule('out', calm)
    await far.hears('held')
  }))

test('stall: what waits is bounded, and its sender is held up', () =>
  setting(async ({ pair, proxy }) => {
    const [near, far] = await pair()
    proxy.setRule('out', rule({ stalled: true }))
    const bytes = Buffer.alloc(64 * 1024, 'x')
    let isFull = false
    for (let count = 0; count < 1_000 && !isFull; count++) {
      near.socket.write(bytes)
      await pause(1)
      isFull = near.socket.writableLength > 8 * 1024 * 1024
    }
    assert(isFull, 'the sender is never held up')
    proxy.setRule('out', calm)
    const sent = near.socket.bytesWritten
    await until('all comes', 20_000, () => far.text.length === sent)
  }))

test('one-way: bytes go in one direction only, and the sender does not know', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    proxy.setRule('back', rule({ swallowed: true }))
    await say(far, 'nobody hears')
    await say(near, 'heard')
    await far.hears('heard')
    assert.equal(near.text, '')
    assert.equal(far.how, 'open')
    assert.equal(proxy.faultCounts.get('swallowed'), 1)
  }))

test('drop: a unit is lost, or the connection dies with what is on its way', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    proxy.setRule('out', rule({ lost: 1 }))
    await say(near, 'gone')
    proxy.setRule('out', rule({ delayMs: 5_000 }))
    await say(near, 'on its way')
    proxy.cut()
    await near.ends()
    await far.ends()
    assert.equal(far.text, '')
    const [again, other] = await pair()
    proxy.setRule('out', rule({ cut: 1 }))
    await say(again, 'breaks it')
    await other.ends()
    assert.equal(other.text, '')
  }))

test('duplicate, swap, corrupt', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    proxy.setRule('out', rule({ duplicated: 1 }))
    await say(near, 'a')
    await far.hears('aa')
    proxy.setRule('out', rule({ swapped: 1 }))
    await say(near, 'b', 'c')
    await far.hears('aacb')
    proxy.setRule('out', rule({ corrupted: 1 }))
    await say(near, 'zzzz')
    await until('it comes', 5_000, () => far.text.length === 8)
    const came = Buffer.from(far.text.slice(4), 'latin1')
    const turned = [...came].map((byte) => (byte ^ 0x7a).toString(2).replaceAll('0', '').length)
    assert.equal(
      turned.reduce((sum, bits) => sum + bits, 0),
      1,
    )
  }))

test('replay: bytes of an old connection come into a new one', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    await say(near, 'old')
    await far.hears('old')
    proxy.cut()
    const [again, other] = await pair()
    proxy.setRule('out', rule({ replayed: 1 }))
    await say(again, 'new')
    await other.hears('oldnew')
  }))

test('forge: what nobody sent comes, in the form of what was sent', () =>
  setting(async ({ pair, proxy, say }) => {
    const [near, far] = await pair()
    proxy.setRule('out', rule({ forged: 1 }))
    await say(near, 'true')
    await until('both come', 5_000, () => far.text.length === 8)
    assert(far.text.endsWith('true') && !far.text.startsWith('true'), far.text)
  }))

test('reorder across reconnects: what was sent first comes after what the next connection brings', () =>
  setting(async ({ pair, proxy, accepted, say }) => {
    const [near] = await pair()
    proxy.setRule('out', rule({ delayMs: 400 }))
    await say(near, 'first')
    proxy.overtake(2_000)
    await near.ends()
    proxy.setRule('out', calm)
    const [again, other] = await pair()
    await say(again, 'second')
    await other.hears('second')
    assert.equal(accepted[0]?.text, '')
    assert.equal(accepted[0]?.how, 'open')
    await until('the first comes', 5_000, () => accepted[0]?.text === 'first')
    await until('and its connection ends', 5_000, () => accepted[0]?.how !== 'open')
  }))

for (const side of ['near', 'far'] as const) {
  test(`half-open: the ${side} end vanishes, and the other hears nothing of it`, () =>
    setting(async ({ pair, proxy }) => {
      const [near, far] = await pair()
      proxy.vanish(side)
      const [gone, left] = side === 'near' ? [near, far] : [far, near]
      await gone.ends()
      left.write('is anybody there')
      await pause(100)
      assert.equal(left.how, 'open')
      left.socket.end()
      await until('nothing stays', 5_000, () => proxy.connectionCount === 0)
    }))
}

test('a door that refuses, and one that accepts in silence', () =>
  setting(async ({ dial, proxy, accepted }) => {
    proxy.setDoor('refused')
    const refused = await dial()
    await refused.ends()
    proxy.setDoor('silent')
    const waiting = await dial()
    waiting.write('hello')
    await pause(100)
    assert.equal(waiting.how, 'open')
    assert.equal(accepted.length, 0)
    proxy.setDoor('open')
    await waiting.ends()
  }))

test('everything that passes can be listened to, and the same seed makes the same faults', async () => {
  const run = async (): Promise<string> => {
    let text = ''
    await setting(async ({ pair, proxy, say, read }) => {
      const [near, far] = await pair()
      proxy.setRule('out', rule({ lost: 0.3, duplicated: 0.3 }))
      await say(near, ...'abcdefghijklmnop')
      proxy.setRule('out', calm)
      await say(near, '.')
      await until('all is there', 5_000, () => far.text.endsWith('.'))
      assert.deepEqual(
        read,
        [...'abcdefghijklmnop.'].map((letter) => `out ${letter}`),
      )
      text = far.text
    })
    return text
  }
  const first = await run()
  assert.notEqual(first, 'abcdefghijklmnop.')
  assert.equal(await run(), first)
})
