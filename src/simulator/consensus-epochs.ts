/**
 * The consensus epochs of a run as the executed log tells them, and which keys of the members are
 * worth what. A key that was used on a disk that is gone must not sign any more; one whose old disk
 * was put back is its owner's second life, and counts as a liar's until the owner has another.
 */
import { toHex } from '../base/bytes.ts'
import { Writer } from '../base/codec.ts'
import { domainPrefix, domains } from '../base/domains.ts'
import type { CommittedBlock, ConsensusConfig } from '../kernel/consensus/index.ts'
import type { Crypto } from '../ports/crypto.ts'
import { membersAfterItems } from './consensus-readmission.ts'

export type EpochFacts = {
  readonly config: ConsensusConfig
  /** Members in the order in which they lead. */
  readonly order: readonly number[]
  /** Height of the block that ended the epoch before. */
  readonly baseHeight: number
}

export class ConsensusEpochs {
  readonly #crypto: Pick<Crypto, 'sha256'>
  readonly #liars: ReadonlySet<number>
  readonly #facts = new Map<number, EpochFacts>()
  #newest: EpochFacts
  /** By member: keys that it has made for itself. */
  readonly #made = new Map<number, string[]>()
  readonly #dead = new Set<string>()
  readonly #doubtful = new Set<string>()

  constructor(config: ConsensusConfig, crypto: Pick<Crypto, 'sha256'>, liars: ReadonlySet<number>) {
    this.#crypto = crypto
    this.#liars = liars
    this.#newest = this.#begin(config, 0)
    for (const [index, { consensusKey }] of config.members.entries()) this.made(index, consensusKey)
  }

  #begin(config: ConsensusConfig, baseHeight: number): EpochFacts {
    const facts = { config, baseHeight, order: orderOf(config, this.#crypto) }
    this.#facts.set(config.epoch, facts)
    this.#newest = facts
    return facts
  }

  get newest(): EpochFacts {
    return this.#newest
  }

  get count(): number {
    return this.#facts.size
  }

  of(epoch: number): EpochFacts | undefined {
    return this.#facts.get(epoch)
  }

  /** The first execution of a block of the newest epoch. */
  executed({ digest, height, items }: CommittedBlock): void {
    const { config } = this.#newest
    const members = membersAfterItems(items, config)
    if (members === undefined) return
    this.#begin({ ...config, epoch: config.epoch + 1, genesis: digest, members }, height)
  }

  /** A member has a new key. */
  made(member: number, key: Uint8Array): void {
    const made = this.#made.get(member) ?? []
    this.#made.set(member, made)
    if (!made.includes(toHex(key))) made.push(toHex(key))
  }

  /** A member's disk is gone, with all that it promised. */
  forgot(member: number): void {
    for (const key of this.#made.get(member) ?? []) this.#dead.add(key)
  }

  /** A member has an old disk. */
  wentBack(member: number): void {
    for (const key of this.#made.get(member) ?? []) {
      this.#dead.delete(key)
      this.#doubtful.add(key)
    }
  }

  isDead(key: Uint8Array): boolean {
    return this.#dead.has(toHex(key))
  }

  /** False for liars, and for members that lost their memory and have no new key in the epoch. */
  isSound(member: number, epoch = this.#newest.config.epoch): boolean {
    const key = this.#keyOf(member, epoch)
    return !this.#liars.has(member) && !this.#dead.has(key) && !this.#doubtful.has(key)
  }

  /** True for members whose votes may contradict each other. */
  mayLie(member: number, epoch: number): boolean {
    return this.#liars.has(member) || this.#doubtful.has(this.#keyOf(member, epoch))
  }

  isKeyOf(key: Uint8Array, member: number, epoch: number): boolean {
    return this.#keyOf(member, epoch) === toHex(key)
  }

  #keyOf(member: number, epoch: number): string {
    const key = this.#facts.get(epoch)?.config.members[member]?.consensusKey
    return key === undefined ? '' : toHex(key)
  }
}

/**
 * Who leads, by its definition in docs/spec/consensus.md: view v is led by the member at place
 * v mod n, members being sorted by a hash.
 */
function orderOf(config: ConsensusConfig, crypto: Pick<Crypto, 'sha256'>): number[] {
  const { epoch, genesis, group, members } = config
  const scores = members.map(({ node }) => {
    const bytes = new Writer(256).fixed(domainPrefix(domains.leaderOrder)).hex(group).u64(epoch)
    return toHex(crypto.sha256(bytes.hex(genesis).hex(node).finish()))
  })
  return scores
    .map((score, index) => ({ score, index }))
    .sort((a, b) => (a.score < b.score ? -1 : 1))
    .map(({ index }) => index)
}
