/**
 * A world of one node without links, consensus or disk: the production section, keys, users,
 * namespace, objects and file system over a group that executes at once and blocks in memory. For
 * tests of what files and directories mean; that many nodes agree is shown elsewhere.
 */
import assert from 'node:assert/strict'
import { nodeClock } from '../../src/adapters/node-clock.ts'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { digestOf, nodeIdOf, objectIdBytes, objectIdOf } from '../../src/base/ids.ts'
import type { Blocks } from '../../src/kernel/blocks/index.ts'
import {
  type CallContext,
  createFileSystem,
  type FileSystem,
} from '../../src/kernel/filesystem/index.ts'
import { type Group, GroupCode, GroupError } from '../../src/kernel/group/index.ts'
import { everyoneKeyOf, openBlock, releaseTagOf, sealBlock } from '../../src/kernel/keys/index.ts'
import { Namespace } from '../../src/kernel/namespace/index.ts'
import { blockBytesDefault, encodeAttributes, Files } from '../../src/kernel/objects/index.ts'
import * as section from '../../src/kernel/section/index.ts'
import { createSessions, drawWorld } from '../../src/kernel/users/index.ts'
import type { Crypto } from '../../src/ports/crypto.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { SimLog } from '../../src/simulator/sim-log.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'

export type LocalWorld = {
  readonly filesystem: FileSystem
  readonly context: (more?: Partial<CallContext>) => CallContext
  readonly group: Group
  /** The layers below the file system, for operations that it would give one at a time. */
  readonly namespace: Namespace
  readonly files: Files
  readonly submit: (operations: readonly section.Operation[]) => Promise<section.CommandResult>
  /** Blocks stored so far, and reads that reached them. */
  readonly counts: { stored: number; read: number; submitted: number }
  state(): section.SectionState
}

export const crypto: Crypto = createNodeCrypto()

export async function localWorld(seed: number): Promise<LocalWorld> {
  const random = new SimRandom(seed)
  const drawn = await drawWorld(
    { crypto, random: random.fork('world') },
    {
      nodeCount: 1,
      defaultReplicas: 1,
      createdMs: nodeClock.wallMs(),
      attributesOf: (path) =>
        encodeAttributes({ volume: path !== '/', blockBytes: blockBytesDefault }),
    },
  )
  const { world, genesis } = drawn
  const [node] = drawn.nodes
  assert(node)
  const nodeKey = crypto.signKeyPair(node.keys.nodeSeed)
  let state = section.initialState(crypto, genesis)
  const counts = { stored: 0, read: 0, submitted: 0 }
  const group: Group = {
    start: async () => {},
    stop: async () => {},
    submit: async (batch) => {
      counts.submitted++
      const encoded = section.decodeSignedBatch(section.encodeSignedBatch(batch))
      assert(section.isBatchSigned(crypto, world, encoded))
      const block = { height: state.height + 1, timeMs: nodeClock.wallMs(), batches: [encoded] }
      const outcome = section.execute({ crypto, world }, state, block)
      state = outcome.state
      return outcome.results[0] ?? []
    },
    read: async (queries) =>
      section.decodeAnswers(section.encodeAnswers(section.answer(crypto, state, queries))),
    page: async (request) => {
      const page = section.page(crypto, state, request)
      if (page === undefined)
        throw new GroupError(GroupCode.RootGone, 'only the newest is kept', {})
      const sent = section.decodePage(section.encodePage(page))
      assert(section.verifyPage(crypto, request, sent))
      return sent
    },
    addedLists: async ({ fromHeight }) => ({ lists: [], nextHeight: fromHeight }),
    status: () => ({
      memberCount: 1,
      quorum: 1,
      reachableCount: 1,
      height: state.height,
      view: 0,
      catchingUp: false,
      votes: true,
      epoch: 1,
      stableHeight: 0,
      freedBytes: state.freedBytes,
    }),
  }
  const blocks = memoryBlocks({ world, nodeKey, random, counts })
  const process = new SimProcess(new Scheduler({ settle: async () => {} }), 'local')
  const sessions = createSessions({
    world,
    clock: nodeClock,
    crypto,
    random: random.fork('users'),
    log: new SimLog(process),
    group,
  })
  const session = await sessions.authenticate(drawn.token)
  const root = genesis.directories[0]
  const computerKey = node.keys.computerKeys.at(-1)
  assert(root && computerKey)
  const fileRandom = random.fork('files')
  const namespace = new Namespace({
    crypto,
    random: random.fork('names'),
    group,
    root: root.view.object,
    everyoneKey: everyoneKeyOf(crypto, computerKey.key),
  })
  const files = new Files({
    crypto,
    random: fileRandom,
    group,
    blocks,
    wallMs: () => nodeClock.wallMs(),
  })
  const filesystem = createFileSystem({
    crypto,
    namespace,
    files,
    replicasMax: 1,
    submit: (caller, operations, options) => sessions.submit(caller, operations, options),
    requestIdOf: (caller, text) => sessions.requestIdOf(caller, text),
    unusedObject: () => objectIdOf(toHex(fileRandom.bytes(objectIdBytes))),
    holderNumbers: () => [1],
  })
  const signal = new AbortController().signal
  const deadline = { leftMs: 60_000, moved: () => undefined }
  return {
    filesystem,
    group,
    namespace,
    files,
    submit: (operations) => sessions.submit(session, operations, { deadlineMs: 60_000, signal }),
    counts,
    state: () => state,
    context: (more = {}) => ({ session, deadline, signal, ...more }),
  }
}

