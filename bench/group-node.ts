/**
 * A Processor without HTTP and files, for `npm run bench -- consensus`: real links, disk and
 * journal, and a client that asks the group through one session, as the API would.
 *
 * Takes orders and gives replies as lines of JSON on standard input and output.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { createFileKeyring } from '../src/adapters/file-keyring.ts'
import { MemoryMetrics } from '../src/adapters/memory-metrics.ts'
import { nodeClock } from '../src/adapters/node-clock.ts'
import { createNodeCrypto } from '../src/adapters/node-crypto.ts'
import { createNodeDisk } from '../src/adapters/node-disk.ts'
import { nodeRandom } from '../src/adapters/node-random.ts'
import { noiseHandshake } from '../src/adapters/noise-handshake.ts'
import { createPinoLog } from '../src/adapters/pino-log.ts'
import { createSqliteJournals } from '../src/adapters/sqlite-journal.ts'
import { createWsTransport } from '../src/adapters/ws-transport.ts'
import { toHex } from '../src/base/bytes.ts'
import { type ObjectId, objectIdOf, tagOf } from '../src/base/ids.ts'
import { createAltered, type Kernel, type KernelPorts } from '../src/kernel/kernel.ts'
import { type Genesis, ObjectKind, type Operation } from '../src/kernel/section/index.ts'
import { createSessions } from '../src/kernel/users/index.ts'
import { type ProcessorFiles, readProcessor } from '../src/main/read-world.ts'
import { equivocator } from './equivocator.ts'
import { type GroupJob, type Timed, timedFor } from './group-jobs.ts'

export type GroupOrder =
  | { readonly kind: 'prepare'; readonly token: string }
  | {
      readonly kind: 'run'
      readonly job: GroupJob
      readonly clients: number
      readonly ms: number
    }
  | { readonly kind: 'counts' }

export type GroupReply =
  | { readonly kind: 'prepared' }
  | ({ readonly kind: 'ran' } & Timed)
  | { readonly kind: 'counts'; readonly counts: Readonly<Record<string, number>> }

const objectCount = 256
/** What an application's 256 bytes are once sealed. */
const contentBytes = 256
const deadlineMs = 30_000

/** A clock that is far ahead: nobody votes for what its member proposes, nor it for others'. */
const wrongClock: KernelPorts['clock'] = {
  ...nodeClock,
  wallMs: () => nodeClock.wallMs() + 3_600_000,
}

function portsIn(folder: string, lie: string | undefined): KernelPorts {
  const metrics = new MemoryMetrics()
  return {
    clock: lie === 'lying' ? wrongClock : nodeClock,
    random: nodeRandom,
    crypto: createNodeCrypto(),
    handshake: noiseHandshake,
    transport: createWsTransport(),
    disk: createNodeDisk(folder, { onSync: () => metrics.count('disk.syncs_total') }),
    journals: createSqliteJournals(join(folder, 'journal'), {
      onSync: () => metrics.count('journal.syncs_total'),
    }),
    log: createPinoLog({ level: 'warn' }),
    metrics,
  }
}

async function startKernel(
  ports: KernelPorts,
  folder: string,
  lie: string | undefined,
): Promise<[Kernel, ProcessorFiles]> {
  const files = await readProcessor(folder)
  const { config, genesis } = files
  const keys = await createFileKeyring(files.keyringPath).load()
  const self = { n: config.n, node: config.node, address: config.linkAddress }
  const { consensusSeed } = keys
  const altered =
    lie === 'equivocating'
      ? equivocator(ports.crypto, genesis, { node: config.node, consensusSeed })
      : {}
  const options = {
    version: 'bench',
    genesis,
    keys,
    linkAddress: config.linkAddress,
    mayBeNew: true,
    peers: [...config.peers, self].sort((a, b) => a.n - b.n),
    onFatal: (error: Error) => {
      throw error
    },
  }
  const kernel = await createAltered(ports, options, altered)
  await kernel.start()
  return [kernel, files]
}

type Submit = (operations: readonly Operation[]) => Promise<void>

