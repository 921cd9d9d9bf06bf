/**
 * The handshake port on the package `noise-handshake` (Noise framework, revision 34).
 *
 * The package trusts its caller in ways that this adapter does not:
 *
 * - With the pattern XXpsk0 and no pre-shared key it completes, without a word, a handshake that
 *   anybody can join. Here key, pattern and protocol name are checked before the first message.
 * - It draws the ephemeral pair itself. Here it comes from the random port (Noise leaves open
 *   where from), so that a simulated world repeats byte for byte.
 * - At the end it wipes memory that it has shared with its caller: the ephemeral key inside the
 *   message just read. Here it works on copies.
 * - It throws errors of all kinds, and goes on after them. Here any failure ends the session, and
 *   one error leaves, which tells the other side nothing.
 */
import NoiseState from 'noise-handshake'
import sodium from 'sodium-native'
import { assert } from '../base/assert.ts'
import { fromUtf8 } from '../base/bytes.ts'
import {
  type Handshake,
  HandshakeError,
  type HandshakeResult,
  type HandshakeSession,
} from '../ports/handshake.ts'

const pattern = 'XXpsk0'
const protocolName = 'Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b'
const keyBytes = 32
const transcriptBytes = 64
const stepCount = 3

/** Noise's bound on a message. */
const messageBytesMax = 65_535
/** The largest head of a message: ephemeral key, sealed static key, tag of the payload. */
const headBytesMax = keyBytes + (keyBytes + 16) + 16

type Input = Parameters<Handshake['start']>[0]

const copyOf = (bytes: Uint8Array | null, length: number): Uint8Array => {
  assert(bytes !== null && bytes.length === length, 'the package gives keys of the right length')
  return new Uint8Array(bytes)
}

class NoiseSession implements HandshakeSession {
  readonly #initiator: boolean
  readonly #state: NoiseState
  readonly #ephemeralSecret: Uint8Array
  #step = 0
  #failed = false
  #result: HandshakeResult | undefined

  constructor({ initiator, linkKey, presharedKey, prologue, random }: Input) {
    assert(presharedKey.length === keyBytes, 'a pre-shared key has 32 bytes')
    assert(linkKey.secretKey.length === keyBytes, 'a link key has 32 bytes')
    assert(linkKey.publicKey.length === keyBytes, 'a link key has 32 bytes')
    this.#initiator = initiator
    const state = new NoiseState(pattern, initiator, linkKey, { psk: presharedKey.slice() })
    assert(state.isPskHandshake, 'the pre-shared key is used')
    assert(fromUtf8(state.protocol) === protocolName, 'the protocol is the one we speak')
    this.#ephemeralSecret = random.bytes(keyBytes)
    const publicKey = new Uint8Array(keyBytes)
    sodium.crypto_scalarmult_base(publicKey, this.#ephemeralSecret)
    state.e = { publicKey, secretKey: this.#ephemeralSecret }
    state.initialise(prologue)
    this.#state = state
  }

  get result(): HandshakeResult | undefined {
    return this.#result
  }

  /** Steps 0 and 2 are messages of the initiator, step 1 is the responder's. */
  #isOurTurn(): boolean {
    return (this.#step % 2 === 0) === this.#initiator
  }

  write(payload: Uint8Array): Uint8Array {
    assert(!this.#failed, 'a failed handshake is not used again')
    assert(this.#step < stepCount && this.#isOurTurn(), 'it is our turn to write')
    assert(payload.length <= messageBytesMax - headBytesMax, 'the payload fits one message')
    // What the peer sent can make this fail too: its ephemeral key may be a low-order point.
    const message = this.#attempt(() => this.#state.send(payload))
    this.#advance()
    return message
  }

  read(message: Uint8Array): Uint8Array {
    // What the peer sends and when is the peer's doing: never an assertion.
    if (this.#failed || this.#step >= stepCount || this.#isOurTurn())
      throw this.#fail(new Error('message out of turn'))
    if (message.length > messageBytesMax) throw this.#fail(new Error('message too long'))
    const payload = this.#attempt(() => this.#state.recv(new Uint8Array(message)))
    this.#advance()
    return payload
  }

  #attempt(step: () => Uint8Array): Uint8Array {
    try {
      return new Uint8Array(step())
    } catch (error) {
      throw this.#fail(error)
    }
  }

  #advance(): void {
    this.#step++
    if (this.#step < stepCount) return
    const state = this.#state
    assert(state.complete, 'three messages complete the pattern')
    this.#result = {
      sendKey: copyOf(state.tx, keyBytes),
      receiveKey: copyOf(state.rx, keyBytes),
      transcript: copyOf(state.hash, transcriptBytes),
      peerLinkKey: copyOf(state.rs, keyBytes),
    }
  }

  #fail(cause: unknown): HandshakeError {
    this.#failed = true
    this.#ephemeralSecret.fill(0)
    const detail = { step: this.#step }
    return new HandshakeError('handshake/failed', 'the handshake failed', detail, { cause })
  }
}

/** Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b. The transcript has 64 bytes. */
export const noiseHandshake: Handshake = {
  start: (input) => new NoiseSession(input),
}
