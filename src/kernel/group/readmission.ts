/**
 * A member that lost its memory of votes asks to be readmitted with a new consensus key, until the
 * log says that it is. It needs nobody: the request is signed with its node key, and any member
 * that is reachable puts it into its pool.
 */
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { NodeId, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Crypto, signSeedBytes } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import type { Random } from '../../ports/random.ts'
import type { Consensus } from '../consensus/interface.ts'
import { encodeReadmission, signReadmission } from '../section/index.ts'
import { Call, type GroupClient } from './client.ts'
import { readmissionAgainMs, readmissionDeadlineMs, readmissionPauseMs } from './limits.ts'
import { encodeGroupRequest } from './wire.ts'

export type ReadmissionOptions = {
  readonly self: NodeId
  readonly world: WorldId
  /** This node's Ed25519 secret key. */
  readonly nodeSecretKey: Uint8Array
  readonly clock: Clock
  readonly crypto: Crypto
  readonly random: Random
  readonly log: Log
  readonly consensus: Pick<Consensus, 'config' | 'prepareKey' | 'status'>
  readonly client: Pick<GroupClient, 'askAll'>
}

export class Readmission {
  readonly #options: ReadmissionOptions
  #stopped = false
  #timer: () => void = () => undefined

  constructor(options: ReadmissionOptions) {
    this.#options = options
  }

  start(): void {
    this.#after(readmissionPauseMs)
  }

  stop(): void {
    this.#stopped = true
    this.#timer()
  }

  #after(delayMs: number): void {
    if (this.#stopped) return
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#ask().then(
        () => this.#after(readmissionPauseMs),
        (error: unknown) => {
          if (this.#stopped) return
          this.#options.log.warn('a readmission could not be asked for', { why: messageOf(error) })
          this.#after(readmissionPauseMs)
        },
      )
    })
  }

  async #ask(): Promise<void> {
    const { clock, client, consensus, crypto, log, nodeSecretKey, random, self, world } =
      this.#options
    if (consensus.status().votes) return
    const { consensusPair } = await consensus.prepareKey(random.bytes(signSeedBytes))
    const { epoch } = consensus.config()
    if (this.#stopped || consensus.status().votes) return
    log.warn('this node lost its memory of votes: it asks to be readmitted', { epoch })
    const { publicKey: consensusKey } = consensusPair
    const wallMs = clock.wallMs()
    const askedMs = wallMs - (wallMs % readmissionAgainMs)
    const fields = { world, epoch, node: self, consensusKey, askedMs }
    const keys = { nodeSecretKey, consensus: consensusPair }
    const item = encodeReadmission(signReadmission(crypto, fields, keys))
    const call = new Call(clock, { deadlineMs: readmissionDeadlineMs })
    try {
      await client.askAll(call, {
        request: encodeGroupRequest({ kind: 'readmit', item }),
        persist: false,
        onAnswer: () => false,
      })
    } catch (error) {
      if (!isUnosysError(error)) throw error
      log.debug('nobody took the readmission', { why: error.code })
    } finally {
      call.end()
    }
  }
}
