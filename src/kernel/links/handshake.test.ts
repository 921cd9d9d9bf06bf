import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bytesOf,
  computerKey,
  crypto,
  keysOf,
  pattern,
  testWorld,
} from '../../../test/conformance/links-world.ts'
import { noiseHandshake } from '../../adapters/noise-handshake.ts'
import { concat, fromHex } from '../../base/bytes.ts'
import { worldIdOf } from '../../base/ids.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { type Counter, counters } from './counters.ts'
import {
  type HandshakeDone,
  HandshakeRefused,
  type HandshakeSide,
  Handshakes,
  type LinkIdentity,
} from './handshake.ts'

let seed = 1
const identityOf = (index: number, changes: Partial<LinkIdentity> = {}): LinkIdentity => {
  const { id, nodeKey, linkKey } = keysOf(index)
  return {
    ...{ world: testWorld, self: id, nodeKey, linkKey, computerKeys: [computerKey] },
    ...changes,
  }
}
const handshakesOf = (index: number, changes: Partial<LinkIdentity> = {}, random = seed++) =>
  new Handshakes(identityOf(index, changes), {
    crypto,
    handshake: noiseHandshake,
    random: new SimRandom(random),
  })

type Messages = readonly [Uint8Array, Uint8Array, Uint8Array]

/** The whole handshake; `change` is the man in the middle. */
function shake(
  from: Handshakes,
  to: Handshakes,
  change: (message: Uint8Array, index: number) => Uint8Array = (message) => message,
): { dialled: HandshakeDone; answered: HandshakeDone; messages: Messages } {
  const dialling = from.dial(keysOf(1).id)
  const answering = to.answer()
  const reply = answering.receive(change(dialling.first, 0))
  assert(reply.send && !reply.done)
  const last = dialling.receive(change(reply.send, 1))
  assert(last.send && last.done)
  const end = answering.receive(change(last.send, 2))
  assert(end.done && !end.send)
  const messages: Messages = [dialling.first, reply.send, last.send]
  return { dialled: last.done, answered: end.done, messages }
}

function refusedBy(step: () => unknown, counter: Counter): void {
  assert.throws(step, (error) => error instanceof HandshakeRefused && error.counter === counter)
}

test('C67: both sides end with the same transcript, crossed keys and the other node proven', () => {
  const { dialled, answered } = shake(handshakesOf(0), handshakesOf(1))
  assert.deepEqual(dialled.transcript, answered.transcript)
  assert.deepEqual(dialled.sendKey, answered.receiveKey)
  assert.deepEqual(dialled.receiveKey, answered.sendKey)
  assert.notDeepEqual(dialled.sendKey, dialled.receiveKey)
  assert.equal(dialled.peer, keysOf(1).id)
  assert.equal(answered.peer, keysOf(0).id)
})

test('C64: both sides contribute to the session keys: a fresh draw of either changes them', () => {
  const keysWith = (a: number, b: number): string => {
    const { dialled } = shake(handshakesOf(0, {}, a), handshakesOf(1, {}, b))
    return [dialled.sendKey, dialled.receiveKey, dialled.transcript].join()
  }
  assert.equal(keysWith(1, 2), keysWith(1, 2), 'the draws decide')
  assert.notEqual(keysWith(1, 2), keysWith(3, 2), 'the dialler contributes')
  assert.notEqual(keysWith(1, 2), keysWith(1, 3), 'the other side contributes')
})

test('C65: who lacks the computer key is refused at the first message and gets no answer', () => {
  const outsider = handshakesOf(0, { computerKeys: [{ epoch: 3, key: pattern(32, 99) }] })
  const answering = handshakesOf(1).answer()
  refusedBy(() => answering.receive(outsider.dial(keysOf(1).id).first), counters.Handshake)
})

test('C65: nor does a side without it convince the dialler', () => {
  const outsider = handshakesOf(1, { computerKeys: [{ epoch: 3, key: pattern(32, 99) }] })
  refusedBy(() => shake(handshakesOf(0), outsider), counters.Handshake)
})

test('C66: a link is dialled with the newest computer key; older ones are still accepted', () => {
  const older = { epoch: 2, key: pattern(32, 2) }
  const both = { computerKeys: [older, computerKey] }
  const shakes: [Partial<LinkIdentity>, Partial<LinkIdentity>][] = [
    [both, {}],
    [{ computerKeys: [older] }, both],
    [{ computerKeys: [computerKey, older] }, both],
  ]
  for (const [from, to] of shakes) shake(handshakesOf(0, from), handshakesOf(1, to))
  refusedBy(
    () => shake(handshakesOf(0, { computerKeys: [older] }), handshakesOf(1)),
    counters.Epoch,
  )
})

