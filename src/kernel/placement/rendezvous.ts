/**
 * Placement by rendezvous hashing (highest random weight). Pure: no clock, dice or disk.
 *
 * Every member draws a number for every partition, by hash; the members ranked by their numbers
 * hold the partition, best first. A member that joins only takes what it now wins, one that leaves
 * gives up only what it held: 1/n of the data moves, nothing else. A ring with tokens moves as
 * little, but spreads load only as evenly as its tokens happen to fall.
 *
 * Weights: the textbook's score −w / ln(u) rests on a floating-point logarithm whose last bit may
 * differ between engines, and two nodes that disagree in one bit disagree on who holds a block. A
 * member of weight w draws w times instead and counts its best draw: its chance to be first is
 * exactly w / Σw, and only integers are compared.
 *
 * Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998.
 */
import { assert } from '../../base/assert.ts'
import { compareText, fromHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains, separated } from '../../base/domains.ts'
import type { BlockId, NodeId } from '../../base/ids.ts'
import { type Placement, type PlacementEpoch, partitionCount } from './interface.ts'
import { membersMax, partitionBits, weightMax } from './limits.ts'

/**
 * SHA-256 over the parts as if joined: `Crypto.sha256`, passed in because placement sees no ports.
 */
export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array

type Draw = { readonly member: number; readonly high: number; readonly low: number }

/** The partition of a block. Equal in every epoch: members come and go, partitions stay. */
export function partitionOfBlock(sha256: Sha256, id: BlockId): number {
  const digest = sha256(separated(domains.partition, fromHex(id)))
  return (((digest[0] ?? 0) << 8) | (digest[1] ?? 0)) >>> (16 - partitionBits)
}

/**
 * The placement that an epoch means. Rankings are computed when first asked for and kept.
 * The epoch is our own, agreed on: repeated members or weights out of range are assertions.
 */
export function createPlacement(sha256: Sha256, epoch: PlacementEpoch): Placement {
  return new RendezvousPlacement(sha256, epoch)
}

class RendezvousPlacement implements Placement {
  readonly epoch: number
  readonly members: readonly NodeId[]
  readonly #sha256: Sha256
  /** What a member hashes for one draw; partition and number of the draw are filled in. */
  readonly #inputs: readonly Uint8Array[]
  readonly #weights: readonly number[]
  /** Per partition all members, best first, as indices into `members`. */
  readonly #rankings: (Uint16Array | undefined)[] = new Array(partitionCount).fill(undefined)

  constructor(sha256: Sha256, epoch: PlacementEpoch) {
    const { members } = epoch
    assert(members.length >= 1 && members.length <= membersMax, 'an epoch has 1 to 1,024 members')
    for (const { weight } of members)
      assert(Number.isInteger(weight) && weight >= 1 && weight <= weightMax, 'a weight is 1 to 8')
    this.epoch = epoch.epoch
    this.members = members.map(({ node }) => node)
    assert(new Set(this.members).size === members.length, 'a node is a member once')
    this.#sha256 = sha256
    this.#weights = members.map(({ weight }) => weight)
    this.#inputs = this.members.map(drawInput)
  }

  partitionOf(id: BlockId): number {
    return partitionOfBlock(this.#sha256, id)
  }

  holdersOf(id: BlockId, replicas: number): readonly NodeId[] {
    return this.holdersOfPartition(this.partitionOf(id), replicas)
  }

  holdersOfPartition(partition: number, replicas: number): readonly NodeId[] {
    assert(
      Number.isInteger(partition) && partition >= 0 && partition < partitionCount,
      'no such partition',
    )
    assert(
      Number.isInteger(replicas) && replicas >= 1 && replicas <= this.members.length,
      'as many replicas as members at most',
    )
    const ranking = this.#rankings[partition] ?? this.#rank(partition)
    const holders: NodeId[] = []
    for (let place = 0; place < replicas; place++) {
      const holder = this.members[ranking[place] ?? 0]
      if (holder !== undefined) holders.push(holder)
    }
    return holders
  }

  #rank(partition: number): Uint16Array {
    const draws = this.#inputs.map((_, member) => this.#bestDraw(member, partition))
    draws.sort(
      (a, b) =>
        b.high - a.high ||
        b.low - a.low ||
        compareText(this.members[a.member] ?? '', this.members[b.member] ?? ''),
    )
    const ranking = Uint16Array.from(draws, ({ member }) => member)
    this.#rankings[partition] = ranking
    return ranking
  }

  #bestDraw(member: number, partition: number): Draw {
    const input = this.#inputs[member]
    assert(input !== undefined, 'a member has its input')
    input[input.length - 3] = partition >>> 8
    input[input.length - 2] = partition & 0xff
    let best: Draw = { member, high: -1, low: -1 }
    for (let draw = 0; draw < (this.#weights[member] ?? 0); draw++) {
      input[input.length - 1] = draw
      const digest = this.#sha256(input)
      const high = wordOf(digest, 0)
      const low = wordOf(digest, 4)
      if (high > best.high || (high === best.high && low > best.low)) best = { member, high, low }
    }
    return best
  }
}

/** domain ‖ 0 ‖ node (32) ‖ partition (2) ‖ draw (1). */
const drawInput = (node: NodeId): Uint8Array =>
  new Writer().fixed(domainPrefix(domains.rendezvous)).hex(node).u16(0).u8(0).finish()

/** Four bytes of a digest as an unsigned number. */
const wordOf = (digest: Uint8Array, at: number): number =>
  (((digest[at] ?? 0) << 24) |
    ((digest[at + 1] ?? 0) << 16) |
    ((digest[at + 2] ?? 0) << 8) |
    (digest[at + 3] ?? 0)) >>>
  0
