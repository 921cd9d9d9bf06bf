import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastCrypto, realCrypto } from '../../../test/conformance/keys-fixture.ts'
import { fromUtf8, toHex } from '../../base/bytes.ts'
import { fixedDirectories } from '../../base/fixed-directories.ts'
import { nodeIdOf, type Tag } from '../../base/ids.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import {
  everyoneKeyOf,
  openAttributes,
  openBlockNameKey,
  openDomainKey,
  openEntryName,
  type PrincipalKeys,
  unwrapObjectKeys,
} from '../keys/index.ts'
import {
  checkGenesis,
  consensusConfigOf,
  decodeGenesis,
  encodeGenesis,
  initialState,
  Rights,
} from '../section/index.ts'
import { type DrawnWorld, drawWorld, groupSizeOf } from './genesis.ts'
import { parseToken } from './token.ts'
import { openToken } from './token-record.ts'
import { openUser } from './user-record.ts'

const attributesOf = (path: string): Uint8Array => new TextEncoder().encode(path)
const draw = (seed: string, nodeCount: number): Promise<DrawnWorld> =>
  drawWorld(
    { crypto: fastCrypto, random: new SimRandom(seed) },
    {
      nodeCount,
      defaultReplicas: Math.min(3, nodeCount),
      createdMs: 1_700_000_000_000,
      attributesOf,
    },
  )

const drawn = await draw('genesis', 4)
const computerKey = drawn.nodes[0]?.keys.computerKeys[0]
assert.ok(computerKey)
const everyoneKey = everyoneKeyOf(realCrypto, computerKey.key)

function tokenKeys(world: DrawnWorld): PrincipalKeys {
  const token = parseToken(world.token)
  const view = world.genesis.principals.find(({ principal }) => principal === token?.principal)
  assert.ok(token && view)
  const keys = openToken(realCrypto, view, token)
  assert.ok(keys)
  return keys
}

/** The keys of each first directory that these can open, by path. */
function opened(world: DrawnWorld, keys: Pick<PrincipalKeys, 'wraps'>): string[] {
  const { domains, directories, domainOfPath } = world.genesis
  return domainOfPath
    .filter(({ domain }, index) => {
      const view = domains.find((each) => each.domain === domain)
      const directory = directories[index]
      assert.ok(view && directory)
      const domainKey = openDomainKey(realCrypto, { view, keys, everyoneKey })
      if (domainKey === undefined) return false
      const { object, wrappedKeys, attributes } = directory.view
      const opens = unwrapObjectKeys(realCrypto, { object, domainKey, wrapped: wrappedKeys })
      assert.ok(opens, 'who has the domain’s key has the directory’s')
      const plain = openAttributes(realCrypto, opens, attributes)
      assert.equal(plain && fromUtf8(plain), world.genesis.domainOfPath[index]?.path)
      return true
    })
    .map(({ path }) => path)
}

test('genesis: for 1 to 16 Processors the group is the largest 3f + 1, the rest stores', async () => {
  const sizes = [1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10, 10, 13, 13, 13, 16]
  for (const [index, size] of sizes.entries()) {
    const nodeCount = index + 1
    assert.equal(groupSizeOf(nodeCount), size)
    const { genesis, nodes } = await draw('sizes', nodeCount)
    checkGenesis(realCrypto, genesis)
    assert.equal(genesis.members.length, nodeCount)
    assert.equal(consensusConfigOf(realCrypto, genesis).members.length, size)
    assert.ok(nodes.every(({ role }, at) => role === (at < size ? 'member' : 'storage')))
    assert.equal(genesis.defaultReplicas, Math.min(3, nodeCount))
  }
})

test('genesis: the section starts from it, and it survives its encoding', () => {
  assert.deepEqual(decodeGenesis(drawn.genesisBytes), decodeGenesis(encodeGenesis(drawn.genesis)))
  const state = initialState(realCrypto, decodeGenesis(drawn.genesisBytes))
  assert.equal(state.world, drawn.world)
  assert.equal(state.rootDirectory, drawn.genesis.directories[0]?.view.object)
})

test('genesis: one seed, one world; another seed, nothing in common', async () => {
  const again = await draw('genesis', 4)
  assert.deepEqual(again, drawn)
  const other = await draw('other', 4)
  assert.notEqual(other.world, drawn.world)
  assert.notEqual(other.token, drawn.token)
  assert.notEqual(other.passphrase, drawn.passphrase)
})

