import { nodeRandom } from '../../src/adapters/node-random.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { randomCompliance } from './random.ts'

randomCompliance({ name: 'node-random', open: () => nodeRandom })
randomCompliance({ name: 'sim-random', open: () => new SimRandom(1) })
