/**
 * What execution costs without network, disk or consensus: `node bench/section.ts`.
 * Figures stand in src/kernel/section/DESIGN.md.
 */
import { createNodeCrypto } from '../src/adapters/node-crypto.ts'
import { toHex } from '../src/base/bytes.ts'
import { type BlockId, type Digest, type NodeId, objectIdOf, tagOf } from '../src/base/ids.ts'
import {
  type AddedBlock,
  answer,
  type Command,
  type CommandResult,
  decodeSignedBatch,
  decodeState,
  encodePage,
  encodeSignedBatch,
  encodeState,
  execute,
  initialState,
  isBatchSigned,
  type Operation,
  page,
  principalIdOfKey,
  recallResults,
  receiptBytesToSign,
  receiptLeafOf,
  type SectionState,
  sessionCertificateBytesToSign,
  signBatch,
  stateRoot,
  verifyPage,
  worldIdOf,
} from '../src/kernel/section/index.ts'
import type { KeyPair } from '../src/ports/crypto.ts'

const crypto = createNodeCrypto()
const fileCount = 100_000
const startMs = 1_700_000_000_000
const hash = (name: string): Digest =>
  toHex(crypto.sha256(new TextEncoder().encode(name))) as Digest
const seed = (name: string): Uint8Array => crypto.sha256(new TextEncoder().encode(name))
const root = objectIdOf(hash('/').slice(0, 32))
const domain = hash('domain').slice(0, 32) as never
const user = crypto.signKeyPair(seed('user'))
const nodes = [0, 1, 2, 3].map((index) => crypto.signKeyPair(seed(`node ${index}`)))
const nodeOf = (pair: KeyPair): NodeId => toHex(pair.publicKey) as NodeId
const small = new Uint8Array(100)

const principal = principalIdOfKey(crypto, user.publicKey)
const genesis = {
  protocol: 2,
  salt: seed('salt'),
  createdMs: startMs,
  members: nodes
    .map((pair) => ({
      node: nodeOf(pair),
      linkKey: seed('link'),
      consensusKey: seed('consensus'),
      role: 'member' as const,
      weight: 1,
    }))
    .sort((a, b) => (a.node < b.node ? -1 : 1)),
  defaultReplicas: 3,
  principals: [
    {
      principal,
      kind: 'user' as const,
      owner: principal,
      signKey: user.publicKey,
      wrapKey: seed('wrap'),
      rights: 15,
      expiryMs: Number.MAX_SAFE_INTEGER,
      revoked: false,
      sealed: small,
      salt: small.subarray(0, 16),
    },
  ],
  domains: [
    {
      domain,
      epoch: 1,
      seq: 1,
      grants: [{ principal, rights: 15, wrapped: small }],
      ownOnly: false,
    },
  ],
  directories: [
    {
      view: {
        object: root,
        domain,
        domainEpoch: 1,
        keyEpoch: 1,
        wrappedKeys: small,
        replicas: 3,
        attributes: small,
      },
      parent: undefined,
      entryTag: undefined,
      sealedName: undefined,
    },
  ],
  sealedBlockNameKey: small,
  domainOfPath: [{ path: '/', domain }],
}

const world = worldIdOf(crypto, genesis)
const session = crypto.signKeyPair(seed('session'))
let state: SectionState = initialState(crypto, genesis)
let sequence = 0

function timed<Value>(what: string, count: number, work: () => Value): Value {
  const start = performance.now()
  const value = work()
  const ms = performance.now() - start
  const each = ((ms * 1000) / count).toFixed(1)
  console.log(`${what.padEnd(58)} ${ms.toFixed(0).padStart(7)} ms  ${each.padStart(8)} µs each`)
  return value
}

const commandOf = (operations: readonly Operation[]): Command => ({
  sequence: ++sequence,
  request: undefined,
  operations,
})

const encoded = (commands: readonly Command[]): Uint8Array =>
  encodeSignedBatch(signBatch(crypto, { world, sessionPair: session, commands }))

function run(items: readonly Uint8Array[]): readonly (readonly CommandResult[])[] {
  const batches = items.map(decodeSignedBatch)
  const block = { height: state.height + 1, timeMs: startMs + state.height, batches }
  const outcome = execute({ crypto, world }, state, block)
  state = outcome.state
  for (const results of outcome.results)
    for (const result of results) if (!result.ok) throw new Error(JSON.stringify(result))
  return outcome.results
}

function createAndLink(index: number): Command {
  const object = objectIdOf(hash(`file ${index}`).slice(0, 32))
  const tag = tagOf(hash(`tag ${index}`))
  return commandOf([
    {
      op: 'create',
      object,
      kind: 2,
      domain,
      domainEpoch: 1,
      keyEpoch: 1,
      wrappedKeys: new Uint8Array(172),
      replicas: 3,
      attributes: new Uint8Array(60),
    },
    { op: 'link', directory: root, tag, seenSeq: 0, sealedName: small, keyEpoch: 1, object },
  ])
}

