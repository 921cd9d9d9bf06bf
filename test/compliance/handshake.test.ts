import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { handshakeCompliance } from './handshake.ts'

handshakeCompliance({
  name: 'noise-handshake',
  handshake: noiseHandshake,
  crypto: createNodeCrypto(),
  random: (seed) => new SimRandom(seed),
})
