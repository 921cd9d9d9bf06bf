/**
 * What stands for one consensus epoch: configuration, key, contexts. An epoch ends when its log
 * says that a member has a new key; the next one begins at that block, with views from 1.
 */
import { equalBytes } from '../../base/bytes.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import type { GroupContext } from './encoding.ts'
import type { ConsensusConfig, ConsensusMember } from './interface.ts'
import type { JournalReader } from './journal.ts'
import { consensusLimitsOf } from './limits.ts'
import type { Mutation } from './mutations.ts'
import type { ConsensusOptions } from './options.ts'
import { checkConfig, leaderOrder } from './quorum.ts'
import { VoteSigner } from './signer.ts'
import type { Setup } from './state.ts'
import type { EpochStart, MemberIndex } from './types.ts'
import { contextOf, signingContext } from './verify.ts'
import type { WireContext } from './wire.ts'

const delta0MsDefault = 300

export type Epoch = {
  readonly start: EpochStart
  readonly config: ConsensusConfig
  readonly setup: Setup
  readonly wire: WireContext
  readonly reader: JournalReader
  /** This member holds the key that the configuration names for it. */
  readonly hasKey: boolean
}

/** The first epoch, from the world's configuration. */
export const firstEpoch = (config: ConsensusConfig): EpochStart => ({
  epoch: config.epoch,
  baseHeight: 0,
  genesis: config.genesis,
  members: config.members,
})

/** The epoch that a block ended by naming the members' keys of the next. */
export const epochAfter = (
  before: EpochStart,
  end: { readonly height: number; readonly digest: EpochStart['genesis'] },
  members: readonly ConsensusMember[],
): EpochStart => ({
  epoch: before.epoch + 1,
  baseHeight: end.height,
  genesis: end.digest,
  members,
})

/** @throws AssertionError for a configuration that is none. */
export function openEpoch(
  options: ConsensusOptions,
  start: EpochStart,
  own: {
    readonly self: MemberIndex
    readonly keys: readonly KeyPair[]
    readonly mutation: Mutation | undefined
  },
): Epoch {
  const { crypto } = options
  const { self, mutation } = own
  const { epoch, genesis, members } = start
  const config: ConsensusConfig = { ...options.config, epoch, genesis, members }
  checkConfig(config)
  const limits = consensusLimitsOf(options.limits)
  const context = mutatedContext(contextOf(config), mutation)
  const named = members[self]?.consensusKey
  const pair = own.keys.find((one) => named !== undefined && equalBytes(one.publicKey, named))
  const signer = new VoteSigner({
    crypto,
    secretKey: pair?.secretKey,
    context: signingContext(context, mutation),
    self,
    unguarded: mutation !== undefined,
  })
  return {
    start,
    config,
    hasKey: pair !== undefined,
    setup: {
      ...{ config, context, crypto, self, limits, signer, mutation },
      order: leaderOrder(config, crypto),
      delta0Ms: options.delta0Ms ?? delta0MsDefault,
      application: options.application,
    },
    wire: { crypto, context, limits, mutation },
    reader: { journal: options.journal, crypto, context, limits },
  }
}

const mutatedContext = (context: GroupContext, mutation: Mutation | undefined): GroupContext =>
  mutation === 'quorum-too-small' ? { ...context, quorum: context.quorum - 1 } : context
