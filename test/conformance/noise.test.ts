/**
 * The handshake adapter against the Noise specification (revision 34), computed here a second time
 * from its text with OpenSSL's primitives: no line and no library is shared with the package.
 *
 *   XXpsk0:  -> psk, e     <- e, ee, s, es     -> s, se
 */
import assert from 'node:assert/strict'
import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'
import { test } from 'node:test'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'

const hashLength = 64
const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts)
const plain = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)
const blake2b = (bytes: Uint8Array): Buffer => createHash('blake2b512').update(bytes).digest()
const hmac = (key: Uint8Array, bytes: Uint8Array): Buffer =>
  createHmac('blake2b512', key).update(bytes).digest()

/** X25519 with OpenSSL, which wants raw keys in an envelope (RFC 8410). */
class OpensslKey {
  readonly #privateKey: KeyObject
  readonly publicKey: Uint8Array

  constructor(secret: Uint8Array) {
    const der = join(Buffer.from('302e020100300506032b656e04220420', 'hex'), secret)
    this.#privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#privateKey).export({ format: 'der', type: 'spki' })
    this.publicKey = spki.subarray(-32)
  }

  shared(publicKey: Uint8Array): Buffer {
    const der = join(Buffer.from('302a300506032b656e032100', 'hex'), publicKey)
    const other = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return diffieHellman({ privateKey: this.#privateKey, publicKey: other })
  }
}

/** HKDF of section 4.3: `count` outputs of 64 bytes. */
function hkdf(chainingKey: Uint8Array, input: Uint8Array, count: number): Buffer[] {
  const temporaryKey = hmac(chainingKey, input)
  const outputs: Buffer[] = []
  for (let index = 1; index <= count; index++)
    outputs.push(hmac(temporaryKey, join(outputs.at(-1) ?? Buffer.alloc(0), Buffer.of(index))))
  return outputs
}

const part = (outputs: readonly Buffer[], index: number): Buffer => {
  const output = outputs[index]
  assert.ok(output)
  return output
}

/** SymmetricState and CipherState of section 5. */
class SymmetricState {
  hash: Buffer
  chainingKey: Buffer
  #key: Buffer | undefined
  #nonce = 0

  constructor(protocolName: string) {
    this.hash = join(Buffer.from(protocolName), Buffer.alloc(hashLength - protocolName.length))
    this.chainingKey = this.hash
  }

  mixHash(bytes: Uint8Array): void {
    this.hash = blake2b(join(this.hash, bytes))
  }

  mixKey(input: Uint8Array): void {
    const outputs = hkdf(this.chainingKey, input, 2)
    this.chainingKey = part(outputs, 0)
    this.#setKey(part(outputs, 1))
  }

  mixKeyAndHash(input: Uint8Array): void {
    const outputs = hkdf(this.chainingKey, input, 3)
    this.chainingKey = part(outputs, 0)
    this.mixHash(part(outputs, 1))
    this.#setKey(part(outputs, 2))
  }

  #setKey(output: Buffer): void {
    this.#key = output.subarray(0, 32)
    this.#nonce = 0
  }

  encryptAndHash(plaintext: Uint8Array): Buffer {
    assert.ok(this.#key)
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32LE(this.#nonce++, 4)
    const cipher = createCipheriv('chacha20-poly1305', this.#key, nonce, { authTagLength: 16 })
    cipher.setAAD(this.hash, { plaintextLength: plaintext.length })
    const sealed = join(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
    this.mixHash(sealed)
    return sealed
  }
}

type Inputs = { prologue: Uint8Array; presharedKey: Uint8Array; payloads: readonly Uint8Array[] }
type Keys = { s: OpensslKey; e: OpensslKey }

/** The three messages and the outcome, as the specification says. */
function computed(inputs: Inputs, initiator: Keys, responder: Keys) {
  const state = new SymmetricState('Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b')
  const [first, second, third] = inputs.payloads
  assert.ok(first && second && third)
  const mixEphemeral = (publicKey: Uint8Array): void => {
    state.mixHash(publicKey)
    // Section 9.2: with pre-shared keys, an ephemeral key goes into the key as well.
    state.mixKey(publicKey)
  }
  state.mixHash(inputs.prologue)
  state.mixKeyAndHash(inputs.presharedKey)
  mixEphemeral(initiator.e.publicKey)
  const message1 = join(initiator.e.publicKey, state.encryptAndHash(first))

  mixEphemeral(responder.e.publicKey)
  state.mixKey(responder.e.shared(initiator.e.publicKey))
  const sealedResponder = state.encryptAndHash(responder.s.publicKey)
  state.mixKey(responder.s.shared(initiator.e.publicKey))
  const message2 = join(responder.e.publicKey, sealedResponder, state.encryptAndHash(second))

  const sealedInitiator = state.encryptAndHash(initiator.s.publicKey)
  state.mixKey(initiator.s.shared(responder.e.publicKey))
  const message3 = join(sealedInitiator, state.encryptAndHash(third))

  const split = hkdf(state.chainingKey, Buffer.alloc(0), 2)
  return {
    messages: [message1, message2, message3].map(plain),
    result: {
      sendKey: plain(part(split, 0).subarray(0, 32)),
      receiveKey: plain(part(split, 1).subarray(0, 32)),
      transcript: plain(state.hash),
      peerLinkKey: plain(responder.s.publicKey),
    },
  }
}

test('noise: messages, keys and transcript are those of the specification', () => {
  const crypto = createNodeCrypto()
  for (let seed = 0; seed < 20; seed++) {
    const random = new SimRandom(seed)
    const [initiatorSecret, responderSecret] = [random.bytes(32), random.bytes(32)]
    const inputs = {
      prologue: random.bytes(random.below(200)),
      presharedKey: random.bytes(32),
      payloads: [random.bytes(0), random.bytes(random.below(300)), random.bytes(64)],
    }
    const ephemeral = (name: string): SimRandom => new SimRandom(seed, name)
    const start = (initiator: boolean, secret: Uint8Array) =>
      noiseHandshake.start({
        initiator,
        linkKey: crypto.boxKeyPair(secret),
        presharedKey: inputs.presharedKey,
        prologue: inputs.prologue,
        random: ephemeral(initiator ? 'i' : 'r'),
      })
    const alice = start(true, initiatorSecret)
    const bob = start(false, responderSecret)
    const messages = inputs.payloads.map((payload, step) => {
      const [from, to] = step === 1 ? [bob, alice] : [alice, bob]
      const message = from.write(payload)
      assert.deepEqual(to.read(message), payload)
      return message
    })
    const keysOf = (secret: Uint8Array, name: string): Keys => ({
      s: new OpensslKey(secret),
      e: new OpensslKey(ephemeral(name).bytes(32)),
    })
    const expected = computed(inputs, keysOf(initiatorSecret, 'i'), keysOf(responderSecret, 'r'))
    assert.deepEqual(messages, expected.messages)
    assert.deepEqual(alice.result, expected.result)
  }
})
