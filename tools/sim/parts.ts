/** What simulated groups and worlds are made with outside of tests. */
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { createMutant } from '../../src/kernel/consensus/consensus.ts'
import { twinMutation } from '../../src/kernel/consensus/mutations.ts'
import type { Crypto } from '../../src/ports/crypto.ts'
import type { Handshake } from '../../src/ports/handshake.ts'
import type { ClusterOptions } from '../../src/simulator/consensus-cluster.ts'
import { quickCrypto } from '../../src/simulator/world-crypto.ts'

const nodeCrypto = createNodeCrypto()

/** One turn of the host's event loop; see `Scheduler`. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** For `ConsensusCluster`. */
export const groupParts: Pick<ClusterOptions, 'crypto' | 'settle' | 'createTwin'> = {
  crypto: nodeCrypto,
  settle,
  createTwin: (options) => createMutant(options, twinMutation),
}

/** For `SimWorld` and `WorldChaos`; signatures are simulated. A new one for each world. */
export const worldParts = (): {
  readonly crypto: Crypto
  readonly handshake: Handshake
  readonly settle: () => Promise<void>
} => ({ crypto: quickCrypto(nodeCrypto), handshake: noiseHandshake, settle })