/** Operations that change as much as an overwrite of a small file does, and queries as `stat`'s. */
class GroupClient {
  readonly #ports: KernelPorts
  readonly #kernel: Kernel
  readonly #objects: ObjectId[] = []
  #submit: Submit | undefined

  constructor(ports: KernelPorts, kernel: Kernel) {
    this.#ports = ports
    this.#kernel = kernel
  }

  async prepare(token: string, genesis: Genesis): Promise<void> {
    const { random } = this.#ports
    const { world, group } = this.#kernel
    const sessions = createSessions({ ...this.#ports, world, group })
    const session = await sessions.authenticate(token)
    const signal = new AbortController().signal
    const submit: Submit = async (operations) => {
      const result = await sessions.submit(session, operations, { deadlineMs, signal })
      if (!result.ok) throw new Error(`the group refused: ${result.code}`)
    }
    const of = genesis.domainOfPath.find(({ path }) => path === '/public')
    const domain = genesis.domains.find((one) => one.domain === of?.domain)
    if (domain === undefined) throw new Error('the world has no /public')
    const directory = genesis.directories.find(({ view }) => view.domain === domain.domain)?.view
    if (directory === undefined) throw new Error('/public is no directory')
    const opaque = random.bytes(100)
    const created = Array.from({ length: objectCount }, async () => {
      const object = objectIdOf(toHex(random.bytes(16)))
      await submit([
        {
          op: 'create',
          object,
          kind: ObjectKind.File,
          domain: domain.domain,
          domainEpoch: domain.epoch,
          keyEpoch: 1,
          wrappedKeys: opaque,
          replicas: 1,
          attributes: opaque,
        },
        {
          op: 'link',
          directory: directory.object,
          tag: tagOf(toHex(random.bytes(32))),
          seenSeq: 0,
          sealedName: opaque,
          keyEpoch: directory.keyEpoch,
          object,
        },
      ])
      this.#objects.push(object)
    })
    await Promise.all(created)
    this.#submit = submit
  }

  run(order: Extract<GroupOrder, { kind: 'run' }>): Promise<Timed> {
    return timedFor(order, (index) =>
      order.job === 'write' ? this.#write(index) : this.#read(index),
    )
  }

  #objectOf(index: number): ObjectId {
    const object = this.#objects[index % this.#objects.length]
    if (object === undefined) throw new Error('nothing was prepared')
    return object
  }

  async #write(index: number): Promise<void> {
    const sealed = this.#ports.random.bytes(contentBytes)
    await this.#submit?.([
      {
        op: 'replace',
        object: this.#objectOf(index),
        keyEpoch: 1,
        seenSeq: undefined,
        base: { root: undefined, sealed },
        added: { blocks: [], receipts: [] },
        freed: [],
      },
    ])
  }

  async #read(index: number): Promise<void> {
    const query = { kind: 'object', object: this.#objectOf(index), sinceSeq: 0 } as const
    const [answer] = await this.#kernel.group.read([query], { deadlineMs })
    if (answer?.kind !== 'object' || answer.object === undefined)
      throw new Error('an object is gone')
  }
}

const say = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    supervised: { type: 'boolean' },
    lie: { type: 'string' },
    'log-level': { type: 'string' },
  },
})
const ports = portsIn(values.data, values.lie)
const [kernel, files] = await startKernel(ports, values.data, values.lie)
const client = new GroupClient(ports, kernel)

async function carryOut(order: GroupOrder): Promise<GroupReply> {
  switch (order.kind) {
    case 'prepare':
      await client.prepare(order.token, files.genesis)
      return { kind: 'prepared' }
    case 'run':
      return { kind: 'ran', ...(await client.run(order)) }
    case 'counts':
      return { kind: 'counts', counts: ports.metrics.snapshot() }
  }
}

say({ event: 'ready', n: files.config.n, api: '', pid: process.pid })
process.on('SIGTERM', () => process.exit())
for await (const line of createInterface({ input: process.stdin })) {
  void carryOut(JSON.parse(line) as GroupOrder).then(say, (error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    process.exit(1)
  })
}
process.exit()
