/** What a member tells the world about others: who voted twice, and that safety is gone. */
import { toHex } from '../../base/bytes.ts'
import { encodeCertificate } from './encoding.ts'
import type { Epoch } from './epoch.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import type { ConsensusEvidence } from './interface.ts'
import type { ConsensusOptions } from './options.ts'
import { nodeOf } from './state.ts'
import type { Effect } from './types.ts'

/** Two votes of one member that contradict each other. */
export function reportEvidence(
  options: Pick<ConsensusOptions, 'log' | 'metrics' | 'onEvidence'>,
  { config, setup }: Epoch,
  { first, second }: Pick<ConsensusEvidence, 'first' | 'second'>,
): void {
  const { log, metrics, onEvidence } = options
  const member = nodeOf(setup, first.signer)
  metrics.count('consensus.evidence')
  log.warn('a member voted twice', { member, view: first.view })
  onEvidence?.({ member, group: config.group, epoch: config.epoch, first, second })
}

/** More members lie than the group survives: with the certificates that show it. */
export function safetyViolated(
  { wire }: Epoch,
  { certificates, what }: Extract<Effect, { kind: 'alarm' }>,
): ConsensusError {
  const proofs = certificates.map((one) => toHex(encodeCertificate(one, wire.context)))
  return new ConsensusError(ConsensusCode.SafetyViolated, what, {
    what: [what, ...proofs].join(' '),
  })
}
