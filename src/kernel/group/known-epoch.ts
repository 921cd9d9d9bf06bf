/**
 * The members' consensus keys as whoever asks the group knows them: proofs of finality are checked
 * with them. They change when a member is readmitted. A member follows the log; any other Processor
 * learns of it by a proof of a later epoch, and believes what b + 1 members say of it: which nodes
 * they are stands in genesis, and links prove who speaks.
 */
import { equalBytes } from '../../base/bytes.ts'
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
import { settleRoundMs } from './limits.ts'
import { encodeGroupRequest } from './wire.ts'

type Looked = {
  readonly epoch: number
  readonly bytes: Uint8Array
  readonly block: FinalBlock | undefined
}

const lookedMax = 16

export class KnownEpoch {
  readonly #crypto: Crypto
  readonly #consensus: Pick<Consensus, 'config'> | undefined
  readonly #liarsMax: number
  #config: ConsensusConfig
  #isOutdated = false
  /** Proofs looked at last: reads of one request come with the same one. */
  readonly #looked: Looked[] = []

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
    const { epoch } = config
    if ((epochOfFinality(finality) ?? 0) > epoch) this.#isOutdated = true
    const isSame = (one: Looked): boolean => one.epoch === epoch && equalBytes(one.bytes, finality)
    const known = this.#looked.find(isSame)
    if (known !== undefined) return known.block
    const verifier = { crypto: this.#crypto, config, context: contextOf(config) }
    const block = readFinality(verifier, finality)
    // A copy: the whole message around it must not stay with it.
    this.#looked.push({ epoch, bytes: finality.slice(), block })
    if (this.#looked.length > lookedMax) this.#looked.shift()
    return block
  }

  /** Ask for the members' keys, if a proof of a later epoch was seen. */
  async refresh(client: Pick<GroupClient, 'askAll' | 'tally'>, call: Call): Promise<void> {
    if (!this.#isOutdated || this.#consensus !== undefined) return
    const tally = client.tally(this.#liarsMax + 1)
    let agreed: Uint8Array | undefined
    await client.askAll(call, {
      request: encodeGroupRequest({ kind: 'epoch' }),
      persist: false,
      // Whoever is silent must not keep the read from going on; it asks again then.
      enough: call.pause(settleRoundMs),
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
