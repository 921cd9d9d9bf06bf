/** Limits of tokens and sessions. Times in milliseconds. */
import { assert } from '../../base/assert.ts'
import {
  batchBytesMax,
  commandsPerBatchMax,
  sessionLifeMaxMs,
  sessionWindowCount,
} from '../section/index.ts'

/** Opened tokens that a Processor keeps; the one used longest ago goes. About 2 KiB each. */
export const tokensKeptMax = 1_024

/** An opened token's record is read again after this long: a revocation works within it. */
export const tokenFreshMs = 30_000

/** How long an opened token stays good while no quorum answers. */
export const tokenStaleMs = 5 * 60_000

/** One look at a token's record. */
export const lookupDeadlineMs = 10_000

/** A refused token is refused again, without a look, for this long. */
export const refusedKeepMs = 10_000
export const refusedKeptMax = 1_024

/** Looks at unknown tokens: so many at once, so many more each second. A valid one costs none. */
export const lookupsBurst = 20
export const lookupsPerSecond = 20

/** Life of a session's certificate: a Processor's clock may be that wrong, and crashes leave it. */
export const sessionLifeMs = 4 * 3_600_000
/** With less than this left, it is renewed beside the work; tried again after a failure. */
export const sessionRenewMs = 2 * 3_600_000
export const renewPauseMs = 60_000
/** With less than this left, another session is opened first: none ends with commands under way. */
export const sessionLeftMinMs = 30 * 60_000

/** Opening a session. */
export const openDeadlineMs = 30_000

/** Commands of one session that are sent and not answered; more wait here, up to the next line. */
export const commandsInFlightMax = 512
export const commandsWaitingMax = 4_096

/**
 * From the lowest sequence number that is not answered, and from the highest that is, to the next
 * one: below the section's window, so that it never forgets what may still be asked.
 */
export const sequenceSpanMax = 960

/** Encoded commands of one batch with their lengths; the rest is keys and signature. */
export const batchCommandBytesMax: number = batchBytesMax - 1_024

/** Argon2id of a passphrase: 64 MiB, three passes, about 200 ms. Dearer records are opened too. */
export const passphraseMemoryKib = 64 * 1024
export const passphrasePasses = 3
export const passphraseMemoryKibMax = 1024 * 1024
export const passphrasePassesMax = 16

/** Of a passphrase, in characters: anybody with the record can guess, so short ones are refused. */
export const passphraseCharactersMin = 16
export const passphraseCharactersMax = 1_024

assert(
  sessionLifeMs < sessionLifeMaxMs,
  'a clock that is ahead still asks for a life that is allowed',
)
assert(
  sessionLeftMinMs < sessionRenewMs && sessionRenewMs < sessionLifeMs,
  'renewed before it ends',
)
assert(openDeadlineMs < sessionLeftMinMs, 'no session ends while its commands are under way')
assert(
  commandsInFlightMax + commandsPerBatchMax <= sequenceSpanMax &&
    sequenceSpanMax < sessionWindowCount,
  'the window holds what is under way',
)
