/**
 * How a member that missed the end of an epoch, or lost its disk, learns which epoch the group is
 * in: from the others, over links that prove who speaks. b + 1 equal claims hold a correct
 * member's. The nodes stay the same, so nothing older than their identities needs to be trusted.
 *
 * It goes there when b + 1 members of that epoch vouch for one state in it, since only a state can
 * make up for what it missed. Until then it stays where it is: whoever executed the end gives it
 * the blocks up to there, and one that left could neither be given them nor a state.
 *
 * @pure
 */
import { toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { writeEpoch, writeVouched } from './encoding.ts'
import type { ConsensusConfig } from './interface.ts'
import { byzBound } from './quorum.ts'
import type {
  CheckpointVote,
  EpochClaim,
  EpochStart,
  MemberIndex,
  StableCheckpoint,
} from './types.ts'

/** An epoch that is so, and votes for one state in it of members that can give it. */
export type LaterEpoch = { readonly start: EpochStart; readonly votes: readonly CheckpointVote[] }

type Claim = {
  readonly start: string
  /** The state that it vouches for, with all signatures; empty without one. */
  readonly vouched: string
  readonly votes: readonly CheckpointVote[]
}

/** What a claim with votes is checked by. */
export type ClaimCheck = {
  /** Whether more of this member's signatures may be verified now. */
  readonly mayVerify: () => boolean
  /** Whether a vote's signature is that of the claimed epoch's member. */
  readonly holds: (start: EpochStart, vote: CheckpointVote) => boolean
}

export class EpochClaims {
  readonly #claims = new Map<MemberIndex, Claim>()

  /**
   * Count a member's newest claim. The epoch, if it is to be followed now; or that no correct
   * member sends such a claim, of which nothing is kept then.
   */
  add(
    from: MemberIndex,
    claim: EpochClaim,
    config: ConsensusConfig,
    check: ClaimCheck,
  ): LaterEpoch | 'forged' | undefined {
    const { start, vouched } = claim
    if (start.epoch <= config.epoch || !hasSameNodes(start, config)) return undefined
    const texts = {
      start: textOf(start),
      vouched: vouched === undefined ? '' : textOfState(vouched),
    }
    const known = this.#claims.get(from)
    if (known?.start !== texts.start || known.vouched !== texts.vouched) {
      const votes = vouched === undefined ? [] : votesOf(vouched)
      const verdict = judge(start, votes, check)
      if (verdict !== 'good') return verdict === 'forged' ? verdict : undefined
      this.#claims.set(from, { ...texts, votes })
    }
    return this.#agreed(start, texts.start, byzBound(config))
  }

  /** The epoch, if more members than may lie claim it, and as many vouch for one state in it. */
  #agreed(start: EpochStart, text: string, bound: number): LaterEpoch | undefined {
    const equal = [...this.#claims.values()].filter((other) => other.start === text)
    if (equal.length <= bound) return undefined
    const known = equal.flatMap((claim) => claim.votes)
    for (const vote of known) {
      const alike = new Map(
        known
          .filter((other) => isSameState(other, vote))
          .map((other): [MemberIndex, CheckpointVote] => [other.signer, other]),
      )
      if (alike.size > bound) return { start, votes: [...alike.values()] }
    }
    return undefined
  }

  clear(): void {
    this.#claims.clear()
  }
}

/** What costs nothing first, and no signature behind a wrong one. */
function judge(
  start: EpochStart,
  votes: readonly CheckpointVote[],
  { holds, mayVerify }: ClaimCheck,
): 'good' | 'forged' | 'too often' {
  if (votes.some(({ signer }) => signer >= start.members.length)) return 'forged'
  if (votes.length > 0 && !mayVerify()) return 'too often'
  return votes.every((vote) => holds(start, vote)) ? 'good' : 'forged'
}

const votesOf = (vouched: StableCheckpoint): CheckpointVote[] => {
  const { signers, signatures, ...checkpoint } = vouched
  return signers.flatMap((signer, place) => {
    const signature = signatures[place]
    return signature === undefined ? [] : [{ ...checkpoint, signer, signature }]
  })
}

const isSameState = (one: CheckpointVote, other: CheckpointVote): boolean =>
  one.height === other.height &&
  one.view === other.view &&
  one.digest === other.digest &&
  one.state === other.state

const hasSameNodes = (claim: EpochStart, { members }: ConsensusConfig): boolean =>
  claim.members.length === members.length &&
  claim.members.every(({ node }, index) => node === members[index]?.node)

function textOf(claim: EpochStart): string {
  const writer = new Writer(64 + claim.members.length * 64)
  writeEpoch(writer, claim)
  return toHex(writer.finish())
}

function textOfState(vouched: StableCheckpoint): string {
  const writer = new Writer(128 + vouched.signers.length * 128)
  writeVouched(writer, vouched)
  return toHex(writer.finish())
}
