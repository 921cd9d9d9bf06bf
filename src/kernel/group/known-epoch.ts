/**
 * The members' consensus keys as whoever asks the group knows them: proofs of finality are checked
 * with them. They change when a member is readmitted. A member follows the log; any other Processor
 * learns of it by a proof of a later epoch, and believes what b + 1 members say of it: which nodes
 * they are stands in genesis, and links prove who speaks.
 */
import type { Crypto } from '../../ports/crypto.ts'
import {
  type ConsensusConfig,
  contextOf,
  epochOfFinality,
  type FinalBlock,
  readFinality,
} from '../consensus/index.ts'
import type { Consensus } from '../consensus/interface.ts'
import { type ConsensusState, decodeConsensusState } from '../section/index.ts'
import type { Call, GroupClient } from './client.ts'
import { encodeGroupRequest } from './wire.ts'

export class KnownEpoch {
  readonly #crypto: Crypto
  readonly #consensus: Pick<Consensus, 'config'> | undefined
  readonly #liarsMax: number
  #config: ConsensusConfig
  #isOutdated = false

  constructor(options: {
    readonly crypto: Crypto
    /** That of genesis. */
    readonly config: ConsensusConfig
    readonly liarsMax: number
    /** Of a member. */
    readonly consensus: Pick<Consensus, 'config'> | undefined
  }) {
    this.#crypto = options.crypto
    this.#config = options.config
    this.#liarsMax = options.liarsMax
    this.#consensus = options.consensus
  }

  get config(): ConsensusConfig {
    return this.#consensus?.config() ?? this.#config
  }

  /** What a proof proves; undefined for one that proves nothing to whoever knows this epoch. */
  readonly finalBlockOf = (finality: Uint8Array): FinalBlock | undefined => {
    const { config } = this
    if ((epochOfFinality(finality) ?? 0) > config.epoch) this.#isOutdated = true
    return readFinality({ crypto: this.#crypto, config, context: contextOf(config) }, finality)
  }

  /** Ask for the members' keys, if a proof of a later epoch was seen. */
  async refresh(client: Pick<GroupClient, 'askAll' | 'tally'>, call: Call): Promise<void> {
    if (!this.#isOutdated || this.#consensus !== undefined) return
    const tally = client.tally(this.#liarsMax + 1)
    let agreed: Uint8Array | undefined
    await client.askAll(call, {
      request: encodeGroupRequest({ kind: 'epoch' }),
      persist: false,
      onAnswer: (member, answer) => {
        if (tally.add(member, answer)) agreed = answer
        return agreed !== undefined
      },
    })
    if (agreed !== undefined) this.#take(decodeConsensusState(agreed))
  }

  #take({ epoch, members }: ConsensusState): void {
    const known = this.#config
    const hasSameNodes =
      members.length === known.members.length &&
      members.every(({ node }, index) => node === known.members[index]?.node)
    if (epoch <= known.epoch || !hasSameNodes) return
    this.#config = { ...known, epoch, members }
    this.#isOutdated = false
  }
}
