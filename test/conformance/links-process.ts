/** One Processor's links as a process of its own, for tests that stop or kill it. */
import { nodeClock } from '../../src/adapters/node-clock.ts'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { nodeRandom } from '../../src/adapters/node-random.ts'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { createWsTransport } from '../../src/adapters/ws-transport.ts'
import { channels, createLinks, type Links } from '../../src/kernel/links/index.ts'
import { computerKey, keysOf, silentLog, TestMetrics, testWorld } from './links-world.ts'

/** Links of node `index` over real sockets; `addresses` by index. Echoes everything. */
export function realLinks(
  index: number,
  addresses: readonly string[],
): { links: Links; metrics: TestMetrics } {
  const { nodeKey, linkKey } = keysOf(index)
  const metrics = new TestMetrics()
  const links = createLinks({
    ports: {
      clock: nodeClock,
      random: nodeRandom,
      crypto: createNodeCrypto(),
      handshake: noiseHandshake,
      transport: createWsTransport(),
      log: silentLog,
      metrics,
    },
    world: testWorld,
    nodeKey,
    linkKey,
    computerKeys: [computerKey],
    listenAddress: addresses[index],
    peers: addresses.map((address, other) => ({ node: keysOf(other).id, address })),
  })
  for (const channel of Object.values(channels))
    links.handle(channel, {
      onRequest: ({ head, body }) => ({ head, ...(body && { body }) }),
    })
  return { links, metrics }
}

if (process.argv[1] === import.meta.filename) {
  const [index, ...addresses] = process.argv.slice(2)
  const { links } = realLinks(Number(index), addresses)
  process.on('disconnect', () => process.exit())
  await links.start()
  process.send?.('ready')
}
