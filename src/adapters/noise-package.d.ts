/** The part of `noise-handshake` (which ships no types) that the adapter uses. */
declare module 'noise-handshake' {
  type NoiseKeyPair = { publicKey: Uint8Array; secretKey: Uint8Array }

  class NoiseState {
    constructor(
      pattern: 'XXpsk0',
      initiator: boolean,
      staticKeypair: NoiseKeyPair,
      options: { psk: Uint8Array },
    )
    /** The full name of the protocol, as text in bytes. */
    readonly protocol: Uint8Array
    /** False if the pattern would run without the pre-shared key. */
    readonly isPskHandshake: boolean
    readonly complete: boolean
    /** The ephemeral pair: drawn by the package where the caller has set none; wiped at the end. */
    e: NoiseKeyPair | null
    /** Static key of the peer. */
    readonly rs: Uint8Array | null
    readonly tx: Uint8Array | null
    readonly rx: Uint8Array | null
    readonly hash: Uint8Array | null

    initialise(prologue: Uint8Array): void
    send(payload: Uint8Array): Uint8Array
    recv(message: Uint8Array): Uint8Array
  }
  export = NoiseState
}
