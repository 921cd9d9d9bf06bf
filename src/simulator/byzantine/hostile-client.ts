import { concat, toHex, utf8 } from '../../base/bytes.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { channels, type OutgoingMessage } from '../../kernel/links/index.ts'
import {
  type Added,
  type Command,
  decodeSignedBatch,
  encodeSignedBatch,
  type Operation,
  type SignedBatch,
  signBatch,
  worldIdOf,
} from '../../kernel/section/index.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SimRandom } from '../sim-random.ts'
import type { SimRequest } from '../world-http.ts'
import { type LiarRun, tamperedLinks, type WorldLiar } from './altered.ts'
import { askedOf, bytesOf } from './requests.ts'

const keptMax = 32
/** Requests that are under way at once. */
const askerCount = 3
const folder = '/v1/files/public/hostile'

/**
 * A client with good credentials and no manners, at a Processor of its own: batches that are
 * malformed, too large or sent again; one sequence number for several contents, also to several
 * members at once; receipts that nobody signed, or for other blocks; and HTTP requests of the same
 * kind. Its files are its own: what others see must not change.
 */
export const hostileClient: WorldLiar = (run) => {
  const { world, process, random, lied } = run
  const { crypto } = world
  const id = worldIdOf(crypto, world.drawn.genesis)
  const prefix = domainPrefix(domains.commandBatch)
  let secretKey: Uint8Array | undefined
  const kept: Uint8Array[] = []
  const spied = (real: Crypto): Crypto => ({
    ...real,
    sign: (key, message) => {
      const isBatch = prefix.every((byte, index) => message[index] === byte)
      if (isBatch) secretKey = key.slice()
      return real.sign(key, message)
    },
  })
  const resigned = (batch: SignedBatch, commands: readonly Command[]): Uint8Array => {
    if (secretKey === undefined) return encodeSignedBatch(batch)
    const sessionPair = { publicKey: batch.sessionKey, secretKey }
    return encodeSignedBatch(signBatch(crypto, { world: id, sessionPair, commands }))
  }
  const outgoing = (_: unknown, sent: OutgoingMessage): readonly OutgoingMessage[] => {
    if (sent.channel !== channels.group || askedOf(sent) !== 'submit') return [sent]
    // One byte of kind, four of length.
    const item = bytesOf(sent).slice(5)
    kept.push(item)
    if (kept.length > keptMax) kept.shift()
    if (random.happens(0.3)) return [sent]
    lied()
    const lie = random.happens(0.2)
      ? random.pick(kept)
      : worsened(random, decodeSignedBatch(item), resigned)
    const isHonestToo = random.happens(0.6)
    return isHonestToo ? [sent, submitOf(crypto, lie)] : [submitOf(crypto, lie)]
  }
  const started = (): void => {
    for (let at = 0; at < askerCount; at++) {
      process.after(500, () => ask(run, 0), 'is hostile')
    }
  }
  return {
    ports: (ports) => ({ ...ports, crypto: spied(ports.crypto) }),
    links: (links) => tamperedLinks(links, { outgoing, started }),
  }
}

function submitOf(crypto: Crypto, item: Uint8Array): OutgoingMessage {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, item.length)
  const bytes = concat([Uint8Array.of(1), length, item])
  const channel = channels.group
  if (bytes.length <= 32 * 1024) return { channel, head: bytes }
  return { channel, head: new Uint8Array(0), body: { bytes, hash: crypto.sha256(bytes) } }
}

/** The batch made worse. */
function worsened(
  random: SimRandom,
  batch: SignedBatch,
  resigned: (batch: SignedBatch, commands: readonly Command[]) => Uint8Array,
): Uint8Array {
  const { commands } = batch
  const last = commands.at(-1)
  switch (random.below(12)) {
    case 0: {
      const bytes = encodeSignedBatch(batch)
      return bytes.slice(0, random.below(bytes.length))
    }
    case 1: {
      const bytes = encodeSignedBatch(batch)
      const at = random.below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
      return bytes
    }
    case 2:
      return random.bytes(300_000)
    // The same sequence number, other contents.
    case 3:
      return resigned(
        batch,
        commands.map((command) => ({ ...command, operations: command.operations.slice(1) })),
      )
    case 4:
      return resigned(batch, last === undefined ? [] : [{ ...last, sequence: 2 ** 48 - 1 }])
    case 5:
      return resigned(
        batch,
        commands.map((command) => ({
          ...command,
          operations: [...command.operations, ...command.operations],
        })),
      )
    default:
      return resigned(
        batch,
        // Beside what was meant, not in its place: under a number that comes later.
        commands.map(({ sequence, request, operations }) => ({
          sequence: sequence + 8,
          request,
          operations: operations.map((operation) => withFalseReceipts(random, operation)),
        })),
      )
  }
}

function withFalseReceipts(random: SimRandom, operation: Operation): Operation {
  if (!('added' in operation)) return operation
  return { ...operation, added: falseAdded(random, operation.added) }
}

function falseAdded(random: SimRandom, { blocks, receipts }: Added): Added {
  const kind = random.below(5)
  // None; one too few; one twice; signed by nobody, also for a block that nobody has.
  if (kind === 0) return { blocks, receipts: [] }
  if (kind === 1) return { blocks, receipts: receipts.slice(1) }
  const [first] = receipts
  if (first === undefined) return { blocks, receipts }
  if (kind === 2) return { blocks, receipts: receipts.map(() => first) }
  const [block] = blocks
  const invented =
    block === undefined ? [] : [{ ...block, hash: toHex(random.bytes(32)) as typeof block.hash }]
  return {
    blocks: kind === 3 ? blocks : [...invented, ...blocks.slice(1)],
    receipts: receipts.map((receipt) => ({ ...receipt, signature: random.bytes(64) })),
  }
}

/** One request after the other, whatever comes of them. */
function ask(run: LiarRun, count: number): void {
  const { world, processor, process, random, isOver } = run
  if (isOver()) return
  const { done } = world.request(processor.n, requestOf(random, count))
  const again = (): void => {
    process.after(random.between({ min: 5, max: 120 }), () => ask(run, count + 1), 'is hostile')
  }
  done.then(again, again)
}

function requestOf(random: SimRandom, count: number): SimRequest {
  if (count === 0) return { method: 'PUT', path: `${folder}?kind=directory` }
  const path = `${folder}/${random.below(3)}`
  const body = random.bytes(random.below(6_000))
  const key = { 'idempotency-key': `hostile-${random.below(4)}` }
  const json = { 'content-type': 'application/json' }
  const requests: readonly SimRequest[] = [
    { method: 'PUT', path, body },
    { method: 'PUT', path, body, headers: key },
    { method: 'PATCH', path: `${path}?at=end`, body, headers: key },
    { method: 'PATCH', path: `${path}?at=${2 ** 53}`, body },
    { method: 'PATCH', path, headers: json, body: utf8('{"op":"truncate","size":-1}') },
    { method: 'PATCH', path, headers: json, body: utf8('{"op":"rename","to":"/public/../.."}') },
    { method: 'GET', path, headers: { range: 'bytes=9-3,0-' } },
    { method: 'GET', path: `${folder}/%00` },
    { method: 'PUT', path, body, headers: { 'content-length': '3' } },
    { method: 'DELETE', path },
  ]
  return random.pick(random.happens(0.5) ? requests.slice(0, 3) : requests)
}
