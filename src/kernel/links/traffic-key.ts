/**
 * One direction's key of a link, its counters and its successors.
 *
 * The nonce is never sent: both sides count. A frame that was altered, repeated, left out, moved or
 * turned around to its sender therefore does not open, whoever did it. Envelopes and bodies count
 * apart, told apart by the first word of the nonce, because a sender seals the bodies of an
 * envelope before the envelope that carries their tags.
 *
 * Successors are derived one way: who learns a later key cannot open earlier frames.
 */
import { assert } from '../../base/assert.ts'
import { concat, emptyBytes, utf8 } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import {
  type AeadKey,
  aeadKeyBytes,
  aeadNonceBytes,
  aeadTagBytes,
  type Crypto,
  type SealedParts,
} from '../../ports/crypto.ts'
import { keyFramesMax } from './limits.ts'

const lanes = { record: 0, body: 1 } as const
type Lane = (typeof lanes)[keyof typeof lanes]

const infoOf = (domain: string, generation: number): Uint8Array =>
  encode((writer) => writer.fixed(utf8(domain)).u32(generation))

export class TrafficKey {
  readonly #crypto: Crypto
  readonly #transcript: Uint8Array
  readonly #nonce = new Uint8Array(aeadNonceBytes)
  readonly #nonceView = new DataView(this.#nonce.buffer)
  readonly #counts: Record<Lane, number> = { [lanes.record]: 0, [lanes.body]: 0 }
  #secret: Uint8Array
  #key: AeadKey
  #generation = 0

  /** @param input.secret from the handshake, 32 bytes. Taken over: wiped when the key changes. */
  constructor(input: {
    readonly crypto: Crypto
    readonly secret: Uint8Array
    readonly transcript: Uint8Array
  }) {
    this.#crypto = input.crypto
    this.#transcript = input.transcript
    this.#secret = input.secret
    this.#key = this.#derive()
  }

  #derive(): AeadKey {
    const raw = this.#expand(domains.linkTraffic)
    const key = this.#crypto.aeadKey(raw)
    raw.fill(0)
    return key
  }

  #expand(domain: string): Uint8Array {
    return this.#crypto.hkdfSha256({
      key: this.#secret,
      salt: this.#transcript,
      info: infoOf(domain, this.#generation),
      length: aeadKeyBytes,
    })
  }

  /** Frames sealed or opened under the present key. */
  get frames(): number {
    return this.#counts[lanes.record] + this.#counts[lanes.body]
  }

  /** How many keys came before the present one. */
  get generation(): number {
    return this.#generation
  }

  /** Go on to the next key; both counters start again. */
  advance(): void {
    this.#generation++
    const next = this.#expand(domains.linkRekey)
    this.#secret.fill(0)
    this.#secret = next
    this.#key = this.#derive()
    this.#counts[lanes.record] = 0
    this.#counts[lanes.body] = 0
  }

  #nonceOf(lane: Lane): Uint8Array {
    const count = this.#counts[lane]
    this.#nonceView.setUint32(0, lane)
    this.#nonceView.setUint32(4, Math.floor(count / 0x1_0000_0000))
    this.#nonceView.setUint32(8, count % 0x1_0000_0000)
    return this.#nonce
  }

  #seal(lane: Lane, plaintext: Uint8Array): SealedParts {
    assert(this.frames < keyFramesMax, 'a traffic key is changed before its last frame')
    const nonce = this.#nonceOf(lane)
    this.#counts[lane]++
    return this.#crypto.seal({ key: this.#key, nonce, plaintext, associated: emptyBytes })
  }

  #open(lane: Lane, sealed: SealedParts): Uint8Array | undefined {
    if (this.frames >= keyFramesMax) return undefined
    const nonce = this.#nonceOf(lane)
    const plaintext = this.#crypto.open({
      key: this.#key,
      nonce,
      associated: emptyBytes,
      ciphertext: sealed.ciphertext,
      tag: sealed.tag,
    })
    if (plaintext !== undefined) this.#counts[lane]++
    return plaintext
  }

  /** Ciphertext and tag in one. */
  sealRecord(plaintext: Uint8Array): Uint8Array {
    const { ciphertext, tag } = this.#seal(lanes.record, plaintext)
    return concat([ciphertext, tag])
  }

  /** Not joined: the ciphertext leaves as it is, the tag goes into the envelope. */
  sealBody(plaintext: Uint8Array): SealedParts {
    return this.#seal(lanes.body, plaintext)
  }

  /** Undefined when it is not the peer's next envelope, unchanged. */
  openRecord(sealed: Uint8Array): Uint8Array | undefined {
    const split = sealed.length - aeadTagBytes
    if (split < 0) return undefined
    return this.#open(lanes.record, {
      ciphertext: sealed.subarray(0, split),
      tag: sealed.subarray(split),
    })
  }

  /** Undefined when it is not the peer's next body, unchanged. */
  openBody(sealed: SealedParts): Uint8Array | undefined {
    return this.#open(lanes.body, sealed)
  }
}
