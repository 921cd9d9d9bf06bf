/** What a member tells the world about others: who lies, who voted twice, that safety is gone. */
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

/** The same of the same member is said so often at most. */
const demeritEveryMs = 60_000

/** Messages that no correct member sends: all are counted, but a flood of them is one line. */
export class Demerits {
  readonly #options: Pick<ConsensusOptions, 'clock' | 'log' | 'metrics'>
  /** By member and what it did: as many as there are rules to break. */
  readonly #said = new Map<string, { atMs: number; since: number }>()

  constructor(options: Pick<ConsensusOptions, 'clock' | 'log' | 'metrics'>) {
    this.#options = options
  }

  note({ setup }: Epoch, { peer, what }: Extract<Effect, { kind: 'demerit' }>): void {
    const { clock, log, metrics } = this.#options
    metrics.count('consensus.demerits')
    const member = nodeOf(setup, peer)
    const key = `${member} ${what}`
    const said = this.#said.get(key)
    const nowMs = clock.monotonicMs()
    if (said !== undefined && nowMs - said.atMs < demeritEveryMs) {
      said.since++
      return
    }
    this.#said.set(key, { atMs: nowMs, since: 0 })
    const more = said === undefined || said.since === 0 ? {} : { unsaid: said.since }
    log.warn('a member sent what no correct member sends', { member, what, ...more })
  }
}
