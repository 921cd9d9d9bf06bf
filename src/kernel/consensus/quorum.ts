/**
 * How many votes decide, how many liars that survives, and who leads a view.
 *
 * n and q stand in the configuration; q is n − ⌊(n−1)/3⌋ by default. A group is live with n − q
 * silent members. Two quorums share at least 2q − n members, so agreement holds with
 * b = 2q − n − 1 liars. For n = 3f + 1 and the default both figures are f; otherwise the second is
 * larger, though no more than n − q members may lie while a group is live. A larger q buys safety
 * with liveness: a stall can be repaired, a fork cannot (PROTOCOL 2.3, 6.3).
 *
 * @pure
 */
import { assert } from '../../base/assert.ts'
import { compareBytes, fromHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ConsensusConfig } from './interface.ts'
import type { MemberIndex } from './types.ts'

type Sizes = Pick<ConsensusConfig, 'members' | 'quorum'>

/** The smallest quorum that survives as many liars as silent members, as far as n allows. */
export function defaultQuorum(memberCount: number): number {
  assert(Number.isInteger(memberCount) && memberCount >= 1, 'a group has members')
  return memberCount - Math.floor((memberCount - 1) / 3)
}

/** Votes that make a certificate, q. */
export const quorumOf = (config: Sizes): number =>
  config.quorum ?? defaultQuorum(config.members.length)

/** Liars that a group survives: with one more, agreement may break. */
export const byzBound = (config: Sizes): number => 2 * quorumOf(config) - config.members.length - 1

/** Silent members with which a group goes on. */
export const silentBound = (config: Sizes): number => config.members.length - quorumOf(config)

/** True if a group of this size may decide by so many votes. */
export const isQuorum = (quorum: number, memberCount: number): boolean =>
  Number.isInteger(quorum) && quorum >= defaultQuorum(memberCount) && quorum <= memberCount

/**
 * The order in which members lead: a shuffle that everybody computes from the epoch's genesis.
 * Never from certificates: two valid ones with different bytes exist for one view.
 */
export function leaderOrder(config: ConsensusConfig, crypto: Crypto): readonly MemberIndex[] {
  const scores = config.members.map((member, index) => {
    const seed = new Writer().hex(config.group).u64(config.epoch).hex(config.genesis)
    const bytes = seed.hex(member.node).finish()
    return { index, score: crypto.sha256(domainPrefix(domains.leaderOrder), bytes) }
  })
  scores.sort((a, b) => compareBytes(a.score, b.score) || a.index - b.index)
  return scores.map((entry) => entry.index)
}

/**
 * Hold what the layer relies on in a configuration.
 *
 * @throws AssertionError for unsorted or repeated members and keys of a wrong length.
 */
export function checkConfig(config: ConsensusConfig): void {
  const memberCount = config.members.length
  assert(memberCount >= 1, 'a group has members')
  assert(isQuorum(quorumOf(config), memberCount), 'a quorum is not below the default, nor over n')
  assert(Number.isSafeInteger(config.epoch) && config.epoch >= 1, 'epochs count from 1')
  for (const [index, member] of config.members.entries()) {
    assert(member.consensusKey.length === 32, 'a consensus key has 32 bytes')
    const before = config.members[index - 1]
    if (before === undefined) continue
    const order = compareBytes(fromHex(before.node), fromHex(member.node))
    assert(order < 0, 'members are sorted by node id, each once')
  }
}
