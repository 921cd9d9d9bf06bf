/** What a member tells the world about others: who lies, who voted twice, that safety is gone. */
import { toHex } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import { encodeCertificate } from './encoding.ts'
import type { Epoch } from './epoch.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import type { ConsensusEvidence } from './interface.ts'
import type { ConsensusOptions } from './options.ts'
import { nodeOf } from './state.ts'
import type { Effect, MemberIndex } from './types.ts'

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
const sayEveryMs = 60_000

/** What others did that no correct member does: all is counted, but a flood is one line. */
export class Reports {
  readonly #options: Pick<ConsensusOptions, 'clock' | 'log' | 'metrics' | 'onEvidence'>
  /** By member and what it did: as many as there are rules to break. */
  readonly #said = new Map<string, { atMs: number; since: number }>()

  constructor(options: Pick<ConsensusOptions, 'clock' | 'log' | 'metrics' | 'onEvidence'>) {
    this.#options = options
  }

  /** A message that no correct member sends. */
  demerit(
    { setup }: Epoch,
    { peer, what }: { readonly peer: MemberIndex; readonly what: string },
  ): void {
    this.#options.metrics.count('consensus.demerits')
    this.#say('a member sent what no correct member sends', nodeOf(setup, peer), { what })
  }

  /** Two votes of one member that contradict each other. */
  evidence(
    { config, setup }: Epoch,
    { first, second }: Pick<ConsensusEvidence, 'first' | 'second'>,
  ): void {
    const { metrics, onEvidence } = this.#options
    const member = nodeOf(setup, first.signer)
    metrics.count('consensus.evidence')
    this.#say('a member voted twice', member, { view: first.view })
    onEvidence?.({ member, group: config.group, epoch: config.epoch, first, second })
  }

  #say(message: string, member: NodeId, more: { what: string } | { view: number }): void {
    const { clock, log } = this.#options
    const key = `${member} ${'what' in more ? more.what : message}`
    const said = this.#said.get(key)
    const nowMs = clock.monotonicMs()
    if (said !== undefined && nowMs - said.atMs < sayEveryMs) {
      said.since++
      return
    }
    this.#said.set(key, { atMs: nowMs, since: 0 })
    const unsaid = said?.since ?? 0
    log.warn(message, { member, ...more, ...(unsaid === 0 ? {} : { unsaid }) })
  }
}
