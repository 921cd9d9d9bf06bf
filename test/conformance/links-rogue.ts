/** A node with all its keys that speaks the wire format by hand, rightly or wrongly. */
import assert from 'node:assert/strict'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { type EnvelopePart, recordKinds, writeEnvelope } from '../../src/kernel/links/envelope.ts'
import { type HandshakeDone, Handshakes } from '../../src/kernel/links/handshake.ts'
import { type Channel, channels } from '../../src/kernel/links/index.ts'
import { MessageHasher, messageKinds, type SignedContent } from '../../src/kernel/links/message.ts'
import { type Received, Receiver } from '../../src/kernel/links/receiver.ts'
import { TrafficKey } from '../../src/kernel/links/traffic-key.ts'
import type { Connection } from '../../src/ports/transport.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import {
  bytesOf,
  computerKey,
  crypto,
  keysOf,
  type LinkWorld,
  TestMetrics,
  type TestNode,
  testWorld,
} from './links-world.ts'

export class Rogue {
  readonly connection: Connection
  readonly heard: Received[] = []
  closed = false
  readonly #index: number
  readonly #receiver: Receiver
  readonly #key: TrafficKey
  readonly #done: HandshakeDone
  #sequence = 0

  constructor(connection: Connection, done: HandshakeDone, index: number) {
    this.connection = connection
    this.#index = index
    this.#done = done
    const { transcript, peer } = done
    this.#key = new TrafficKey({ crypto, secret: done.sendKey, transcript })
    this.#receiver = new Receiver({
      ...{ crypto, peer, transcript, metrics: new TestMetrics() },
      key: new TrafficKey({ crypto, secret: done.receiveKey, transcript }),
      onEnvelope: () => true,
      onReceived: (received) => this.heard.push(received),
      onBroken: (counter) => assert.fail(counter),
    })
  }

  /** Dial `target` as the node of rank `rank` and prove to be it. */
  static async dial(world: LinkWorld, rank: number, target: TestNode): Promise<Rogue> {
    const index = world.indexes[rank]
    assert(index !== undefined)
    const process = new SimProcess(world.scheduler, world.nameOf(index))
    const random = world.random.fork('rogue')
    const { id: self, nodeKey, linkKey } = keysOf(index)
    const identity = { world: testWorld, self, nodeKey, linkKey, computerKeys: [computerKey] }
    const side = new Handshakes(identity, { crypto, handshake: noiseHandshake, random }).dial(
      target.id,
    )
    const options = { messageBytesMax: 1 << 24, connectionCountMax: 1 }
    const { signal } = new AbortController()
    const transport = world.network.transport(process)
    const connection = await world.settled(
      transport.dial(`${target.name}:1`, { ...options, signal }),
    )
    let rogue: Rogue | undefined
    let closed = false
    connection.listen({
      onMessage: (bytes) => {
        if (rogue !== undefined) return rogue.#receiver.receive(bytes)
        const { send, done } = side.receive(bytes)
        assert(send && done)
        connection.send(send)
        rogue = new Rogue(connection, done, index)
        rogue.sendParts([])
      },
      onPong: () => {},
      onClose: () => {
        closed = true
        if (rogue !== undefined) rogue.closed = true
      },
    })
    connection.send(side.first)
    await world.until(() => target.links.isUp(self) || closed, 5_000)
    assert(rogue && !closed)
    return rogue
  }

  get id(): NodeId {
    return keysOf(this.#index).id
  }

  /** A rightly signed envelope of any messages. */
  sendParts(
    parts: readonly EnvelopePart[],
    changes: { sequence?: number; transcript?: Uint8Array; kind?: number } = {},
  ): void {
    const place = { transcript: this.#done.transcript, sequence: this.#sequence++, ...changes }
    const plain = writeEnvelope({
      ...{ crypto, place, parts },
      kind: (changes.kind ?? recordKinds.envelope) as 1,
      hasher: new MessageHasher(crypto),
      secretKey: keysOf(this.#index).nodeKey.secretKey,
    })
    this.sendRecord(plain)
  }

  /** Any plain bytes, rightly sealed. */
  sendRecord(plain: Uint8Array): void {
    this.connection.send(this.#key.sealRecord(plain))
  }

  sendContents(...contents: readonly Partial<SignedContent>[]): void {
    const base = { kind: messageKinds.message, channel: channels.group as Channel, id: 0 }
    const rest = { deadlineMs: 0, head: bytesOf('x'), body: undefined }
    this.sendParts(
      contents.map((content) => ({
        content: { ...base, ...rest, ...content },
        body: undefined,
        tag: undefined,
      })),
    )
  }

  request(...ids: readonly number[]): void {
    this.sendContents(...ids.map((id) => ({ id, kind: messageKinds.request, deadlineMs: 60_000 })))
  }
}