test('genesis: one more Processor does not change the keys of the others', async () => {
  const larger = await draw('genesis', 5)
  for (const [index, node] of drawn.nodes.entries()) {
    assert.deepEqual(larger.nodes[index]?.keys, node.keys)
  }
})

test('genesis: each Processor has keys of its own; the computer key alone is shared', () => {
  const own = drawn.nodes.flatMap(({ keys }) => [
    ...[keys.nodeSeed, keys.consensusSeed, keys.linkSecret],
    ...keys.storageKeys.map(({ key }) => key),
  ])
  assert.equal(new Set(own.map(toHex)).size, 16)
  const shared = new Set(
    drawn.nodes.flatMap(({ keys }) => keys.computerKeys.map(({ key }) => toHex(key))),
  )
  assert.equal(shared.size, 1)
  for (const { node, keys } of drawn.nodes) {
    const member = drawn.genesis.members.find((each) => each.node === node)
    assert.equal(nodeIdOf(toHex(realCrypto.signKeyPair(keys.nodeSeed).publicKey)), node)
    assert.deepEqual(member?.linkKey, realCrypto.boxKeyPair(keys.linkSecret).publicKey)
    assert.deepEqual(member?.consensusKey, realCrypto.signKeyPair(keys.consensusSeed).publicKey)
  }
})

test('genesis: the owner opens everything, by token and by passphrase', async () => {
  const all = ['/', ...fixedDirectories]
  assert.deepEqual(opened(drawn, tokenKeys(drawn)), all)
  const user = drawn.genesis.principals.find(({ kind }) => kind === 'user')
  assert.ok(user)
  const keys = await openUser(fastCrypto, user, drawn.passphrase)
  assert.ok(keys)
  assert.deepEqual(opened(drawn, keys), all)
})

test('genesis: everyone reads /, /public and /apps, and not /home', () => {
  assert.deepEqual(opened(drawn, { wraps: [] }), ['/', '/public', '/apps'])
})

test('genesis: everyone may create in /public alone, and own there what he made', () => {
  const rights = drawn.genesis.domainOfPath.map(({ path, domain }) => {
    const view = drawn.genesis.domains.find((each) => each.domain === domain)
    const all = view?.grants.find(({ principal }) => principal === 'everyone')
    return [path, all?.rights ?? 0, view?.ownOnly]
  })
  assert.deepEqual(rights, [
    ['/', Rights.Read, false],
    ['/public', Rights.Read | Rights.Write | Rights.Create, true],
    ['/home', 0, false],
    ['/apps', Rights.Read, false],
  ])
})

test('genesis: names are sealed; with the root’s key they are public, home and apps', () => {
  const [root, ...children] = drawn.genesis.directories
  const view = drawn.genesis.domains[0]
  assert.ok(root && view)
  const domainKey = openDomainKey(realCrypto, { view, keys: tokenKeys(drawn), everyoneKey })
  assert.ok(domainKey)
  const { object: directory, wrappedKeys: wrapped } = root.view
  const keys = unwrapObjectKeys(realCrypto, { object: directory, domainKey, wrapped })
  assert.ok(keys)
  const names = children.map(({ view: { object }, parent, entryTag, sealedName }) => {
    assert.ok(sealedName && entryTag)
    assert.equal(parent, directory)
    const place = { directory, tag: entryTag as Tag, object, sealed: sealedName }
    const name = openEntryName(realCrypto, keys, place)
    return name && fromUtf8(name)
  })
  assert.deepEqual(names, ['public', 'home', 'apps'])
})

test('genesis: the document holds no secret, and the block-name key opens at every Processor', () => {
  const text = toHex(drawn.genesisBytes)
  const blockNameKeys = new Set<string>()
  for (const { keys } of drawn.nodes) {
    const secrets = [keys.nodeSeed, keys.consensusSeed, keys.linkSecret]
    for (const { key } of [...keys.storageKeys, ...keys.computerKeys]) secrets.push(key)
    const { sealedBlockNameKey } = drawn.genesis
    const blockNameKey = openBlockNameKey(realCrypto, keys.computerKeys, sealedBlockNameKey)
    assert.ok(blockNameKey)
    blockNameKeys.add(toHex(blockNameKey))
    for (const secret of [...secrets, blockNameKey]) assert.ok(!text.includes(toHex(secret)))
  }
  assert.equal(blockNameKeys.size, 1)
  const keys = tokenKeys(drawn)
  const token = parseToken(drawn.token)
  assert.ok(token)
  for (const secret of [token.secret, ...keys.wraps.map(({ pair }) => pair.secretKey)]) {
    assert.ok(!text.includes(toHex(secret)))
  }
})
