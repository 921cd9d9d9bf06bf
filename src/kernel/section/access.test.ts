import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PrincipalId } from '../../base/ids.ts'
import { actorOf, mayCreate, mayWrite, rightsIn } from './access.ts'
import {
  alice,
  aliceBrief,
  aliceReader,
  aliceToken,
  bob,
  crypto,
  genesisOf,
  mallory,
  rootDomain,
} from './fixture.test.ts'
import { type DomainView, initialState, type PrincipalView, Rights } from './index.ts'
import type { SectionState } from './state.ts'

const { Read, Write, Create, Admin } = Rights
const genesis = genesisOf()
const start = initialState(crypto, genesis)

/** The state with these rights granted in the root domain. */
function granting(
  grants: readonly [PrincipalId | 'everyone', number][],
  more: Partial<DomainView> = {},
): SectionState {
  const domain = start.domains.get(rootDomain)
  assert(domain !== undefined)
  const wrapped = new Uint8Array(0)
  const changed = {
    ...domain,
    ...more,
    grants: grants.map(([principal, rights]) => ({ principal, rights, wrapped })),
  }
  return { ...start, domains: start.domains.set(rootDomain, changed) }
}

const actor = (
  view: PrincipalView,
  state: SectionState = start,
): NonNullable<ReturnType<typeof actorOf>> => {
  const found = actorOf(state, view.principal)
  assert(found !== undefined)
  return found
}

const withPrincipal = (view: PrincipalView): SectionState => ({
  ...start,
  principals: start.principals.set(view.principal, view),
})

test('nobody acts who is unknown, revoked or expired, or whose owner is', () => {
  assert.equal(actorOf(start, mallory.view.principal), undefined)
  assert.equal(actor(alice.view).owner, alice.view.principal)
  assert.equal(actor(aliceToken.view).owner, alice.view.principal)
  const revokedToken = withPrincipal({ ...aliceToken.view, revoked: true })
  assert.equal(actorOf(revokedToken, aliceToken.view.principal), undefined)
  assert(actorOf(revokedToken, alice.view.principal) !== undefined)
  const revokedUser = withPrincipal({ ...alice.view, revoked: true })
  assert.equal(actorOf(revokedUser, aliceToken.view.principal), undefined)
  const { expiryMs, principal } = aliceBrief.view
  assert(actorOf({ ...start, effectiveMs: expiryMs - 1 }, principal) !== undefined)
  assert.equal(actorOf({ ...start, effectiveMs: expiryMs }, principal), undefined)
  const expiredUser = withPrincipal({ ...alice.view, expiryMs: start.effectiveMs })
  assert.equal(actorOf(expiredUser, aliceToken.view.principal), undefined)
})

test('rights are the sum of grants to principal, owner and everyone, within the principal’s mask', () => {
  const state = granting([
    ['everyone', Read],
    [alice.view.principal, Create],
    [aliceToken.view.principal, Write],
    [bob.view.principal, Admin],
  ])
  const domain = state.domains.get(rootDomain)
  assert(domain !== undefined)
  assert.equal(rightsIn(domain, actor(alice.view)), Read | Create)
  assert.equal(rightsIn(domain, actor(aliceToken.view)), Read | Create | Write)
  assert.equal(rightsIn(domain, actor(aliceReader.view)), Read)
  assert.equal(rightsIn(domain, actor(bob.view)), Read | Admin)
})

test('creating needs Create, changing needs Write, whoever made it', () => {
  for (const rights of [0, Read, Write, Create, Admin, Write | Create]) {
    const state = granting([[alice.view.principal, rights]])
    const made = { domain: rootDomain, creator: bob.view.principal }
    assert.equal(mayCreate(state, rootDomain, actor(alice.view)), (rights & Create) !== 0)
    assert.equal(mayWrite(state, made, actor(alice.view)), (rights & Write) !== 0)
  }
})

test('where one may only change what one made: own with Create or Write, others’ with both Write and Admin', () => {
  const own = { domain: rootDomain, creator: alice.view.principal }
  const other = { domain: rootDomain, creator: bob.view.principal }
  const cases: [number, boolean, boolean][] = [
    [0, false, false],
    [Read, false, false],
    [Create, true, false],
    [Write, true, false],
    [Admin, false, false],
    [Create | Admin, true, false],
    [Write | Admin, true, true],
  ]
  for (const [rights, ofOwn, ofOther] of cases) {
    const state = granting([[alice.view.principal, rights]], { ownOnly: true })
    for (const view of [alice.view, aliceToken.view]) {
      assert.equal(mayWrite(state, own, actor(view)), ofOwn, `own, ${rights}`)
      assert.equal(mayWrite(state, other, actor(view)), ofOther, `other’s, ${rights}`)
    }
  }
})

test('in a domain that is not there nobody may do anything', () => {
  const state = { ...start, domains: start.domains.delete(rootDomain) }
  assert.equal(mayCreate(state, rootDomain, actor(alice.view)), false)
  const made = { domain: rootDomain, creator: alice.view.principal }
  assert.equal(mayWrite(state, made, actor(alice.view)), false)
})
