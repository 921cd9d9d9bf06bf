import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import {
  alice,
  bob,
  crypto,
  genesisOf,
  mallory,
  objectOf,
  publicDirectory,
  root,
  seedOf,
  tagOfName,
} from './fixture.test.ts'
import {
  consensusConfigOf,
  decodeGenesis,
  encodeGenesis,
  type Genesis,
  initialState,
  placementEpochOf,
  SectionError,
  stateRoot,
  worldIdOf,
} from './index.ts'

test('C2: two worlds never share an id, a log or a first state', () => {
  const one = genesisOf()
  const two = { ...one, salt: seedOf('other salt') }
  assert.notEqual(worldIdOf(crypto, one), worldIdOf(crypto, two))
  assert.notEqual(consensusConfigOf(crypto, one).group, consensusConfigOf(crypto, two).group)
  assert.notEqual(
    stateRoot(crypto, initialState(crypto, one)),
    stateRoot(crypto, initialState(crypto, two)),
  )
})

test('the document survives encoding, and gives the same world', () => {
  const genesis = genesisOf()
  const back = decodeGenesis(encodeGenesis(genesis))
  assert.deepEqual(back, genesis)
  assert.equal(worldIdOf(crypto, back), worldIdOf(crypto, genesis))
})

test('C90: members of the group vote, all members store', () => {
  const genesis = genesisOf({ members: 4, storage: 2 })
  const config = consensusConfigOf(crypto, genesis)
  assert.equal(config.members.length, 4)
  assert.equal(config.epoch, 1)
  const voters = genesis.members.filter(({ role }) => role === 'member').map(({ node }) => node)
  assert.deepEqual(
    config.members.map(({ node }) => node),
    voters,
  )
  const epoch = placementEpochOf(genesis)
  assert.deepEqual(
    epoch.members.map(({ node }) => node),
    genesis.members.map(({ node }) => node),
  )
})

test('the first state has the directories, linked, and nothing else', () => {
  const genesis = genesisOf()
  const state = initialState(crypto, genesis)
  assert.equal(state.height, 0)
  assert.equal(state.effectiveMs, genesis.createdMs)
  assert.equal(state.rootDirectory, root)
  assert.equal(state.objects.size, 2)
  assert.deepEqual(state.objects.get(root)?.entries.get(tagOfName('public')), {
    tag: tagOfName('public'),
    seq: 2,
    object: publicDirectory,
    kind: 1,
    creator: alice.view.principal,
    keyEpoch: 1,
    sealedName: utf8('public'),
  })
  assert.equal(state.objects.get(publicDirectory)?.parent, root)
  assert.equal(state.objects.get(root)?.unlinkedMs, undefined)
  assert.equal(state.expiries.size, 0)
})

test('a document that contradicts itself is refused, with what is wrong', () => {
  const good = genesisOf()
  const [home, second] = good.directories
  const [domain, other] = good.domains
  const [first, ...members] = good.members
  assert(home !== undefined && second !== undefined && domain !== undefined && other !== undefined)
  assert(first !== undefined)
  const bad: [Partial<Genesis>, string][] = [
    [{ protocol: 1 }, 'made for another version of the protocol'],
    [{ members: [...members, first] }, 'members not sorted'],
    [{ members: [first, first, ...members] }, 'members not sorted'],
    [{ members: [] }, 'the group has no member'],
    [{ quorum: 3 }, 'a quorum that is not above the default, or over the group’s size'],
    [{ quorum: 5 }, 'a quorum that is not above the default, or over the group’s size'],
    [{ members: [{ ...first, weight: 9 }, ...members] }, 'a weight out of range'],
    [{ defaultReplicas: 5 }, 'more replicas than members'],
    [{ principals: [] }, 'no user'],
    [{ principals: [alice.view, alice.view] }, 'a principal stands twice'],
    [
      { principals: [alice.view, { ...bob.view, signKey: mallory.view.signKey }] },
      'a principal is not its key',
    ],
    [
      { principals: [alice.view, { ...bob.view, owner: alice.view.principal }] },
      'a user has another owner',
    ],
    [
      { principals: [alice.view, { ...bob.view, kind: 'token', owner: mallory.view.principal }] },
      'an owner is no user',
    ],
    [{ domains: [domain, domain, other] }, 'a domain stands twice'],
    [
      {
        domains: [
          {
            ...domain,
            grants: [{ ...domain.grants[0], principal: mallory.view.principal }],
          } as never,
          other,
        ],
      },
      'a grant to nobody',
    ],
    [
      { domainOfPath: [{ path: '/', domain: objectOf('x') as never }] },
      'a path without its domain',
    ],
    [{ directories: [] }, 'no root directory'],
    [{ directories: [home, { ...second, view: home.view }] }, 'a directory stands twice'],
    [
      { directories: [{ ...home, view: { ...home.view, domainEpoch: 2 } }] },
      'a directory without its domain',
    ],
    [{ directories: [home, { ...second, parent: objectOf('x') }] }, 'parents first'],
    [{ directories: [{ ...home, parent: root }] }, 'parents first'],
    [{ directories: [home, { ...second, entryTag: undefined }] }, 'entry and name'],
    [{ directories: [{ ...home, sealedName: utf8('x') }] }, 'entry and name'],
    [
      {
        directories: [home, second, { ...second, view: { ...second.view, object: objectOf('x') } }],
      },
      'a name stands twice',
    ],
  ]
  for (const [change, what] of bad) {
    assert.throws(
      () => initialState(crypto, { ...good, ...change }),
      (error) => error instanceof SectionError && error.detail.what === what,
      what,
    )
  }
})

test('C52: a document may set the quorum; without it the bytes are what they were', () => {
  const plain = genesisOf()
  const safe: Genesis = { ...plain, quorum: 4 }
  assert.deepEqual(decodeGenesis(encodeGenesis(safe)), safe)
  assert.equal(encodeGenesis(safe).length, encodeGenesis(plain).length + 1)
  assert.equal('quorum' in decodeGenesis(encodeGenesis(plain)), false)
  initialState(crypto, safe)
  assert.equal(consensusConfigOf(crypto, safe).quorum, 4)
  assert.equal('quorum' in consensusConfigOf(crypto, plain), false)
  assert.notEqual(worldIdOf(crypto, safe), worldIdOf(crypto, plain))
})
