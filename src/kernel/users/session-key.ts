/**
 * One session of the section, from this side: its key, its expiry and its sequence numbers.
 *
 * The section remembers a window of 1,024 numbers. So that nothing that may still be asked falls
 * out of it, the next number stays within `sequenceSpanMax` of the lowest one without an answer and
 * of the highest one with an answer; beyond the first the channel waits, beyond the second (writes
 * that no quorum confirmed, one after the other) it opens another session.
 */
import { assert } from '../../base/assert.ts'
import type { PrincipalId, SessionId, WorldId } from '../../base/ids.ts'
import { type Crypto, type KeyPair, signSeedBytes } from '../../ports/crypto.ts'
import type { Random } from '../../ports/random.ts'
import {
  batchBytesToSign,
  type Command,
  commandHash,
  type ExecutableBatch,
  encodeCommand,
  type Operation,
  sessionCertificateBytesToSign,
  sessionIdOfKey,
} from '../section/index.ts'
import { sequenceSpanMax } from './limits.ts'

/** Who certifies sessions, and for which world. */
export type Certifier = {
  readonly crypto: Crypto
  readonly world: WorldId
  readonly principal: PrincipalId
  /** The principal's own key. */
  readonly signKey: KeyPair
}

/** A command with its encoding, which its batch signs. */
export type NumberedCommand = { readonly command: Command; readonly encoded: Uint8Array }

export class SessionKey {
  readonly session: SessionId
  readonly #certifier: Certifier
  readonly #pair: KeyPair
  /** Opens the session; the same bytes each time, so that trying again opens it once. */
  readonly opening: ExecutableBatch
  /** By wall clock; moves when a renewal was ordered. */
  expiryMs: number
  isOpen = false
  #next = 1
  #highestAnswered = 1
  /** First numbers of the runs under way, ascending. */
  readonly #underWay = new Set<number>()

  constructor(
    certifier: Certifier,
    options: { readonly random: Random; readonly expiryMs: number },
  ) {
    const { crypto } = certifier
    this.#certifier = certifier
    this.#pair = crypto.signKeyPair(options.random.bytes(signSeedBytes))
    this.session = sessionIdOfKey(crypto, this.#pair.publicKey)
    this.expiryMs = options.expiryMs
    this.opening = this.signBatch([this.number([this.#operation(options.expiryMs)], undefined)])
  }

  /** How many numbers may be taken now. */
  get room(): number {
    const [lowest] = this.#underWay
    return lowest === undefined ? sequenceSpanMax : sequenceSpanMax - (this.#next - lowest)
  }

  /** True when too many numbers in a row had no answer: the section may be behind the window. */
  get isSpent(): boolean {
    return this.#next - this.#highestAnswered >= sequenceSpanMax
  }

  #operation(expiryMs: number): Operation {
    const { crypto, world, principal, signKey } = this.#certifier
    const sessionKey = this.#pair.publicKey
    const bytes = sessionCertificateBytesToSign({ world, sessionKey, expiryMs })
    const certificate = crypto.sign(signKey.secretKey, bytes)
    return { op: 'session', sessionKey, principal, expiryMs, certificate }
  }

  /** Allot the next sequence number. */
  number(operations: readonly Operation[], request: Command['request']): NumberedCommand {
    const command = { sequence: this.#next++, request, operations }
    return { command, encoded: encodeCommand(command) }
  }

  /** The command that renews the session, numbered. */
  renewal(expiryMs: number): NumberedCommand {
    return this.number([this.#operation(expiryMs)], undefined)
  }

  /** All commands under one signature. */
  signBatch(numbered: readonly NumberedCommand[]): ExecutableBatch {
    const { crypto, world } = this.#certifier
    const session = this.session
    const commandHashes = numbered.map(({ encoded }) => commandHash(crypto, encoded))
    const bytes = batchBytesToSign(crypto, { world, session, commandHashes })
    return {
      session,
      sessionKey: this.#pair.publicKey,
      commands: numbered.map(({ command }) => command),
      signature: crypto.sign(this.#pair.secretKey, bytes),
      encodedCommands: numbered.map(({ encoded }) => encoded),
    }
  }

  /** The run of numbers is under way until `settled`. */
  sent({ first }: Run): void {
    this.#underWay.add(first)
  }

  /**
   * @param how `answered`: by a quorum. `unsent`: nobody saw the numbers, and the newest are taken
   *   back. `unknown`: they are spent.
   */
  settled({ first, count }: Run, how: 'answered' | 'unsent' | 'unknown'): void {
    assert(this.#underWay.delete(first), 'a run is settled once')
    const end = first + count
    if (how === 'answered') this.#highestAnswered = Math.max(this.#highestAnswered, end - 1)
    if (how === 'unsent' && this.#next === end) this.#next = first
  }
}

/** Consecutive sequence numbers. */
export type Run = { readonly first: number; readonly count: number }
