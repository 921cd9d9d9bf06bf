/**
 * Fault 7 of the white paper's ten: messages are invented. Strangers without keys, with keys of
 * their own, with a stolen computer key or somebody else's name, with recorded talk; and frames
 * that nobody sent, in the middle of connections. None is taken for what it is not.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFileKeyring } from '../../../src/adapters/file-keyring.ts'
import { MemoryMetrics } from '../../../src/adapters/memory-metrics.ts'
import { nodeClock } from '../../../src/adapters/node-clock.ts'
import { createNodeCrypto } from '../../../src/adapters/node-crypto.ts'
import { nodeRandom } from '../../../src/adapters/node-random.ts'
import { noiseHandshake } from '../../../src/adapters/noise-handshake.ts'
import { createPinoLog } from '../../../src/adapters/pino-log.ts'
import { createWsTransport } from '../../../src/adapters/ws-transport.ts'
import { createLinks } from '../../../src/kernel/links/index.ts'
import { readProcessor } from '../../../src/main/read-world.ts'
import type { ComputerKey } from '../../../src/ports/keyring.ts'
import { speak, speakFrames } from '../../../tools/faults/rogue.ts'
import { Wiretap } from '../../../tools/faults/wiretap.ts'
import { until } from '../../../tools/tour/until.ts'
import type { TourProcessor } from '../../../tools/tour/world.ts'
import { atWork, happened, judge } from './at-work.ts'

const refusedMsMax = 60_000
const talkBytesMin = 4_000
const crypto = createNodeCrypto()

/** Do it, and wait until the victim has refused it for this reason. */
async function refused(victim: TourProcessor, counter: string, work: () => unknown): Promise<void> {
  const count = async (): Promise<number> => (await victim.status()).metrics[counter] ?? 0
  const before = await count()
  await work()
  await until(`it is refused: ${counter}`, refusedMsMax, async () => (await count()) > before)
}

/** The longest of what a Processor said on a connection that it had dialled, and to whom. */
function longestTalk(tap: Wiretap): { readonly talk: readonly Buffer[]; readonly to: number } {
  const talks = tap.talks().flatMap(({ heard, parts }) => {
    const length = parts.reduce((sum, bytes) => sum + bytes.length, 0)
    return heard.from === heard.dialler ? [{ talk: parts, to: heard.to, length }] : []
  })
  const [longest] = talks.sort((a, b) => b.length - a.length)
  assert(longest !== undefined && longest.length > talkBytesMin, 'nothing was recorded')
  return longest
}

/** Links of a stranger who dials the victim, by whatever name and computer key. */
async function stranger(
  victim: TourProcessor,
  is: { readonly name?: Uint8Array; readonly computerKeys: readonly ComputerKey[] },
): Promise<{ readonly isUp: () => boolean; readonly stop: () => Promise<void> }> {
  const { config } = await readProcessor(victim.folder)
  const own = crypto.signKeyPair(randomBytes(32))
  const links = createLinks({
    ports: {
      clock: nodeClock,
      random: nodeRandom,
      crypto,
      handshake: noiseHandshake,
      transport: createWsTransport(),
      log: createPinoLog({ level: 'silent' }),
      metrics: new MemoryMetrics(),
    },
    world: config.world,
    nodeKey: { ...own, publicKey: is.name ?? own.publicKey },
    linkKey: crypto.boxKeyPair(randomBytes(32)),
    computerKeys: is.computerKeys,
    listenAddress: undefined,
    peers: [{ node: config.node, address: config.linkAddress }],
  })
  await links.start()
  return { isUp: () => links.isUp(config.node), stop: () => links.stop() }
}

test('C90: fault 7, invented: strangers, forged names, recorded talk and made-up frames are refused and counted', async (t) => {
  const tap = new Wiretap({ needles: [] })
  const work = await atWork(t, { seed: 7, onBytes: tap.hear })
  const { faulty, workload } = work
  const { wires } = faulty
  const { talk, to } = longestTalk(tap)
  const victim = faulty.at(to)
  const address = victim.linkAddress

  // Without any key: noise, HTTP, frames full of noise.
  const noise = Array.from({ length: 20 }, () => randomBytes(3_000))
  assert((await speak(address, noise)).ended)
  const { bytes } = await speak(address, [
    Buffer.from('GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n'),
  ])
  assert.match(bytes.toString(), /^HTTP\/1.1 426/)
  await refused(victim, 'links.dropped_too_long', () => speakFrames(address, noise))
  const short = Buffer.concat([Buffer.of(0xff, 0xff), randomBytes(100)])
  await refused(victim, 'links.refused_version', () => speakFrames(address, [short]))

  // What another Processor said when it came: word for word, and it opens nothing now.
  assert.match(talk[0]?.toString('latin1') ?? '', /^GET \/unosys\/link/)
  await refused(victim, 'links.refused_handshake', async () => {
    assert((await speak(address, talk)).ended)
  })

  // With keys of their own; with the computer key, stolen; with that and a member's name.
  const other = faulty.at((to % 4) + 1)
  const { computerKeys } = await createFileKeyring(join(other.folder, 'keyring')).load()
  const foreign = [{ epoch: computerKeys.at(-1)?.epoch ?? 0, key: randomBytes(32) }]
  const { config } = await readProcessor(other.folder)
  const name = Buffer.from(config.node, 'hex')
  for (const [is, counter] of [
    [{ computerKeys: foreign }, 'links.refused_handshake'],
    [{ computerKeys }, 'links.refused_unknown_node'],
    [{ computerKeys, name }, 'links.refused_certificate'],
  ] as const) {
    const one = await stranger(victim, is)
    await refused(victim, counter, () => {})
    assert.equal(one.isUp(), false, counter)
    await one.stop()
  }
  await workload.progress(5)

  // In the middle of good connections.
  wires.set(wires.ways(), { forged: 0.003 })
  await refused(victim, 'links.dropped_unauthentic', () => workload.progress(15))
  await happened(work, 'forged')
  await judge(t, work, { faults: ['forged'] })
})
