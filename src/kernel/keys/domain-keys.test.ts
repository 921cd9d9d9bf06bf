import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  realCrypto,
  seededPorts,
  seededPrincipal,
  someDomain,
  somePrincipal,
  tampered,
} from '../../../test/conformance/keys-fixture.ts'
import {
  createDomainKey,
  type DomainKey,
  everyoneKeyOf,
  freshKey,
  nextDomainKey,
  openBlockNameKey,
  openDomainKey,
  openPreviousDomainKey,
  type PrincipalKeys,
  sealBlockNameKey,
  sealPreviousDomainKey,
  type WrappedDomain,
  wrapDomainKey,
  wrapDomainKeyForEveryone,
  wrappedDomainKeyBytesMax,
} from './index.ts'

const ports = seededPorts()
const computerKey = freshKey(ports)
const everyoneKey = everyoneKeyOf(realCrypto, computerKey)
const domainKey = createDomainKey(ports, someDomain())
const alice = seededPrincipal(ports, 0xa1)
const bob = seededPrincipal(ports, 0xb0)

function wrappedFor(keys: PrincipalKeys, of: DomainKey = domainKey): Uint8Array {
  const wrap = keys.wraps[0]
  assert.ok(wrap)
  const to = { principal: keys.principal, wrapKey: wrap.pair.publicKey }
  const wrapped = wrapDomainKey(ports, of, to)
  assert.ok(wrapped)
  return wrapped
}

const viewOf = (...grants: WrappedDomain['grants'][number][]): WrappedDomain => ({
  domain: domainKey.domain,
  epoch: domainKey.epoch,
  grants,
})
const openWith = (
  view: WrappedDomain,
  keys: Pick<PrincipalKeys, 'wraps'>,
): Uint8Array | undefined => openDomainKey(realCrypto, { view, keys, everyoneKey })?.raw
const nobody = { wraps: [] }

test('C20: a domain’s key opens for whom it was wrapped, and for nobody else', () => {
  const view = viewOf({ principal: alice.principal, wrapped: wrappedFor(alice) })
  assert.deepEqual(openWith(view, alice), domainKey.raw)
  assert.equal(openWith(view, bob), undefined)
  assert.equal(openWith(view, nobody), undefined)
})

test('domain key: one of several grants is enough, also by the owner’s wrap key in a token', () => {
  const view = viewOf(
    { principal: bob.principal, wrapped: wrappedFor(bob) },
    { principal: alice.principal, wrapped: wrappedFor(alice) },
  )
  const token = seededPrincipal(ports, 0xc0)
  const full = { wraps: [...token.wraps, ...alice.wraps] }
  assert.deepEqual(openWith(view, full), domainKey.raw)
  assert.equal(openWith(view, token), undefined)
})

test('domain key: each changed byte of a box is refused', () => {
  for (const wrapped of tampered(wrappedFor(alice))) {
    assert.equal(openWith(viewOf({ principal: alice.principal, wrapped }), alice), undefined)
  }
})

test('domain key: a box is bound to domain, epoch and principal', () => {
  const wrapped = wrappedFor(alice)
  const grant = { principal: alice.principal, wrapped }
  assert.equal(openWith({ ...viewOf(grant), domain: someDomain(0x23) }, alice), undefined)
  assert.equal(openWith({ ...viewOf(grant), epoch: 2 }, alice), undefined)
  const pair = alice.wraps[0]?.pair
  assert.ok(pair)
  const posing = { wraps: [{ principal: somePrincipal(0xdd), pair }] }
  const moved = viewOf({ principal: somePrincipal(0xdd), wrapped })
  assert.equal(openWith(moved, posing), undefined)
})

test('domain key: wrapping twice gives two boxes that tell nothing of each other', () => {
  assert.notDeepEqual(wrappedFor(alice), wrappedFor(alice))
  assert.ok(wrappedFor(alice).length <= wrappedDomainKeyBytesMax)
})

test('domain key: a wrap key that is a low-order point gets nothing', () => {
  for (const wrapKey of [new Uint8Array(32), new Uint8Array(32).fill(1, 0, 1), new Uint8Array(5)]) {
    const to = { principal: alice.principal, wrapKey }
    assert.equal(wrapDomainKey(ports, domainKey, to), undefined)
  }
})

test('domain key: everyone’s opens with the world’s computer key, and with no other', () => {
  const wrapped = wrapDomainKeyForEveryone(ports, domainKey, everyoneKey)
  const view = viewOf({ principal: 'everyone', wrapped })
  assert.deepEqual(openWith(view, nobody), domainKey.raw)
  const strangers = everyoneKeyOf(realCrypto, freshKey(ports))
  const input = { view, keys: nobody, everyoneKey: strangers }
  assert.equal(openDomainKey(realCrypto, input), undefined)
  assert.equal(openWith({ ...view, epoch: 2 }, nobody), undefined)
  assert.equal(openWith({ ...view, domain: someDomain(0x23) }, nobody), undefined)
  for (const wrong of tampered(wrapped)) {
    assert.equal(openWith(viewOf({ principal: 'everyone', wrapped: wrong }), nobody), undefined)
  }
})

test('domain key: a box for one is no box for everyone, nor the other way', () => {
  const forAll = wrapDomainKeyForEveryone(ports, domainKey, everyoneKey)
  const asAlice = viewOf({ principal: alice.principal, wrapped: forAll })
  const asAll = viewOf({ principal: 'everyone', wrapped: wrappedFor(alice) })
  assert.equal(openWith(asAlice, alice), undefined)
  assert.equal(openWith(asAll, alice), undefined)
})

test('domain key: the next epoch’s is fresh and carries the one before', () => {
  const next = nextDomainKey(ports, domainKey)
  assert.equal(next.epoch, 2)
  assert.notDeepEqual(next.raw, domainKey.raw)
  const sealed = sealPreviousDomainKey(ports, next, domainKey)
  const opened = openPreviousDomainKey(realCrypto, next, sealed)
  assert.deepEqual([opened?.epoch, opened?.raw], [1, domainKey.raw])
  assert.equal(openPreviousDomainKey(realCrypto, domainKey, sealed), undefined)
  assert.equal(openPreviousDomainKey(realCrypto, { ...next, epoch: 3 }, sealed), undefined)
  for (const wrong of tampered(sealed)) {
    assert.equal(openPreviousDomainKey(realCrypto, next, wrong), undefined)
  }
})

test('domain key: any bytes are refused without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (wrapped) => {
      const view = viewOf(
        { principal: alice.principal, wrapped },
        { principal: 'everyone', wrapped },
      )
      assert.equal(openWith(view, alice), undefined)
    }),
  )
})

test('block-name key: opens with the computer key of its epoch, among several', () => {
  const blockNameKey = freshKey(ports)
  const first = { epoch: 1, key: computerKey }
  const second = { epoch: 2 ** 40, key: freshKey(ports) }
  for (const [under, others] of [
    [first, second],
    [second, first],
  ] as const) {
    const sealed = sealBlockNameKey(ports, under, blockNameKey)
    assert.deepEqual(openBlockNameKey(realCrypto, [first, second], sealed), blockNameKey)
    assert.equal(openBlockNameKey(realCrypto, [others], sealed), undefined)
    assert.equal(openBlockNameKey(realCrypto, [], sealed), undefined)
    const posing = { epoch: under.epoch, key: others.key }
    assert.equal(openBlockNameKey(realCrypto, [posing], sealed), undefined)
    for (const wrong of tampered(sealed)) {
      assert.equal(openBlockNameKey(realCrypto, [first, second], wrong), undefined)
    }
  }
})
