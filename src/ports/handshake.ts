/**
 * The Noise handshake of a link: Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b, three messages.
 * A failed step throws and ends the handshake; nothing of it can be used again.
 */
import { UnosysError } from '../base/error.ts'
import type { KeyPair } from './crypto.ts'
import type { Random } from './random.ts'

/**
 * The peer lacks the computer key, speaks of another world or epoch, or a message was changed.
 * React: close the connection and count it; the peer is told nothing.
 */
export class HandshakeError extends UnosysError<'handshake/failed', { step: number }> {}

export type HandshakeResult = {
  /** 32 bytes each: what this side seals with, and what it opens with. */
  readonly sendKey: Uint8Array
  readonly receiveKey: Uint8Array
  /** Hash over the whole handshake: the same on both sides, unique to this link. */
  readonly transcript: Uint8Array
  /** The peer's static X25519 key, proven by the handshake. */
  readonly peerLinkKey: Uint8Array
}

export interface HandshakeSession {
  /** The next message, carrying `payload` (sealed from the second message on). */
  write(payload: Uint8Array): Uint8Array
  /** The payload of the peer's next message. @throws HandshakeError if not authentic, or early. */
  read(message: Uint8Array): Uint8Array
  /** Set once the last message was written or read. */
  readonly result: HandshakeResult | undefined
}

export interface Handshake {
  /**
   * @param linkKey this node's static X25519 pair.
   * @param presharedKey 32 bytes (asserted): the computer key of the epoch in the prologue.
   * @param random source of the ephemeral key.
   */
  start(input: {
    readonly initiator: boolean
    readonly linkKey: KeyPair
    readonly presharedKey: Uint8Array
    readonly prologue: Uint8Array
    readonly random: Random
  }): HandshakeSession
}
