/**
 * Pinned: encodings, signed bytes, ids and roots of the section's language. A change of any of
 * these hashes is a change of protocol: members of one world would disagree.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import type { BlockId, Digest, NodeId, SessionId, Tag, WorldId } from '../../src/base/ids.ts'
import {
  applyOf,
  createOf,
  genesisOf,
  linkOf,
  objectOf,
  root,
  stageOf,
  TestWorld,
} from '../../src/kernel/section/fixture.test.ts'
import {
  batchBytesToSign,
  commandHash,
  encodeAnswers,
  encodeCommand,
  encodeGenesis,
  encodePage,
  encodePageRequest,
  encodeQueries,
  encodeResults,
  encodeSignedBatch,
  encodeState,
  receiptBytesToSign,
  receiptLeafOf,
  sessionCertificateBytesToSign,
  sessionIdOfKey,
  stateRoot,
} from '../../src/kernel/section/index.ts'
import {
  Dice,
  drawAnswer,
  drawBatch,
  drawCommand,
  drawGenesis,
  drawPage,
  drawPageRequest,
  drawQuery,
  drawResult,
} from './section-cases.ts'

const crypto = createNodeCrypto()
const caseCount = 400

/** One hash over the encodings of many drawn values. */
function hashOfCases(name: string, encodeOne: (dice: Dice) => Uint8Array): string {
  let hash = crypto.sha256(utf8(name))
  for (let index = 0; index < caseCount; index++)
    hash = crypto.sha256(hash, encodeOne(new Dice(`${name} ${index}`)))
  return toHex(hash)
}

const pinned: readonly [string, (dice: Dice) => Uint8Array][] = [
  ['command', (dice) => encodeCommand(drawCommand(dice))],
  ['batch', (dice) => encodeSignedBatch(drawBatch(dice))],
  ['results', (dice) => encodeResults(dice.list(4, () => drawResult(dice)))],
  ['queries', (dice) => encodeQueries(dice.list(4, () => drawQuery(dice)))],
  ['answers', (dice) => encodeAnswers(dice.list(3, () => drawAnswer(dice)))],
  ['page request', (dice) => encodePageRequest(drawPageRequest(dice))],
  ['page', (dice) => encodePage(drawPage(dice))],
  ['genesis', (dice) => encodeGenesis(drawGenesis(dice))],
]

const hashes: Readonly<Record<string, string>> = {
  command: 'd68f2e3b41c2480ae7420660a14c9cb465625061ebd80020ca550bd1820200da',
  batch: '8da7e7ca8be6fc31c37ca2edb5e268c756da6dd0f8c7468dacf2cf90001494c2',
  results: '34726f45df6bd8993269afb21f1a474a517c128999beab4d59318d5e777a9f83',
  queries: '9a207dfb6ebe93bf34b223069baa0526f28dffbc5a7ef618320b6af913a18d65',
  answers: '61c9900e2bb6de8fcbb9cd1e0f8876f8267e523c0b60f1e856c80a0df6731496',
  'page request': '8e8d210dda78bdd285ab257d09e7a20370d83ffd33ee31a3628e7650d8e83e98',
  page: 'b209a71c4861bae51f68cf839132433c45b3b03e201b0deaf0bdf01be47f8453',
  genesis: '8e07c50d11595c28ff59d3b6254302c026732dbfbda75ef5f81b565d4c8ea376',
}

for (const [name, encodeOne] of pinned) {
  test(`the encoding of ${name} is pinned over ${caseCount} cases`, () => {
    assert.equal(hashOfCases(name, encodeOne), hashes[name])
  })
}

const ones = (bytes: number, value = '01'): string => value.repeat(bytes)
const sha = (bytes: Uint8Array): string => toHex(crypto.sha256(bytes))

