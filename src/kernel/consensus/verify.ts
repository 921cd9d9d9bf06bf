/**
 * Whether signatures hold. Ed25519 costs 50 µs a piece, so each vote is checked once: a certificate
 * whose signatures are known from votes costs nothing, and one for a question that is settled is
 * not looked at.
 *
 * @pure
 */
import { equalBytes } from '../../base/bytes.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { type GroupContext, voteBytes } from './encoding.ts'
import type { ConsensusConfig, ConsensusEvidence, SignedVote } from './interface.ts'
import type { Mutation } from './mutations.ts'
import { quorumOf } from './quorum.ts'
import type { Certificate } from './types.ts'

export type Verifier = {
  readonly crypto: Crypto
  readonly config: ConsensusConfig
  readonly context: GroupContext
  readonly mutation?: Mutation | undefined
}

/** The context of a configuration. */
export const contextOf = (config: ConsensusConfig): GroupContext => ({
  group: config.group,
  epoch: config.epoch,
  memberCount: config.members.length,
  quorum: quorumOf(config.members.length),
})

/** The context in which votes are signed. */
export const signingContext = (
  context: GroupContext,
  mutation: Mutation | undefined,
): GroupContext => (mutation === 'epoch-not-signed' ? { ...context, epoch: 0 } : context)

/** True if the vote's signature is its signer's. */
export function voteHolds(verifier: Verifier, vote: SignedVote): boolean {
  const key = verifier.config.members[vote.signer]?.consensusKey
  if (key === undefined) return false
  if (verifier.mutation === 'votes-unchecked') return true
  return verifier.crypto.verify(
    key,
    voteBytes(signingContext(verifier.context, verifier.mutation), vote),
    vote.signature,
  )
}

/**
 * True if a quorum of different members signed. `known` gives a signature that was verified before
 * for the same vote, so that only new ones are checked.
 */
export function certificateHolds(
  verifier: Verifier,
  certificate: Certificate,
  known: (signer: number) => Uint8Array | undefined = (): undefined => undefined,
): boolean {
  const { signers, signatures } = certificate
  if (signers.length < verifier.context.quorum || signers.length !== signatures.length) return false
  const bytes = voteBytes(signingContext(verifier.context, verifier.mutation), certificate)
  let before = -1
  for (const [place, signer] of signers.entries()) {
    const key = verifier.config.members[signer]?.consensusKey
    const signature = signatures[place]
    if (key === undefined || signature === undefined || signer <= before) return false
    before = signer
    const seen = known(signer)
    if (seen !== undefined && equalBytes(seen, signature)) continue
    if (verifier.mutation === 'certificates-unchecked') continue
    if (!verifier.crypto.verify(key, bytes, signature)) return false
  }
  return true
}

/** True if no correct member gives both votes. */
export const contradicts = (first: SignedVote, second: SignedVote): boolean =>
  first.signer === second.signer &&
  first.view === second.view &&
  (first.kind === second.kind
    ? first.digest !== second.digest
    : first.kind !== 'notarize' && second.kind !== 'notarize')

/** True if the evidence proves by itself that its member broke the rules. */
export function evidenceHolds(verifier: Verifier, evidence: ConsensusEvidence): boolean {
  const { first, second } = evidence
  if (evidence.group !== verifier.config.group) return false
  if (evidence.epoch !== verifier.config.epoch) return false
  if (verifier.config.members[first.signer]?.node !== evidence.member) return false
  return contradicts(first, second) && voteHolds(verifier, first) && voteHolds(verifier, second)
}
