/**
 * How a member that missed the end of an epoch, or lost its disk, learns which epoch the group is
 * in: from the others, over links that prove who speaks. b + 1 equal claims hold a correct
 * member's. The nodes stay the same, so nothing older than their identities needs to be trusted.
 *
 * @pure
 */
import { toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { writeEpoch } from './encoding.ts'
import type { ConsensusConfig } from './interface.ts'
import { byzBound } from './quorum.ts'
import type { EpochStart, MemberIndex } from './types.ts'

export class EpochClaims {
  readonly #claims = new Map<MemberIndex, string>()

  /** Count a member's newest claim. The epoch, if enough members claim it now. */
  add(from: MemberIndex, claim: EpochStart, config: ConsensusConfig): EpochStart | undefined {
    if (claim.epoch <= config.epoch || !hasSameNodes(claim, config)) return undefined
    const text = textOf(claim)
    this.#claims.set(from, text)
    let count = 0
    for (const other of this.#claims.values()) if (other === text) count++
    return count > byzBound(config) ? claim : undefined
  }

  clear(): void {
    this.#claims.clear()
  }
}

const hasSameNodes = (claim: EpochStart, { members }: ConsensusConfig): boolean =>
  claim.members.length === members.length &&
  claim.members.every(({ node }, index) => node === members[index]?.node)

function textOf(claim: EpochStart): string {
  const writer = new Writer(64 + claim.members.length * 64)
  writeEpoch(writer, claim)
  return toHex(writer.finish())
}
