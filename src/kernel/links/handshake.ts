/**
 * The handshake of a link: Noise XXpsk0 with the computer key as the pre-shared key, and in it each
 * side's node key vouching for the link key that the handshake proves.
 *
 * Upon being dialled or dialling:
 *   1. dialler → u16 version ‖ u32 epoch ‖ Noise message 1. Version and epoch are in clear so that
 *      the other side can choose the computer key; both are in the prologue, so that changing them
 *      on the way makes the handshake fail. Whoever lacks the computer key fails here.
 *   2. ← Noise message 2, carrying node id ‖ signature(linkKey ‖ world ‖ static link key).
 *      The dialler goes on only with the node that it meant to reach.
 *   3. → Noise message 3, carrying the same of the dialler, who must be a known node.
 * The signature binds a link key to a node for good; that the node key takes part now is shown by
 * the signature of each side's first envelope over this handshake's transcript.
 */
import { concat, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { CodecError, decode, encode } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import { type NodeId, nodeIdBytes, nodeIdOf, type WorldId } from '../../base/ids.ts'
import { type Crypto, type KeyPair, signatureBytes } from '../../ports/crypto.ts'
import type { Handshake, HandshakeResult, HandshakeSession } from '../../ports/handshake.ts'
import type { ComputerKey } from '../../ports/keyring.ts'
import type { Random } from '../../ports/random.ts'
import { type Counter, counters } from './counters.ts'
import { handshakeMessageBytesMax, linkProtocolVersion } from './limits.ts'

/** What a node brings to each of its handshakes. */
export type LinkIdentity = {
  readonly world: WorldId
  readonly self: NodeId
  readonly nodeKey: KeyPair
  readonly linkKey: KeyPair
  readonly computerKeys: readonly ComputerKey[]
}

/** The bytes by which a node key vouches for a link key in a world. */
export const linkKeyStatement = (world: WorldId, linkPublicKey: Uint8Array): Uint8Array =>
  concat([utf8(domains.linkKey), fromHex(world), linkPublicKey])

const prologueOf = (world: WorldId, epoch: number): Uint8Array =>
  encode((writer) =>
    writer.fixed(utf8(domains.linkPrologue)).hex(world).u16(linkProtocolVersion).u32(epoch),
  )

/** Ends a handshake; `counter` says why and where it is counted. Stays inside this layer. */
export class HandshakeRefused extends Error {
  readonly counter: Counter

  constructor(counter: Counter) {
    super(counter)
    this.counter = counter
  }
}

const refuse = (counter: Counter): never => {
  throw new HandshakeRefused(counter)
}

export type HandshakeDone = { readonly peer: NodeId } & HandshakeResult
/** What to do next: send these bytes, if any; `done` is set when the handshake is complete. */
export type HandshakeStep = {
  readonly send: Uint8Array | undefined
  readonly done: HandshakeDone | undefined
}

type Ports = { readonly crypto: Crypto; readonly handshake: Handshake; readonly random: Random }

/** Anything the port throws means the same: the bytes were not those of an entitled peer. */
function attempt<Value>(step: () => Value): Value {
  try {
    return step()
  } catch {
    return refuse(counters.Handshake)
  }
}

/** Shared by both sides: the certificate and the check of the other's. */
class Credentials {
  readonly identity: LinkIdentity
  readonly ports: Ports
  readonly payload: Uint8Array

  constructor(identity: LinkIdentity, ports: Ports) {
    this.identity = identity
    this.ports = ports
    const statement = linkKeyStatement(identity.world, identity.linkKey.publicKey)
    const signature = ports.crypto.sign(identity.nodeKey.secretKey, statement)
    this.payload = concat([fromHex(identity.self), signature])
  }

  start(initiator: boolean, computerKey: ComputerKey): HandshakeSession {
    return this.ports.handshake.start({
      initiator,
      linkKey: this.identity.linkKey,
      presharedKey: computerKey.key,
      prologue: prologueOf(this.identity.world, computerKey.epoch),
      random: this.ports.random,
    })
  }

  /** The node that the peer's payload names, once its key is shown to vouch for the link key. */
  check(payload: Uint8Array, result: HandshakeResult | undefined): HandshakeDone {
    if (payload.length !== nodeIdBytes + signatureBytes || result === undefined)
      return refuse(counters.Handshake)
    const nodeKey = payload.subarray(0, nodeIdBytes)
    const statement = linkKeyStatement(this.identity.world, result.peerLinkKey)
    if (!this.ports.crypto.verify(nodeKey, statement, payload.subarray(nodeIdBytes)))
      return refuse(counters.Certificate)
    return { ...result, peer: nodeIdOf(toHex(nodeKey)) }
  }
}

/** One side of one handshake. `receive` throws `HandshakeRefused` and the handshake is over. */
export interface HandshakeSide {
  receive(bytes: Uint8Array): HandshakeStep
}

class Dialling implements HandshakeSide {
  readonly #credentials: Credentials
  readonly #session: HandshakeSession
  readonly #expected: NodeId
  readonly first: Uint8Array

  constructor(credentials: Credentials, computerKey: ComputerKey, expected: NodeId) {
    this.#credentials = credentials
    this.#expected = expected
    this.#session = credentials.start(true, computerKey)
    const opening = this.#session.write(new Uint8Array(0))
    this.first = encode((writer) =>
      writer.u16(linkProtocolVersion).u32(computerKey.epoch).fixed(opening),
    )
  }

  receive(bytes: Uint8Array): HandshakeStep {
    if (bytes.length > handshakeMessageBytesMax) refuse(counters.TooLong)
    const payload = attempt(() => this.#session.read(bytes))
    // The peer's link key is known once our last message is written; it is sent only if all fits.
    const send = attempt(() => this.#session.write(this.#credentials.payload))
    const done = this.#credentials.check(payload, this.#session.result)
    if (done.peer !== this.#expected) refuse(counters.WrongIdentity)
    return { send, done }
  }
}

class Answering implements HandshakeSide {
  readonly #credentials: Credentials
  #session: HandshakeSession | undefined

  constructor(credentials: Credentials) {
    this.#credentials = credentials
  }

  receive(bytes: Uint8Array): HandshakeStep {
    if (bytes.length > handshakeMessageBytesMax) refuse(counters.TooLong)
    const session = this.#session
    if (session === undefined) return { send: this.#open(bytes), done: undefined }
    const payload = attempt(() => session.read(bytes))
    return { send: undefined, done: this.#credentials.check(payload, session.result) }
  }

  #open(bytes: Uint8Array): Uint8Array {
    const { version, epoch, opening } = readOpening(bytes)
    if (version !== linkProtocolVersion) refuse(counters.Version)
    const { computerKeys } = this.#credentials.identity
    const computerKey = computerKeys.find((candidate) => candidate.epoch === epoch)
    if (computerKey === undefined) return refuse(counters.Epoch)
    const session = this.#credentials.start(false, computerKey)
    attempt(() => session.read(opening))
    this.#session = session
    return attempt(() => session.write(this.#credentials.payload))
  }
}

function readOpening(bytes: Uint8Array): { version: number; epoch: number; opening: Uint8Array } {
  try {
    return decode(bytes, (reader) => {
      const version = reader.u16()
      const epoch = reader.u32()
      return { version, epoch, opening: reader.fixed(reader.remainingBytes) }
    })
  } catch (error) {
    if (error instanceof CodecError) return refuse(counters.Handshake)
    throw error
  }
}

/** Starts handshakes of one node; signs its certificate once. */
export class Handshakes {
  readonly #credentials: Credentials

  constructor(identity: LinkIdentity, ports: Ports) {
    this.#credentials = new Credentials(identity, ports)
  }

  /** Under the newest computer key. `first` is to be sent at once. */
  dial(expected: NodeId): HandshakeSide & { readonly first: Uint8Array } {
    const { computerKeys } = this.#credentials.identity
    const newest = computerKeys.reduce((a, b) => (b.epoch > a.epoch ? b : a))
    return new Dialling(this.#credentials, newest, expected)
  }

  /** Under the computer key that the dialler names, if it is one of ours. */
  answer(): HandshakeSide {
    return new Answering(this.#credentials)
  }
}
