/** Keys that follow from a seed, for tests of `keys` and `users`. */
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import {
  blockIdOf,
  type DomainId,
  digestOf,
  domainIdOf,
  type ObjectId,
  objectIdOf,
  type PrincipalId,
  principalIdOf,
} from '../../src/base/ids.ts'
import {
  createDomainKey,
  createObjectKeys,
  type DomainKey,
  type ObjectKeys,
  type PrincipalKeys,
  type SealPorts,
} from '../../src/kernel/keys/index.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'

export const realCrypto = createNodeCrypto()

export const seededPorts = (seed: number | string = 1): SealPorts => ({
  crypto: realCrypto,
  random: new SimRandom(seed),
})

const hex = (fill: number, bytes: number): string =>
  fill.toString(16).padStart(2, '0').repeat(bytes)

export const someObject = (fill = 0x11): ObjectId => objectIdOf(hex(fill, 16))
export const someDomain = (fill = 0x22): DomainId => domainIdOf(hex(fill, 16))
export const someBlock = { id: blockIdOf(hex(0x33, 16)), version: 7 } as const
export const someHash = digestOf(hex(0x44, 32))
export const somePrincipal = (fill = 0x55): PrincipalId => principalIdOf(hex(fill, 32))

export type SeededObject = {
  readonly ports: SealPorts
  readonly domainKey: DomainKey
  readonly keys: ObjectKeys
  readonly wrapped: Uint8Array
}

export function seededObject(seed: number | string = 1): SeededObject {
  const ports = seededPorts(seed)
  const domainKey = createDomainKey(ports, someDomain())
  return { ports, domainKey, ...createObjectKeys(ports, { object: someObject(), domainKey }) }
}

/** A principal that is its own owner. */
export function seededPrincipal(ports: SealPorts, fill = 0x55): PrincipalKeys {
  const principal = somePrincipal(fill)
  const pair = ports.crypto.boxKeyPair(ports.random.bytes(32))
  const sign = ports.crypto.signKeyPair(ports.random.bytes(32))
  return { principal, owner: principal, sign, wraps: [{ principal, pair }] }
}

/** Each copy of `bytes` with one byte changed, and each shortened or lengthened by one. */
export function* tampered(bytes: Uint8Array): Generator<Uint8Array> {
  for (let index = 0; index < bytes.length; index++) {
    const changed = bytes.slice()
    changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8))
    yield changed
  }
  yield bytes.slice(1)
  yield bytes.slice(0, -1)
  const longer = new Uint8Array(bytes.length + 1)
  longer.set(bytes)
  yield longer
  yield new Uint8Array(0)
}

/** The same with a password hash that takes no time. Its results are not those of Argon2id. */
export const fastCrypto: typeof realCrypto = {
  ...realCrypto,
  argon2id: (input) => realCrypto.argon2id({ ...input, memoryKib: 8, passes: 1 }),
}
