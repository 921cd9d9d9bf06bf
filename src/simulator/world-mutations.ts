/**
 * Rules of the whole world that a test can break, on all Processors at once, to see that the
 * checkers notice. Everything is done from outside the production code: through its ports, in front
 * of its links, or in what is handed to the section.
 */

import { domainPrefix, domains } from '../base/domains.ts'
import type { NodeId } from '../base/ids.ts'
import { channels, type IncomingMessage, type Links } from '../kernel/links/index.ts'
import { type ExecutionBlock, execute, type Operation } from '../kernel/section/index.ts'
import type { Disk } from '../ports/disk.ts'
import type { AlteredRun } from './byzantine/altered.ts'
import { askedOf, bytesOf } from './byzantine/requests.ts'

export const worldMutations = {
  /** Receipts count without a look at their signatures. */
  'receipts-unchecked': (): AlteredRun => {
    const prefix = domainPrefix(domains.receipt)
    return {
      ports: (ports) => ({
        ...ports,
        crypto: {
          ...ports.crypto,
          verify: (key, message, signature) =>
            prefix.every((byte, index) => message[index] === byte) ||
            ports.crypto.verify(key, message, signature),
        },
      }),
    }
  },
  /** What was done under an Idempotency-Key is not remembered: a retry does it again. */
  'retries-forgotten': (): AlteredRun => executing((operation) => operation, { keepsKeys: false }),
  /** An append or patch stands, whoever wrote the same blocks since it looked. */
  'conflicts-ignored': (): AlteredRun =>
    executing((operation) => (operation.op === 'apply' ? { ...operation, reads: [] } : operation), {
      keepsKeys: true,
    }),
  /** Blocks are acknowledged before they are on the disk. */
  'receipts-before-sync': (): AlteredRun => ({
    ports: (ports) => ({ ...ports, disk: unsynced(ports.disk) }),
  }),
  /** A read is what one member says. */
  'one-member-reads': (): AlteredRun => ({ links: oneVoice }),
  /** A block is taken for what was asked, whatever it is. */
  'blocks-unchecked': (): AlteredRun => ({ links: trusting }),
} as const satisfies Readonly<Record<string, () => AlteredRun>>

export type WorldMutation = keyof typeof worldMutations

function executing(
  change: (operation: Operation) => Operation,
  options: { readonly keepsKeys: boolean },
): AlteredRun {
  const changed = (block: ExecutionBlock): ExecutionBlock => ({
    ...block,
    batches: block.batches.map((batch) => ({
      ...batch,
      commands: batch.commands.map((command) => ({
        ...command,
        request: options.keepsKeys ? command.request : undefined,
        operations: command.operations.map(change),
      })),
    })),
  })
  return { execute: (environment, state, block) => execute(environment, state, changed(block)) }
}

/** A disk that says that all is durable, and makes nothing so. */
function unsynced(disk: Disk): Disk {
  return {
    makeFolder: (path) => disk.makeFolder(path),
    list: (path) => disk.list(path),
    read: (path) => disk.read(path),
    stat: (path) => disk.stat(path),
    write: (path, parts, options) => disk.write(path, parts, options),
    writeSynced: (path, parts, options) => disk.write(path, parts, options),
    syncFile: async () => undefined,
    syncFolder: async () => undefined,
    openAppend: async (path) => {
      const file = await disk.openAppend(path)
      return {
        append: (parts) => file.append(parts),
        sync: async () => undefined,
        close: () => file.close(),
      }
    },
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    freeBytes: () => disk.freeBytes(),
  }
}

type Request = Links['request']

const withRequest = (links: Links, request: Request): Links => ({
  self: links.self,
  start: () => links.start(),
  stop: () => links.stop(),
  peers: () => links.peers(),
  isUp: (peer) => links.isUp(peer),
  onChange: (listener) => links.onChange(listener),
  send: (peer, message) => links.send(peer, message),
  handle: (channel, handler) => links.handle(channel, handler),
  request,
})

/** Whoever is asked for a read, the same peer answers: the first one in the order of names. */
function oneVoice(links: Links): Links {
  const first = (): NodeId | undefined =>
    links
      .peers()
      .filter(({ up }) => up)
      .map(({ peer }) => peer)
      .sort()[0]
  return withRequest(links, async (peer, message, options) => {
    const isRead = message.channel === channels.group && askedOf(message) === 'read'
    const voice = isRead ? (first() ?? peer) : peer
    return from(await links.request(voice, message, options), peer)
  })
}

/** A reply that says of itself what was asked for. */
function trusting(links: Links): Links {
  return withRequest(links, async (peer, message, options) => {
    const reply = await links.request(peer, message, options)
    const isGet = message.channel === channels.blocks && askedOf(message) === 'get'
    if (!isGet || reply.body === undefined) return reply
    // The kind, then id and version, then the hash.
    const hash = bytesOf(message).slice(1 + 16 + 8, 1 + 16 + 8 + 32)
    return { ...withProof(reply), body: { bytes: reply.body.bytes, hash } }
  })
}

const from = (reply: IncomingMessage, peer: NodeId): IncomingMessage => ({
  ...withProof(reply),
  from: peer,
})

const withProof = (reply: IncomingMessage): IncomingMessage => ({
  from: reply.from,
  channel: reply.channel,
  head: reply.head,
  ...(reply.body === undefined ? {} : { body: reply.body }),
  proof: () => reply.proof(),
})
