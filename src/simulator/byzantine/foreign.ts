/**
 * What the members of a group said elsewhere: in another epoch of the group, or in another group,
 * with the same keys. Real certificates and votes, which prove nothing here. Made by a short run of
 * the same software, one member being away, so that views were nullified too.
 */
import { toHex } from '../../base/bytes.ts'
import { digestOf } from '../../base/ids.ts'
import {
  type ConsensusConfig,
  consensusLimitsOf,
  contextOf,
  decodeMessage,
  type Message,
} from '../../kernel/consensus/index.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import { makeItem } from '../consensus-application.ts'
import { ConsensusChecks } from '../consensus-checks.ts'
import { ConsensusNode, type ConsensusWorld } from '../consensus-node.ts'
import { Scheduler } from '../scheduler.ts'
import { calmLinkWeather, SimLinkNet } from '../sim-links.ts'
import type { SimRandom } from '../sim-random.ts'

const runMs = 1_500
const itemCount = 12
const keptMax = 200

export async function foreignMessages(
  world: ConsensusWorld,
  own: {
    readonly keys: readonly KeyPair[]
    readonly random: SimRandom
    readonly settle: () => Promise<void>
  },
): Promise<Message[]> {
  const { keys, random, settle } = own
  const scheduler = new Scheduler({ settle })
  const net = new SimLinkNet(random.fork('net'), calmLinkWeather)
  const config = foreignConfig(world.config, random)
  const checks = new ConsensusChecks({ config, crypto: world.crypto })
  const elsewhere: ConsensusWorld = {
    ...world,
    ...{ scheduler, net, config, checks, onFailure: () => undefined },
    ...{ boundaryCrashChance: 0, crashAt: undefined },
  }
  const said: Message[] = []
  const limits = consensusLimitsOf(world.limits)
  const wire = { crypto: world.crypto, context: contextOf(config), limits }
  net.onWire((from, _to, message) => {
    const index = config.members.findIndex(({ node }) => node === from)
    if (said.length >= keptMax || !isProof(message.head)) return
    said.push(decodeMessage(message, index, wire))
  })
  const away = random.below(config.members.length)
  const nodes = keys.map(
    (pair, index) =>
      new ConsensusNode(elsewhere, { index, keys: pair, random: random.fork(`node ${index}`) }),
  )
  const present = nodes.filter(({ index }) => index !== away)
  for (const node of present) node.start()
  for (let id = 0; id < itemCount; id++)
    scheduler.after(
      random.between({ min: 100, max: runMs * 0.7 }),
      () => {
        for (const node of present) node.consensus?.submit(makeItem(id, 5))
      },
      'client',
    )
  await scheduler.run({ timeMsMax: runMs, eventCountMax: 100_000 })
  for (const node of nodes) node.crash('the end')
  return said
}

/** A message of the kinds 1 and 3: proposals and certificates, which carry signatures of others. */
const isProof = (head: Uint8Array): boolean => head[1] === 1 || head[1] === 3

function foreignConfig(config: ConsensusConfig, random: SimRandom): ConsensusConfig {
  // An epoch that this run never reaches.
  if (random.happens(0.7)) return { ...config, epoch: config.epoch + 1_000 }
  return { ...config, group: digestOf(toHex(random.bytes(32))) }
}
