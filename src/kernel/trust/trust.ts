import { compareText } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Fault, FaultKind, PeerFaults, Trust } from './interface.ts'
import { evidenceBytesMax, evidenceCountMax, peerCountMax } from './limits.ts'

type PeerRecord = { readonly counts: Map<FaultKind, number>; readonly evidence: Fault[] }

/** Counts faults and keeps the newest evidence per peer, in memory. */
export function createTrust(options: { readonly log: Log; readonly metrics: Metrics }): Trust {
  const { log, metrics } = options
  const peers = new Map<NodeId, PeerRecord>()

  const recordOf = (peer: NodeId): PeerRecord | undefined => {
    const known = peers.get(peer)
    if (known !== undefined) return known
    if (peers.size >= peerCountMax) return undefined
    const record: PeerRecord = { counts: new Map(), evidence: [] }
    peers.set(peer, record)
    return record
  }

  return {
    report: (fault) => {
      metrics.count(`trust.reported_${fault.kind.replaceAll('-', '_')}_count`)
      const record = recordOf(fault.peer)
      if (record === undefined) return
      record.counts.set(fault.kind, (record.counts.get(fault.kind) ?? 0) + 1)
      log.warn('fault of a peer', {
        peer: fault.peer,
        fault: fault.kind,
        about: fault.about,
        signed: fault.evidence !== undefined,
      })
      if (fault.evidence === undefined || fault.evidence.length > evidenceBytesMax) return
      record.evidence.push(fault)
      if (record.evidence.length > evidenceCountMax) record.evidence.shift()
    },
    faults: () =>
      [...peers.entries()]
        .map(([peer, record]): PeerFaults => ({ peer, counts: Object.fromEntries(record.counts) }))
        .sort((a, b) => compareText(a.peer, b.peer)),
    evidenceOf: (peer) => [...(peers.get(peer)?.evidence ?? [])],
  }
}
