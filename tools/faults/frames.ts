/**
 * Cuts a byte stream into the units that a fault proxy acts upon: the frames of a WebSocket
 * (RFC 6455), so that damage meets the links and not only the parser of frames below them. What
 * stands before the first frame, the HTTP upgrade, passes as it is.
 */

export type Unit = {
  readonly bytes: Buffer
  /** Where its payload begins: damage goes there. */
  readonly payloadAt: number
}

export interface Cutter {
  /** The units that are whole now. */
  take(chunk: Buffer): readonly Unit[]
  /** Bytes that are held back until their unit is whole. */
  readonly heldBytes: number
}

/** Each chunk as it was read is a unit. */
export class ChunkCutter implements Cutter {
  readonly heldBytes = 0

  take(chunk: Buffer): readonly Unit[] {
    return [{ bytes: chunk, payloadAt: 0 }]
  }
}

const headBytesMax = 16 * 1024
const frameBytesMax = 8 * 1024 * 1024
const headEnd = Buffer.from('\r\n\r\n')

/** A stream that turns out to be no WebSocket goes on in chunks. */
export class FrameCutter implements Cutter {
  #parts: Buffer[] = []
  #heldBytes = 0
  /** Held bytes that make the next step possible: parts are not joined before. */
  #wantedBytes = 0
  #phase: 'head' | 'frames' | 'chunks' = 'head'

  get heldBytes(): number {
    return this.#heldBytes
  }

  take(chunk: Buffer): readonly Unit[] {
    if (this.#phase === 'chunks') return [{ bytes: chunk, payloadAt: 0 }]
    this.#parts.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < this.#wantedBytes) return []
    const held = Buffer.concat(this.#parts)
    const units: Unit[] = []
    let at = 0
    for (;;) {
      const unit = this.#next(held.subarray(at))
      if (unit === undefined) break
      units.push(unit)
      at += unit.bytes.length
    }
    this.#parts = at < held.length ? [held.subarray(at)] : []
    this.#heldBytes = held.length - at
    return units
  }

  #next(held: Buffer): Unit | undefined {
    if (held.length === 0) return undefined
    if (this.#phase === 'chunks') return { bytes: held, payloadAt: 0 }
    if (this.#phase === 'head') return this.#head(held)
    const frame = frameOf(held)
    if (frame === undefined || frame.wholeBytes > frameBytesMax) {
      if (frame !== undefined) this.#phase = 'chunks'
      this.#wantedBytes = held.length + 1
      return frame === undefined ? undefined : { bytes: held, payloadAt: 0 }
    }
    this.#wantedBytes = frame.wholeBytes
    if (held.length < frame.wholeBytes) return undefined
    this.#wantedBytes = 0
    return { bytes: held.subarray(0, frame.wholeBytes), payloadAt: frame.payloadAt }
  }

  /** The whole head is one unit; it has no payload. */
  #head(held: Buffer): Unit | undefined {
    const end = held.indexOf(headEnd)
    if (end < 0 && held.length <= headBytesMax) {
      this.#wantedBytes = held.length + 1
      return undefined
    }
    this.#wantedBytes = 0
    this.#phase = end < 0 ? 'chunks' : 'frames'
    const bytes = end < 0 ? held : held.subarray(0, end + headEnd.length)
    return { bytes, payloadAt: bytes.length }
  }
}

/** Undefined while too little of its header is there. */
function frameOf(held: Buffer): { readonly payloadAt: number; wholeBytes: number } | undefined {
  if (held.length < 2) return undefined
  const second = held.readUInt8(1)
  const maskBytes = (second & 0x80) === 0 ? 0 : 4
  const short = second & 0x7f
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0
  const payloadAt = 2 + lengthBytes + maskBytes
  if (held.length < 2 + lengthBytes) return undefined
  const length =
    lengthBytes === 8
      ? Number(held.readBigUInt64BE(2))
      : lengthBytes === 2
        ? held.readUInt16BE(2)
        : short
  return { payloadAt, wholeBytes: payloadAt + length }
}
