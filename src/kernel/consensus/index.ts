export { createConsensus } from './consensus.ts'
// For those who check, prove or imitate consensus from outside: tools and the simulator.
export { blockOf, payloadHashOf, payloadOf, voteBytes } from './encoding.ts'
export * from './errors.ts'
export { decodeEvidence, encodeEvidence } from './evidence.ts'
export {
  encodeFinality,
  epochOfFinality,
  type FinalBlock,
  finalityBytesMax,
  isLater,
  readFinality,
} from './finality.ts'
export * from './interface.ts'
export { type ConsensusLimits, consensusLimitsOf, defaultConsensusLimits } from './limits.ts'
export type { ConsensusOptions } from './options.ts'
export {
  byzBound,
  defaultQuorum,
  isQuorum,
  leaderOrder,
  quorumOf,
  silentBound,
} from './quorum.ts'
export type * from './types.ts'
export { contextOf, evidenceHolds, type Verifier } from './verify.ts'
export { decodeMessage, encodeMessage, type WireContext } from './wire.ts'
