import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { isUnosysError } from '../../src/base/error.ts'
import type { Crypto, KeyPair } from '../../src/ports/crypto.ts'
import type { Handshake, HandshakeResult, HandshakeSession } from '../../src/ports/handshake.ts'
import type { Random } from '../../src/ports/random.ts'

export type HandshakeSubject = {
  readonly name: string
  readonly handshake: Handshake
  readonly crypto: Crypto
  /** A source that repeats the same bytes for the same seed. */
  readonly random: (seed: number) => Random
}

const nothing = new Uint8Array(0)
const isRefused = (error: unknown): boolean => isUnosysError(error, 'handshake/failed')

type Side = { presharedKey: Uint8Array; prologue: Uint8Array; seed: number; linkKey: KeyPair }

class Pair {
  readonly alice: Side
  readonly bob: Side
  readonly #handshake: Handshake
  readonly #random: (seed: number) => Random

  constructor(subject: HandshakeSubject) {
    const keys = subject.random(99)
    const shared = { presharedKey: keys.bytes(32), prologue: utf8('world 1, epoch 0') }
    const linkKey = (): KeyPair => subject.crypto.boxKeyPair(keys.bytes(32))
    this.alice = { ...shared, seed: 1, linkKey: linkKey() }
    this.bob = { ...shared, seed: 2, linkKey: linkKey() }
    this.#handshake = subject.handshake
    this.#random = subject.random
  }

  start(): [HandshakeSession, HandshakeSession] {
    const session = (initiator: boolean, side: Side): HandshakeSession =>
      this.#handshake.start({ ...side, initiator, random: this.#random(side.seed) })
    return [session(true, this.alice), session(false, this.bob)]
  }

  /** All three messages; `alter` may change one on its way. */
  run(alter: (step: number, message: Uint8Array) => Uint8Array = (_, message) => message): {
    results: [HandshakeResult | undefined, HandshakeResult | undefined]
    messages: Uint8Array[]
    payloads: Uint8Array[]
  } {
    const [alice, bob] = this.start()
    const messages: Uint8Array[] = []
    const payloads: Uint8Array[] = []
    for (const step of [0, 1, 2]) {
      const [from, to] = step === 1 ? [bob, alice] : [alice, bob]
      const message = from.write(utf8(`payload ${step}`))
      messages.push(message.slice())
      payloads.push(to.read(alter(step, message)))
    }
    return { results: [alice.result, bob.result], messages, payloads }
  }
}

function testAgreement(subject: HandshakeSubject): void {
  const { name } = subject
  test(`${name}: both sides get crossed keys, one transcript, each other's key and payloads`, () => {
    const pair = new Pair(subject)
    const { results, payloads } = pair.run()
    const [alice, bob] = results
    assert.ok(alice && bob)
    assert.deepEqual(alice.sendKey, bob.receiveKey)
    assert.deepEqual(alice.receiveKey, bob.sendKey)
    assert.notDeepEqual(alice.sendKey, alice.receiveKey)
    assert.deepEqual(alice.transcript, bob.transcript)
    assert.deepEqual(alice.peerLinkKey, pair.bob.linkKey.publicKey)
    assert.deepEqual(bob.peerLinkKey, pair.alice.linkKey.publicKey)
    assert.equal(alice.sendKey.length, 32)
    assert.ok(alice.transcript.length >= 32)
    assert.deepEqual(payloads, [utf8('payload 0'), utf8('payload 1'), utf8('payload 2')])
    for (const bytes of [alice.sendKey, alice.receiveKey, alice.transcript, alice.peerLinkKey]) {
      assert.ok(bytes.some((byte) => byte !== 0))
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype)
    }
  })

  test(`${name}: C64 both sides contribute: another ephemeral key of either gives other keys`, () => {
    const base = new Pair(subject).run().results[0]
    const seen = new Set([toHex(base?.sendKey ?? nothing)])
    for (const side of ['alice', 'bob'] as const) {
      const pair = new Pair(subject)
      pair[side].seed = 50
      const result = pair.run().results[0]
      seen.add(toHex(result?.sendKey ?? nothing))
      assert.notDeepEqual(result?.transcript, base?.transcript)
    }
    assert.equal(seen.size, 3)
  })

  test(`${name}: the same random bytes give the same handshake, byte for byte`, () => {
    const first = new Pair(subject).run()
    assert.deepEqual(new Pair(subject).run(), first)
    assert.notDeepEqual(first.messages[0], first.messages[1])
  })

  test(`${name}: arguments and messages stay as they were, and results outlive the session`, () => {
    const pair = new Pair(subject)
    const before = structuredClone([pair.alice, pair.bob])
    const delivered: Uint8Array[] = []
    const { results, messages } = pair.run((_, message) => {
      delivered.push(message)
      return message
    })
    assert.deepEqual([pair.alice, pair.bob], before)
    assert.deepEqual(delivered, messages)
    assert.deepEqual(results[0]?.sendKey, new Pair(subject).run().results[0]?.sendKey)
  })

  test(`${name}: payloads are sealed; empty ones are allowed`, () => {
    const { messages } = new Pair(subject).run()
    for (const [step, message] of messages.entries())
      assert.ok(!toHex(message).includes(toHex(utf8(`payload ${step}`))))
    const [alice, bob] = new Pair(subject).start()
    assert.deepEqual(bob.read(alice.write(nothing)), nothing)
    assert.equal(bob.result, undefined)
  })
}

