import { compareText, toHex } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Fault, FaultKind, PeerFaults, Trust } from './interface.ts'
import { aboutBytesMax, evidenceBytesMax, evidenceCountMax, peerCountMax } from './limits.ts'
import { Proofs } from './proofs.ts'

type PeerRecord = { readonly counts: Map<FaultKind, number>; readonly evidence: Fault[] }

export type TrustOptions = {
  readonly log: Log
  readonly metrics: Metrics
  /** Where proofs are kept, under keys that begin with `trust/`. */
  readonly journal: Journal
}

/**
 * Counts faults and keeps the newest evidence per peer, in memory; keeps proofs in the journal.
 *
 * @throws JournalError, CodecError: the journal is damaged.
 */
export async function openTrust(options: TrustOptions): Promise<Trust> {
  const proofs = new Proofs(options)
  await proofs.load()
  const trust = new FaultCounts(options, proofs)
  for (const proof of proofs.all()) trust.count(proof)
  return trust
}

class FaultCounts implements Trust {
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #proofs: Proofs
  readonly #peers = new Map<NodeId, PeerRecord>()

  constructor(options: TrustOptions, proofs: Proofs) {
    this.#log = options.log
    this.#metrics = options.metrics
    this.#proofs = proofs
  }

  #recordOf(peer: NodeId): PeerRecord | undefined {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    if (this.#peers.size >= peerCountMax) return undefined
    const record: PeerRecord = { counts: new Map(), evidence: [] }
    this.#peers.set(peer, record)
    return record
  }

  count(fault: Fault): PeerRecord | undefined {
    const record = this.#recordOf(fault.peer)
    record?.counts.set(fault.kind, (record.counts.get(fault.kind) ?? 0) + 1)
    return record
  }

  report(fault: Fault): void {
    this.#metrics.count(`trust.reported_${fault.kind.replaceAll('-', '_')}_count`)
    const record = this.count(fault)
    if (record === undefined) return
    const { about, evidence, kind, peer } = fault
    this.#log.warn('fault of a peer', { peer, fault: kind, about, signed: evidence !== undefined })
    if (evidence === undefined || evidence.length > evidenceBytesMax) return
    if (fault.isProof === true && about.length <= aboutBytesMax) {
      const isNews = this.#proofs.add({ ...fault, evidence })
      if (isNews) this.#log.warn('proof against a peer', { peer, about, proof: toHex(evidence) })
      return
    }
    record.evidence.push(fault)
    if (record.evidence.length > evidenceCountMax) record.evidence.shift()
  }

  faults(): PeerFaults[] {
    return [...this.#peers.entries()]
      .map(([peer, record]): PeerFaults => ({ peer, counts: Object.fromEntries(record.counts) }))
      .sort((a, b) => compareText(a.peer, b.peer))
  }

  evidenceOf(peer: NodeId): readonly Fault[] {
    return [...this.#proofs.of(peer), ...(this.#peers.get(peer)?.evidence ?? [])]
  }
}
