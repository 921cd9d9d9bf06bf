/** What other layers see of trust: where faults of peers are reported and counted. */
import type { NodeId } from '../../base/ids.ts'

/**
 * What a peer did wrong. `proof` kinds carry the peer's signature on the wrong answer; `missing`
 * and `late` are suspicions: one report alone proves nothing.
 */
export const FaultKind = {
  /** A signed block reply whose bytes do not have the requested hash. */
  WrongBlock: 'wrong-block',
  /** The holder itself reports a changed name of its copy. */
  NameChanged: 'name-changed',
  /** The holder itself reports changed bytes of its copy. */
  ContentChanged: 'content-changed',
  /** The holder has no copy of a block that it should have. */
  Missing: 'missing',
  /** No answer within the holder's time. */
  Late: 'late',
  /** A signed answer that does not decode or does not repeat what was asked. */
  Malformed: 'malformed',
  /** Two contradicting votes of one member. */
  Equivocation: 'equivocation',
} as const
export type FaultKind = (typeof FaultKind)[keyof typeof FaultKind]

export type Fault = {
  readonly peer: NodeId
  readonly kind: FaultKind
  /** What it was about, printable: a block id, a view. Never a file. */
  readonly about: string
  /** The peer's signed statement, encoded by the layer that reports; kept for judging. */
  readonly evidence?: Uint8Array
  /** The evidence is whole: anybody can judge it, offline. It is kept over restarts. */
  readonly isProof?: boolean
}

export type PeerFaults = {
  readonly peer: NodeId
  readonly counts: Readonly<Partial<Record<FaultKind, number>>>
}

export interface Trust {
  /**
   * Count a fault, keep its evidence (bounded, newest kept) and tell the operator's log. A proof is
   * kept for good: the first of each matter, a few of each peer.
   */
  report(fault: Fault): void
  /** Peers with at least one fault since start, or a proof of before; sorted by node id. */
  faults(): readonly PeerFaults[]
  /** Kept evidence of a peer, proofs first, each oldest first. */
  evidenceOf(peer: NodeId): readonly Fault[]
}