function testRefusals(subject: HandshakeSubject): void {
  const { name } = subject
  test(`${name}: C65 a peer with another pre-shared key fails at the first message`, () => {
    const pair = new Pair(subject)
    pair.alice.presharedKey = pair.alice.presharedKey.slice()
    pair.alice.presharedKey.fill(7, 31)
    const [alice, bob] = pair.start()
    const message = alice.write(nothing)
    assert.throws(() => bob.read(message), isRefused)
    assert.equal(bob.result, undefined)
  })

  test(`${name}: C65 without a pre-shared key of 32 bytes nothing starts`, () => {
    for (const presharedKey of [nothing, new Uint8Array(31), new Uint8Array(33)]) {
      const pair = new Pair(subject)
      pair.alice.presharedKey = presharedKey
      assert.throws(() => pair.start(), AssertionError)
    }
    const pair = new Pair(subject)
    const { publicKey } = pair.alice.linkKey
    pair.alice.linkKey = { publicKey, secretKey: new Uint8Array(31) }
    assert.throws(() => pair.start(), AssertionError)
  })

  test(`${name}: another prologue (world, protocol, key epoch) fails at the first message`, () => {
    const pair = new Pair(subject)
    pair.bob.prologue = utf8('world 2, epoch 0')
    const [alice, bob] = pair.start()
    const message = alice.write(nothing)
    assert.throws(() => bob.read(message), isRefused)
  })

  test(`${name}: C67 any changed byte of any message is refused, as is a shorter or longer one`, () => {
    const lengths = new Pair(subject).run().messages.map((message) => message.length)
    for (const [target, length] of lengths.entries()) {
      const changes = [(message: Uint8Array) => message.subarray(1), grown, () => nothing]
      for (let index = 0; index < length; index++) changes.push(flippedAt(index))
      for (const change of changes) {
        const alter = (step: number, message: Uint8Array): Uint8Array =>
          step === target ? change(message) : message
        assert.throws(() => new Pair(subject).run(alter), isRefused)
      }
    }
  })

  test(`${name}: a message of another handshake, an own one or a repeated one is refused`, () => {
    const recorded = new Pair(subject).run().messages
    const pair = new Pair(subject)
    pair.bob.seed = 70
    const replay = (step: number, message: Uint8Array): Uint8Array =>
      step === 2 ? (recorded[2] ?? nothing) : message
    assert.throws(() => pair.run(replay), isRefused)

    const [alice] = new Pair(subject).start()
    const own = alice.write(nothing)
    assert.throws(() => alice.read(own), isRefused)

    const [other, bob] = new Pair(subject).start()
    const first = other.write(nothing)
    bob.read(first)
    assert.throws(() => bob.read(first), isRefused, 'out of turn is the peer’s doing')
  })

  test(`${name}: a low-order ephemeral key is refused`, () => {
    const { run } = lowOrder(subject)
    assert.throws(run, isRefused)
  })

  test(`${name}: after a failure nothing of the session can be used again`, () => {
    const pair = new Pair(subject)
    const [alice, bob] = pair.start()
    const first = alice.write(nothing)
    assert.throws(() => bob.read(flippedAt(40)(first)), isRefused)
    assert.throws(() => bob.read(first), isRefused)
    assert.throws(() => bob.write(nothing), AssertionError)
  })

  test(`${name}: writing out of turn or too much is our own mistake`, () => {
    const [alice, bob] = new Pair(subject).start()
    assert.throws(() => bob.write(nothing), AssertionError)
    assert.throws(() => alice.write(new Uint8Array(65_536)), AssertionError)
    bob.read(alice.write(new Uint8Array(65_000)))
    assert.throws(() => alice.write(nothing), AssertionError)
  })

  test(`${name}: a message above 65,535 bytes is refused`, () => {
    const [, bob] = new Pair(subject).start()
    assert.throws(() => bob.read(new Uint8Array(65_536)), isRefused)
  })
}

function grown(message: Uint8Array): Uint8Array {
  const longer = new Uint8Array(message.length + 1)
  longer.set(message)
  return longer
}

function flippedAt(index: number): (message: Uint8Array) => Uint8Array {
  return (message) => {
    const changed = message.slice()
    changed[index] = (changed[index] ?? 0) ^ 1
    return changed
  }
}

/** A responder that answers with a public key of zeros. */
function lowOrder(subject: HandshakeSubject): { run: () => void } {
  const [alice, bob] = new Pair(subject).start()
  bob.read(alice.write(nothing))
  const answer = bob.write(nothing)
  answer.fill(0, 0, 32)
  return { run: () => void alice.read(answer) }
}

/** What every `Handshake` promises. */
export function handshakeCompliance(subject: HandshakeSubject): void {
  testAgreement(subject)
  testRefusals(subject)
}