function memoryBlocks(input: {
  readonly world: Parameters<typeof section.receiptBytesToSign>[1]['world']
  readonly nodeKey: ReturnType<typeof crypto.signKeyPair>
  readonly random: SimRandom
  readonly counts: LocalWorld['counts']
}): Blocks {
  const { world, nodeKey, random, counts } = input
  const node = nodeIdOf(toHex(nodeKey.publicKey))
  const held = new Map<string, Uint8Array>()
  return {
    start: async () => {},
    stop: async () => {},
    holdersOf: () => [node],
    status: () => ({ checkedHeight: 0, missingCount: 0 }),
    write: async (plain, { keys }) => {
      const content = keys.content.at(-1)
      assert(content)
      const added = plain.map(({ id, version, plain: bytes }) => {
        const { key, epoch: keyEpoch } = content
        const sealed = sealBlock({ crypto, random }, { key, id, version, keyEpoch, plain: bytes })
        const hash = digestOf(toHex(crypto.sha256(sealed)))
        held.set(`${id}.${version}.${hash}`, sealed)
        counts.stored++
        const releaseTag = releaseTagOf(crypto, keys, { id, version, hash })
        return { id, version, hash, sealedBytes: sealed.length, releaseTag }
      })
      const putMs = nodeClock.wallMs()
      const leaves = added.map((block) => fromHex(section.receiptLeafOf(crypto, block)))
      const bytes = section.receiptBytesToSign(crypto, {
        world,
        placementEpoch: 1,
        node,
        putMs,
        leaves,
      })
      const receipt = {
        node,
        placementEpoch: 1,
        putMs,
        leaves: added.map((_, index) => index),
        signature: crypto.sign(nodeKey.secretKey, bytes),
      }
      const refs = added.map(({ id, version, hash, sealedBytes }) => {
        return { id, version, hash, sealedBytes, keyEpoch: content.epoch }
      })
      return { added: { blocks: added, receipts: added.length === 0 ? [] : [receipt] }, refs }
    },
    read: async (ref, { keys }) => {
      counts.read++
      const sealed = held.get(`${ref.id}.${ref.version}.${ref.hash}`)
      const content = keys.content.find(({ epoch }) => epoch === ref.keyEpoch)
      assert(sealed && content, 'a named block is there')
      const plain = openBlock(crypto, { ...ref, key: content.key, sealed })
      assert(plain, 'a block opens')
      return plain
    },
  }
}