test('an added block is 74 bytes: id, version, hash, length, release tag', () => {
  const block = {
    id: ones(16) as BlockId,
    version: 2 ** 40 + 3,
    hash: ones(32, '02') as Digest,
    sealedBytes: 65_564,
    releaseTag: new Uint8Array(16).fill(4),
  }
  // printf of the fields by hand: 16 × 01, 010000000003, 32 × 02, 0001001c, 16 × 04.
  const encoded = `${ones(16)}010000000003${ones(32, '02')}0001001c${ones(16, '04')}`
  const prefix = toHex(utf8('unosys/receipt-leaf/1\0'))
  assert.equal(
    receiptLeafOf(crypto, block),
    sha(Uint8Array.from(Buffer.from(prefix + encoded, 'hex'))),
  )
})

test('a command carries its request as id and print; a request id used for another is code 14', () => {
  const request = { id: ones(32, '0a') as Digest, print: ones(32, '0b') as Digest }
  const encoded = toHex(encodeCommand({ sequence: 5, request, operations: [] }))
  assert.equal(encoded, `000000000000000501${ones(32, '0a')}${ones(32, '0b')}00000000`)
  const without = toHex(encodeCommand({ sequence: 5, request: undefined, operations: [] }))
  assert.equal(without, '00000000000000050000000000')
  const refused = encodeResults([{ ok: false, code: 'reused', operation: 0 }])
  assert.equal(toHex(refused), '00000001000e00000000')
})

test('signed bytes are what docs/spec/operations.md says, field by field', () => {
  const world = ones(32, 'aa') as WorldId
  const leaf = new Uint8Array(32).fill(5)
  const receipt = { world, placementEpoch: 7, node: ones(32, 'bb') as NodeId, putMs: 258 }
  assert.equal(
    toHex(receiptBytesToSign(crypto, { ...receipt, leaves: [leaf, leaf] })),
    toHex(utf8('unosys/receipt/1\0')) +
      `${ones(32, 'aa')}00000007${ones(32, 'bb')}000000000000010200000002` +
      sha(new Uint8Array(64).fill(5)),
  )
  const sessionKey = new Uint8Array(32).fill(6)
  assert.equal(
    toHex(sessionCertificateBytesToSign({ world, sessionKey, expiryMs: 1 })),
    `${toHex(utf8('unosys/session-certificate/1\0'))}${ones(32, 'aa')}${ones(32, '06')}0000000000000001`,
  )
  const session = sessionIdOfKey(crypto, sessionKey)
  assert.equal(session, sha(sessionKey) as string as SessionId)
  assert.equal(
    toHex(batchBytesToSign(crypto, { world, session, commandHashes: [leaf] })),
    `${toHex(utf8('unosys/command-batch/1\0'))}${ones(32, 'aa')}${session}00000001${sha(leaf)}`,
  )
  const command = new Uint8Array([1, 2, 3])
  const hashed = new Uint8Array([...utf8('unosys/command/1\0'), ...command])
  assert.equal(toHex(commandHash(crypto, command)), sha(hashed))
})

test('the world id, the root after a fixed log and its snapshot are pinned', () => {
  const world = new TestWorld(genesisOf())
  const client = world.client('one')
  client.done(createOf('a'), linkOf('a'), createOf('b'))
  const tag = ones(32, '09') as Tag
  client.done(applyOf('a', { added: world.added(2), writes: [tag] }))
  client.done(stageOf('b', world.added(3), world.timeMs + 3_600_000))
  const request = { id: ones(32, '0a') as Digest, print: ones(32, '0b') as Digest }
  client.runAs(request, [linkOf('b', { directory: root, object: objectOf('b') })])
  world.passHours(2)
  let snapshot = crypto.sha256(utf8('snapshot'))
  for (const chunk of encodeState(world.state)) snapshot = crypto.sha256(snapshot, chunk)
  assert.deepEqual(
    { world: world.world, root: stateRoot(crypto, world.state), snapshot: toHex(snapshot) },
    {
      world: '8b650ba68f09fa0c0e130458d6dfeee8b65dc7aa23b411545cbe5b97b986277a',
      root: '0f3a8a4a1fe162d312d2e52c570e91f7e329ec1e5da0deb7e24dc7f1987bb102',
      snapshot: '1fd46395ff239fc8ccc220ecd45dea88b7e510417b5ac06750458a7e70844892',
    },
  )
})
