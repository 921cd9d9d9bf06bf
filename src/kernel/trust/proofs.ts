/**
 * Proofs against peers, kept in the journal: what a member signed and no correct member signs says
 * the same for ever, and must not be gone with the process that saw it.
 *
 * One proof of a matter is enough, and a few of a peer: a liar in every view costs no more than
 * that. The oldest are kept; whoever has seen one has seen enough.
 */
import { utf8 } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import { messageOf } from '../../base/error.ts'
import { type NodeId, nodeIdBytes, nodeIdOf } from '../../base/ids.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Log } from '../../ports/log.ts'
import { type Fault, FaultKind } from './interface.ts'
import { aboutBytesMax, evidenceBytesMax, peerCountMax, proofsPerPeerMax } from './limits.ts'

/** A fault whose evidence anybody can judge for himself. */
export type Proof = Fault & { readonly evidence: Uint8Array }

const prefix = 'trust/proof/'
/** `0` follows `/`. */
const prefixEnd = 'trust/proof0'
const keyOf = (peer: NodeId, place: number): Uint8Array => utf8(`${prefix}${peer}/${place}`)

const encodeProof = (proof: Proof): Uint8Array =>
  encode((writer) => {
    writer.hex(proof.peer).text(proof.kind).text(proof.about).blob(proof.evidence)
  })

/** @throws CodecError */
const decodeProof = (bytes: Uint8Array): Proof =>
  decode(bytes, (reader) => {
    const peer = nodeIdOf(reader.hex(nodeIdBytes))
    const name = reader.text(kindBytesMax)
    const kind = Object.values(FaultKind).find((known) => known === name)
    if (kind === undefined) return reader.refuse(`unknown kind of fault ${name}`)
    const about = reader.text(aboutBytesMax)
    return { peer, kind, about, evidence: reader.blob(evidenceBytesMax).slice() }
  })

const kindBytesMax = 64

export class Proofs {
  readonly #journal: Journal
  readonly #log: Log
  readonly #peers = new Map<NodeId, Proof[]>()

  constructor(options: { readonly journal: Journal; readonly log: Log }) {
    this.#journal = options.journal
    this.#log = options.log
  }

  /** Take up what the journal holds. @throws JournalError, CodecError: the journal is damaged. */
  async load(): Promise<void> {
    const entries = await this.#journal.range({
      from: utf8(prefix),
      to: utf8(prefixEnd),
      countMax: peerCountMax * proofsPerPeerMax,
    })
    for (const { value } of entries) {
      const proof = decodeProof(value)
      this.#peers.set(proof.peer, [...this.of(proof.peer), proof])
    }
  }

  /** Kept proofs against a peer, oldest first. */
  of(peer: NodeId): readonly Proof[] {
    return this.#peers.get(peer) ?? []
  }

  all(): Proof[] {
    return [...this.#peers.values()].flat()
  }

  /** Keep a proof, unless there is one of the matter or there are enough. True if it is news. */
  add(proof: Proof): boolean {
    const known = this.of(proof.peer)
    const isKnown = known.some(({ about, kind }) => about === proof.about && kind === proof.kind)
    if (isKnown || known.length >= proofsPerPeerMax) return false
    if (known.length === 0 && this.#peers.size >= peerCountMax) return false
    this.#peers.set(proof.peer, [...known, proof])
    const key = keyOf(proof.peer, known.length)
    this.#journal.commit([{ kind: 'put', key, value: encodeProof(proof) }]).catch((error) => {
      // Whoever depends on the disk stops the process; the proof may be seen again.
      this.#log.error('a proof could not be kept', { peer: proof.peer, reason: messageOf(error) })
    })
    return true
  }
}
