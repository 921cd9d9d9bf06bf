/** The members, keys and genesis of a simulated group, drawn from its seed. */
import { compareText, toHex } from '../base/bytes.ts'
import { digestOf, nodeIdOf } from '../base/ids.ts'
import type { ConsensusConfig } from '../kernel/consensus/index.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import type { SimRandom } from './sim-random.ts'

/** Keys are in the order of the configuration's members. */
export function makeConfig(
  random: SimRandom,
  nodeCount: number,
  crypto: Crypto,
): { config: ConsensusConfig; keys: KeyPair[] } {
  const members = Array.from({ length: nodeCount }, () => ({
    node: nodeIdOf(toHex(random.bytes(32))),
    keys: crypto.signKeyPair(random.bytes(32)),
  })).sort((a, b) => compareText(a.node, b.node))
  return {
    config: {
      group: digestOf(toHex(random.bytes(32))),
      epoch: 1,
      genesis: digestOf(toHex(random.bytes(32))),
      members: members.map(({ keys, node }) => ({ node, consensusKey: keys.publicKey })),
    },
    keys: members.map(({ keys }) => keys),
  }
}
