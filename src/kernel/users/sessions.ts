/**
 * Tokens opened on this Processor, and the channels through which they act. Opened tokens are kept
 * by the hash of their text, so that the text itself rests nowhere; callers with the same token
 * share one look at its record, one session and its signatures.
 */
import { assert } from '../../base/assert.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { isUnosysError } from '../../base/error.ts'
import type { Digest, PrincipalId, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import type { Random } from '../../ports/random.ts'
import { type Group, GroupCode } from '../group/index.ts'
import type { PrincipalKeys } from '../keys/index.ts'
import type { PrincipalView } from '../section/interface.ts'
import { Allowance } from './allowance.ts'
import { Channel } from './channel.ts'
import { UserCode, UserError } from './errors.ts'
import type { AuthenticatedSession, Sessions } from './interface.ts'
import { Kept } from './kept.ts'
import {
  lookupDeadlineMs,
  lookupsBurst,
  lookupsPerSecond,
  refusedKeepMs,
  refusedKeptMax,
  tokenFreshMs,
  tokenStaleMs,
  tokensKeptMax,
} from './limits.ts'
import { requestIdOf, requestKeyOf } from './request-id.ts'
import { parseToken, type Token } from './token.ts'
import { openToken } from './token-record.ts'

export type SessionsOptions = {
  readonly world: WorldId
  readonly clock: Clock
  readonly crypto: Crypto
  readonly random: Random
  readonly log: Log
  readonly group: Pick<Group, 'read' | 'submit'>
}

type Opened = {
  readonly session: AuthenticatedSession
  readonly channel: Channel
  /** Record last seen, by the monotonic clock. */
  freshAtMs: number
}

type Refused = { readonly error: UserError; readonly untilMs: number }

/** One for a Processor. */
export function createSessions(options: SessionsOptions): Sessions {
  return new TokenSessions(options)
}

class TokenSessions implements Sessions {
  readonly #options: SessionsOptions
  readonly #opened = new Kept<Opened>(tokensKeptMax)
  readonly #refused = new Kept<Refused>(refusedKeptMax)
  readonly #looking = new Map<string, Promise<AuthenticatedSession>>()
  /** Also of tokens that are not kept any more: their calls may still be under way. */
  readonly #channels = new WeakMap<AuthenticatedSession, Channel>()
  readonly #lookups: Allowance

  constructor(options: SessionsOptions) {
    this.#options = {
      ...options,
      log: options.log.for('users'),
    }
    this.#lookups = new Allowance(options.clock, {
      burst: lookupsBurst,
      perSecond: lookupsPerSecond,
    })
  }

  async authenticate(bearer: string): Promise<AuthenticatedSession> {
    const token = parseToken(bearer)
    if (token === undefined) throw unauthenticated()
    const { crypto, clock } = this.#options
    const key = toHex(crypto.sha256(domainPrefix(domains.token), utf8(bearer)))
    const nowMs = clock.monotonicMs()
    const opened = this.#opened.get(key)
    if (opened !== undefined && nowMs - opened.freshAtMs < tokenFreshMs) return opened.session
    const refused = this.#refused.get(key)
    if (refused !== undefined && nowMs < refused.untilMs) throw refused.error
    return this.#lookShared(key, token)
  }

  #lookShared(key: string, token: Token): Promise<AuthenticatedSession> {
    const looking = this.#looking.get(key)
    if (looking !== undefined) return looking
    const look = this.#look(key, token).finally(() => this.#looking.delete(key))
    this.#looking.set(key, look)
    return look
  }

  async #look(key: string, token: Token): Promise<AuthenticatedSession> {
    const { clock, crypto } = this.#options
    const opened = this.#opened.get(key)
    if (opened === undefined && !this.#lookups.take()) {
      throw new UserError(UserCode.RateLimited, 'too many unknown tokens; wait a second', {})
    }
    const view = await this.#read(token.principal, opened)
    if (view === 'unavailable') {
      assert(opened !== undefined, 'only an opened token outlasts the quorum')
      return opened.session
    }
    const keys = view === undefined ? undefined : openToken(crypto, view, token)
    if (view === undefined || keys === undefined) throw this.#refuse(key, unauthenticated())
    if (view.revoked || view.expiryMs <= clock.wallMs()) throw this.#refuse(key, revoked())
    if (opened === undefined) {
      this.#lookups.giveBack()
      return this.#keep(key, view, keys).session
    }
    if (opened.session.rights !== view.rights) return this.#keep(key, view, keys).session
    opened.freshAtMs = clock.monotonicMs()
    return opened.session
  }

  /** The record as a quorum has it; `unavailable`: no quorum, and the token was good lately. */
  async #read(
    principal: PrincipalId,
    opened: Opened | undefined,
  ): Promise<PrincipalView | undefined | 'unavailable'> {
    const { clock, group } = this.#options
    try {
      const deadlineMs = lookupDeadlineMs
      const [answer] = await group.read([{ kind: 'principal', principal }], { deadlineMs })
      assert(answer?.kind === 'principal', 'an answer is of its query’s kind')
      return answer.principal
    } catch (error) {
      const isLasting =
        opened !== undefined && clock.monotonicMs() - opened.freshAtMs < tokenStaleMs
      if (isLasting && isUnosysError(error, GroupCode.Unavailable)) return 'unavailable'
      if (opened === undefined) this.#lookups.giveBack()
      throw error
    }
  }

  #refuse(key: string, error: UserError): UserError {
    this.#opened.delete(key)
    const untilMs = this.#options.clock.monotonicMs() + refusedKeepMs
    this.#refused.set(key, { error, untilMs })
    return error
  }

  #keep(key: string, view: PrincipalView, keys: PrincipalKeys): Opened {
    const { clock, crypto } = this.#options
    const { principal, rights } = view
    const requestKey = requestKeyOf(crypto, keys)
    const session: AuthenticatedSession = { principal, keys, rights, requestKey }
    const known = this.#opened.get(key)
    const channel =
      known?.channel ??
      new Channel({
        ...this.#options,
        principal,
        signKey: keys.sign,
        onRefused: () => this.#opened.delete(key),
      })
    const opened = { session, channel, freshAtMs: clock.monotonicMs() }
    this.#refused.delete(key)
    this.#opened.set(key, opened)
    this.#channels.set(session, channel)
    return opened
  }

  async submit(
    session: AuthenticatedSession,
    operations: Parameters<Sessions['submit']>[1],
    options: Parameters<Sessions['submit']>[2],
  ): ReturnType<Sessions['submit']> {
    const channel = this.#channels.get(session)
    assert(channel !== undefined, 'a session comes from authenticate')
    return channel.submit(operations, options)
  }

  requestIdOf(session: AuthenticatedSession, text: string): Digest {
    return requestIdOf(this.#options.crypto, session.requestKey, text)
  }
}

const unauthenticated = (): UserError =>
  new UserError(UserCode.Unauthenticated, 'a valid token is needed: Authorization: Bearer …', {})

const revoked = (): UserError =>
  new UserError(UserCode.Revoked, 'this token is revoked or expired', {})