test('another world, protocol version or epoch on the label is refused', () => {
  const elsewhere = { world: worldIdOf('22'.repeat(32)) }
  refusedBy(() => shake(handshakesOf(0, elsewhere), handshakesOf(1)), counters.Handshake)
  const label =
    (at: number, value: number) =>
    (message: Uint8Array, index: number): Uint8Array =>
      index === 0 ? message.map((byte, place) => (place === at ? value : byte)) : message
  refusedBy(() => shake(handshakesOf(0), handshakesOf(1), label(1, 9)), counters.Version)
  refusedBy(() => shake(handshakesOf(0), handshakesOf(1), label(5, 9)), counters.Epoch)
  // The epoch is under the handshake: two keys of which one is named in the place of the other.
  const twoKeys = { computerKeys: [computerKey, { epoch: 9, key: computerKey.key }] }
  refusedBy(() => shake(handshakesOf(0), handshakesOf(1, twoKeys), label(5, 9)), counters.Handshake)
})

test('C67: a certificate that does not cover the link key in use is refused', () => {
  // Claims node 0, and signs with what it has.
  const self = keysOf(0).id
  const liar = { self, nodeKey: keysOf(5).nodeKey, linkKey: keysOf(5).linkKey }
  refusedBy(() => shake(handshakesOf(0, liar), handshakesOf(1)), counters.Certificate)
  const answeringLiar = { ...liar, self: keysOf(1).id }
  refusedBy(() => shake(handshakesOf(0), handshakesOf(1, answeringLiar)), counters.Certificate)
})

test('C67: a genuine certificate with a swapped link key is detected', () => {
  const { payload } = stolenCertificate()
  const session = noiseHandshake.start({
    initiator: true,
    linkKey: keysOf(5).linkKey,
    presharedKey: computerKey.key,
    prologue: concat([
      bytesOf('unosys/link-prologue/1'),
      fromHex(testWorld),
      Uint8Array.of(0, 1, 0, 0, 0, 3),
    ]),
    random: new SimRandom(seed++),
  })
  const answering = handshakesOf(1).answer()
  const first = concat([Uint8Array.of(0, 1, 0, 0, 0, 3), session.write(new Uint8Array(0))])
  const reply = answering.receive(first)
  assert(reply.send)
  session.read(reply.send)
  refusedBy(() => answering.receive(session.write(payload)), counters.Certificate)
})

/** What node 0 shows in its handshakes: anybody whom it ever dialled has it. */
function stolenCertificate(): { payload: Uint8Array } {
  let payload = new Uint8Array(0)
  const eavesdropper: typeof noiseHandshake = {
    start: (input) => {
      const session = noiseHandshake.start(input)
      return {
        write: (bytes) => {
          if (bytes.length > 0) payload = bytes.slice()
          return session.write(bytes)
        },
        read: (bytes) => session.read(bytes),
        get result() {
          return session.result
        },
      }
    },
  }
  const ports = { crypto, handshake: eavesdropper, random: new SimRandom(seed++) }
  shake(new Handshakes(identityOf(0), ports), handshakesOf(1))
  return { payload }
}

test('the dialler goes on only with the node that it meant to reach', () => {
  refusedBy(() => shake(handshakesOf(0), handshakesOf(2)), counters.WrongIdentity)
})

test('C68: any altered bit of any handshake message is detected', () => {
  const { messages } = shake(handshakesOf(0), handshakesOf(1))
  for (const [which, message] of messages.entries())
    for (let bit = 0; bit < message.length * 8; bit += 5) {
      const flip = (bytes: Uint8Array, index: number): Uint8Array =>
        index !== which
          ? bytes
          : bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      assert.throws(() => shake(handshakesOf(0), handshakesOf(1), flip), HandshakeRefused)
    }
})

test('C68: a recorded handshake cannot be replayed, nor its messages sent back', () => {
  const { messages } = shake(handshakesOf(0), handshakesOf(1))
  const answering = handshakesOf(1).answer()
  assert.ok(answering.receive(messages[0]).send, 'the first message alone opens nothing')
  refusedBy(() => answering.receive(messages[2]), counters.Handshake)
  const dialling = handshakesOf(0).dial(keysOf(1).id)
  refusedBy(() => dialling.receive(dialling.first.subarray(6)), counters.Handshake)
  refusedBy(() => handshakesOf(0).dial(keysOf(1).id).receive(messages[1]), counters.Handshake)
})

test('random bytes at any step are refused, never more', () => {
  const sides = (): HandshakeSide[] => {
    const answering = handshakesOf(1).answer()
    answering.receive(handshakesOf(0).dial(keysOf(1).id).first)
    return [handshakesOf(0).dial(keysOf(1).id), handshakesOf(1).answer(), answering]
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      for (const side of sides()) assert.throws(() => side.receive(bytes), HandshakeRefused)
    }),
    { numRuns: 60 },
  )
})

test('a handshake message that is too long is refused before anything is computed', () => {
  refusedBy(() => handshakesOf(1).answer().receive(new Uint8Array(513)), counters.TooLong)
  refusedBy(() => handshakesOf(0).dial(keysOf(1).id).receive(new Uint8Array(513)), counters.TooLong)
})
