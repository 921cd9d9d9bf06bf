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
import { writeEpoch } from './encoding.ts'
import type { ConsensusConfig } from './interface.ts'
import { byzBound } from './quorum.ts'
import type { CheckpointVote, EpochClaim, EpochStart, MemberIndex } from './types.ts'

/** An epoch that is so, and votes for one state in it of members that can give it. */
export type LaterEpoch = { readonly start: EpochStart; readonly votes: readonly CheckpointVote[] }

type Claim = { readonly text: string; readonly votes: readonly CheckpointVote[] }

export class EpochClaims {
  readonly #claims = new Map<MemberIndex, Claim>()

  /**
   * Count a member's newest claim. The epoch, if it is to be followed now.
   *
   * @param holds whether a vote's signature is that of the claimed epoch's member.
   */
  add(
    from: MemberIndex,
    { start, vouched }: EpochClaim,
    config: ConsensusConfig,
    holds: (start: EpochStart, vote: CheckpointVote) => boolean,
  ): LaterEpoch | undefined {
    if (start.epoch <= config.epoch || !hasSameNodes(start, config)) return undefined
    const signed = vouched === undefined ? [] : votesOf(vouched)
    const votes = signed.filter((vote) => holds(start, vote))
    const text = textOf(start)
    this.#claims.set(from, { text, votes })
    const equal = [...this.#claims.values()].filter((other) => other.text === text)
    if (equal.length <= byzBound(config)) return undefined
    const known = equal.flatMap((claim) => claim.votes)
    for (const vote of known) {
      const alike = new Map(
        known
          .filter((other) => isSameState(other, vote))
          .map((other): [MemberIndex, CheckpointVote] => [other.signer, other]),
      )
      if (alike.size > byzBound(config)) return { start, votes: [...alike.values()] }
    }
    return undefined
  }

  clear(): void {
    this.#claims.clear()
  }
}

const votesOf = (vouched: NonNullable<EpochClaim['vouched']>): CheckpointVote[] => {
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
