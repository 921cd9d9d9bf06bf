/**
 * One direction of one connection through a fault proxy: units are read from one socket, wait as
 * long as the rule says, suffer what it says, and are written to the other.
 *
 * Bounded: what waits is at most `waitingBytesMax` and one unit; beyond that its sender is not read
 * from, so that his own buffers and window fill up as on a slow wire.
 */
import type { Socket } from 'node:net'
import type { SimRandom } from '../../src/simulator/sim-random.ts'
import type { Cutter, Unit } from './frames.ts'
import type { Rule, WireFault } from './rule.ts'

const waitingBytesMax = 2 * 1024 * 1024
const keptUnitsMax = 32
const keptUnitBytesMax = 64 * 1024

/** The newest units that passed, of all connections, to be sent once more at a wrong time. */
export class Memory {
  readonly #kept: Unit[] = []

  keep(unit: Unit): void {
    if (unit.bytes.length > keptUnitBytesMax || unit.payloadAt === unit.bytes.length) return
    this.#kept.push({ ...unit, bytes: Buffer.from(unit.bytes) })
    if (this.#kept.length > keptUnitsMax) this.#kept.shift()
  }

  pick(random: SimRandom): Unit | undefined {
    return this.#kept.length === 0 ? undefined : random.pick(this.#kept)
  }
}

export type PassageOptions = {
  readonly from: Socket
  readonly to: Socket
  readonly cutter: Cutter
  readonly random: SimRandom
  readonly memory: Memory
  /** As it is at the moment. */
  readonly rule: () => Rule
  /** Hears what is read, before anything happens to it. */
  readonly onBytes: (bytes: Uint8Array) => void
  /** Hears what the rule did. */
  readonly onFault: (fault: WireFault) => void
  /** The rule says that the connection breaks. */
  readonly onCut: () => void
}

type Chance = 'cut' | 'replayed' | 'forged' | 'lost' | 'corrupted' | 'swapped' | 'duplicated'
type Waiting = { readonly bytes: Buffer; readonly dueMs: number }

export class Passage {
  readonly #options: PassageOptions
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #swapping: Unit | undefined
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #closed = false

  constructor(options: PassageOptions) {
    this.#options = options
    const { from, to } = options
    from.on('data', (chunk: Buffer) => this.#onData(chunk))
    from.on('end', () => {
      this.#ended = true
      this.#flush()
    })
    to.on('drain', () => this.#flush())
  }

  /** The rule has changed: what waited for the old one may go. */
  wake(): void {
    this.#flush()
  }

  /** Nothing more is written. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#waiting = []
    this.#swapping = undefined
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return
    const { cutter, onBytes, rule, onFault } = this.#options
    onBytes(chunk)
    for (const unit of cutter.take(chunk)) {
      if (rule().swallowed) onFault('swallowed')
      else this.#onUnit(unit)
      if (this.#closed) return
    }
    if (this.#waitingBytes > waitingBytesMax) this.#options.from.pause()
    this.#flush()
  }

  #onUnit(unit: Unit): void {
    const { random, memory, onCut, onFault } = this.#options
    const isHead = unit.payloadAt === unit.bytes.length
    // The upgrade of a WebSocket is nobody's secret and nobody's promise: it only waits.
    if (isHead) {
      this.#push(unit)
      return
    }
    if (this.#happens('cut')) {
      onCut()
      return
    }
    if (this.#isDrawn('replayed')) {
      const old = memory.pick(random)
      if (old !== undefined) {
        onFault('replayed')
        this.#push(old)
      }
    }
    if (this.#happens('forged')) this.#push(withPayloadMadeUp(unit, random))
    memory.keep(unit)
    if (this.#happens('lost')) return
    const passing = this.#happens('corrupted') ? withOneBitTurned(unit, random) : unit
    if (this.#swapping === undefined && this.#isDrawn('swapped')) {
      this.#swapping = passing
      return
    }
    this.#push(passing)
    if (this.#happens('duplicated')) this.#push(passing)
    if (this.#swapping !== undefined) {
      onFault('swapped')
      this.#push(this.#swapping)
    }
    this.#swapping = undefined
  }

  #happens(fault: Chance): boolean {
    if (!this.#isDrawn(fault)) return false
    this.#options.onFault(fault)
    return true
  }

  #isDrawn(fault: Chance): boolean {
    const { rule, random } = this.#options
    return random.happens(rule()[fault])
  }

  #push({ bytes }: Unit): void {
    const { rule, random, onFault } = this.#options
    const { delayMs, jitterMs, stalled } = rule()
    if (stalled) onFault('stalled')
    if (delayMs + jitterMs > 0) onFault('delayed')
    const last = this.#waiting.at(-1)?.dueMs ?? 0
    const wantedMs = performance.now() + delayMs + random.unit() * jitterMs
    this.#waiting.push({ bytes, dueMs: Math.max(last, wantedMs) })
    this.#waitingBytes += bytes.length
  }

  #flush(): void {
    clearTimeout(this.#timer)
    if (this.#closed || this.#options.rule().stalled) return
    const { to, from } = this.#options
    while (!to.writableNeedDrain && to.writable) {
      const next = this.#waiting[0]
      if (next === undefined) break
      const leftMs = next.dueMs - performance.now()
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), leftMs)
        break
      }
      this.#waiting.shift()
      this.#waitingBytes -= next.bytes.length
      to.write(next.bytes)
    }
    if (this.#waitingBytes <= waitingBytesMax && from.isPaused()) from.resume()
    if (this.#ended && this.#waiting.length === 0) to.end()
  }
}

function withOneBitTurned({ bytes, payloadAt }: Unit, random: SimRandom): Unit {
  const turned = Buffer.from(bytes)
  const at = payloadAt + random.below(bytes.length - payloadAt)
  turned[at] = (turned[at] ?? 0) ^ (1 << random.below(8))
  return { bytes: turned, payloadAt }
}

function withPayloadMadeUp({ bytes, payloadAt }: Unit, random: SimRandom): Unit {
  const payload = random.bytes(bytes.length - payloadAt)
  return { bytes: Buffer.concat([bytes.subarray(0, payloadAt), payload]), payloadAt }
}