function stageOf(count: number, perReceipt: number): Operation {
  const blocks = Array.from({ length: count }, (_, index): AddedBlock => {
    const name = hash(`block ${index}`)
    return {
      id: name.slice(0, 32) as BlockId,
      version: 1,
      hash: name,
      sealedBytes: 65_564,
      releaseTag: new Uint8Array(16),
    }
  })
  const placement = state.placements[0]
  if (placement === undefined) throw new Error('no placement')
  const receipts = []
  for (let from = 0; from < count; from += perReceipt) {
    for (const pair of nodes) {
      const node = nodeOf(pair)
      const leaves = []
      for (let index = from; index < Math.min(count, from + perReceipt); index++) {
        const id = blocks[index]?.id
        if (id !== undefined && placement.holdersOf(id, 3).includes(node)) leaves.push(index)
      }
      const hashes = leaves.map((leaf) =>
        Buffer.from(receiptLeafOf(crypto, blocks[leaf] as AddedBlock), 'hex'),
      )
      const fields = { world, placementEpoch: 1, node, putMs: startMs }
      const bytes = receiptBytesToSign(crypto, { ...fields, leaves: hashes })
      receipts.push({
        node,
        placementEpoch: 1,
        putMs: startMs,
        leaves,
        signature: crypto.sign(pair.secretKey, bytes),
      })
    }
  }
  const expiryMs = startMs + 3_600_000
  return {
    op: 'stage',
    object: objectIdOf(hash('file 0').slice(0, 32)),
    keyEpoch: 1,
    added: { blocks, receipts },
    expiryMs,
  }
}

const expiryMs = startMs + 3_600_000
const certificate = crypto.sign(
  user.secretKey,
  sessionCertificateBytesToSign({ world, sessionKey: session.publicKey, expiryMs }),
)
run([
  encoded([
    commandOf([{ op: 'session', sessionKey: session.publicKey, principal, expiryMs, certificate }]),
  ]),
])

const batches = timed('build and sign: create + link, batches of 16', fileCount, () => {
  const items: Uint8Array[] = []
  for (let from = 0; from < fileCount; from += 16)
    items.push(encoded(Array.from({ length: 16 }, (_, index) => createAndLink(from + index))))
  return items
})
timed('check signatures of batches (decode, hash, verify)', fileCount, () => {
  for (const item of batches)
    if (!isBatchSigned(crypto, world, decodeSignedBatch(item))) throw new Error('not signed')
})
timed('execute 100,000 × (create + link), 16 batches a block', fileCount, () => {
  for (let from = 0; from < batches.length; from += 16) run(batches.slice(from, from + 16))
})
timed('state root, nothing hashed before', fileCount, () => stateRoot(crypto, state))
run([encoded([createAndLink(fileCount)])])
timed('state root after one more create + link', 1, () => stateRoot(crypto, state))
const [view] = timed('answer: the directory', 1, () =>
  answer(crypto, state, [{ kind: 'object', object: root, sinceSeq: 0 }]),
)
if (view?.kind !== 'object' || view.object?.entriesRoot === undefined) throw new Error('no root')
const request = {
  directory: root,
  root: view.object.entriesRoot,
  after: tagOf('8'.repeat(64)),
  countMax: 1_000,
}
const made = timed('page of 1,000 entries of 100,000, with proof', 1_000, () =>
  page(crypto, state, request),
)
if (made === undefined) throw new Error('no page')
console.log(`  proof ${made.proof.length} bytes, page ${encodePage(made).length} bytes`)
timed('verify that page', 1_000, () => {
  if (!verifyPage(crypto, request, made)) throw new Error('page does not verify')
})
const chunks = timed('snapshot: encode', fileCount, () => encodeState(state))
console.log(
  `  ${chunks.length} chunks, ${chunks.reduce((sum, { length }) => sum + length, 0)} bytes`,
)
const read = timed('snapshot: decode', fileCount, () => decodeState(crypto, chunks))
timed('snapshot: root of what was decoded', fileCount, () => {
  if (stateRoot(crypto, read) !== stateRoot(crypto, state)) throw new Error('another root')
})
for (const perReceipt of [16, 256]) {
  const item = encoded([commandOf([stageOf(4_096, perReceipt)])])
  console.log(`  stage of 4,096 blocks, batches of ${perReceipt}: ${item.length} bytes`)
  timed(`execute that stage`, 4_096, () => run([item]))
}

/** A small overwrite as a member meets it: 64 clients of one Processor, a batch in each block. */
const overwriteOf = (index: number): Command =>
  commandOf([
    {
      op: 'replace',
      object: objectIdOf(hash(`file ${index}`).slice(0, 32)),
      keyEpoch: 1,
      seenSeq: undefined,
      base: { root: undefined, sealed: new Uint8Array(300) },
      added: { blocks: [], receipts: [] },
      freed: [],
    },
  ])
const overwriteCount = 12_800
const overwrites = timed('build and sign: overwrite, batches of 64', overwriteCount, () => {
  const items: Uint8Array[] = []
  for (let from = 0; from < overwriteCount; from += 64)
    items.push(encoded(Array.from({ length: 64 }, (_, index) => overwriteOf(from + index))))
  return items
})
timed('decode them', overwriteCount, () => overwrites.map(decodeSignedBatch))
timed('look whether they were executed (decode, look up)', overwriteCount, () => {
  for (const item of overwrites)
    if (recallResults(crypto, state, decodeSignedBatch(item)) !== undefined) throw new Error('run')
})
timed('check their signatures (decode, hash, verify)', overwriteCount, () => {
  for (const item of overwrites)
    if (!isBatchSigned(crypto, world, decodeSignedBatch(item))) throw new Error('not signed')
})
timed('execute them (decode, execute)', overwriteCount, () => {
  for (const item of overwrites) run([item])
})
console.log(`memory in use ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`)
