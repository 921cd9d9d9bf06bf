import type { Crypto } from '../ports/crypto.ts'
import type { Scheduler } from './scheduler.ts'

/** What a password hash takes on the reference machine (64 MiB, three passes). */
const argon2Ms = 200

/**
 * Real crypto for a simulated world. All of it is a function of its arguments but for one thing:
 * when the password hash ends. That becomes an event of virtual time.
 */
export function simCrypto(scheduler: Scheduler, crypto: Crypto): Crypto {
  return {
    ...crypto,
    argon2id: (input) => scheduler.afterWork(argon2Ms, crypto.argon2id(input), 'argon2id'),
  }
}
