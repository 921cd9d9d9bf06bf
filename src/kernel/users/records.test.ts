import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  fastCrypto,
  realCrypto,
  seededPorts,
  somePrincipal,
  tampered,
} from '../../../test/conformance/keys-fixture.ts'
import { toHex } from '../../base/bytes.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { openBytes, type PrincipalKeys } from '../keys/index.ts'
import type { PrincipalView } from '../section/index.ts'
import { drawPassphrase, isPassphraseFit } from './passphrase.ts'
import { requestIdOf, requestKeyOf } from './request-id.ts'
import { createToken, openToken } from './token-record.ts'
import { createUser, openUser } from './user-record.ts'

const ports = { crypto: fastCrypto, random: seededPorts('records').random }
const forever = { rights: 15, expiryMs: Number.MAX_SAFE_INTEGER }
const passphrase = 'correct-horse-battery'
const user = await createUser(ports, { passphrase, ...forever })
const made = createToken(ports, { owner: user.keys, ...forever })

/** What matters of keys, comparable. */
const plainOf = (keys: PrincipalKeys | undefined): unknown =>
  keys && JSON.parse(JSON.stringify(keys, (_, v) => (v instanceof Uint8Array ? toHex(v) : v)))

/** Changes of a record's public part that a liar could try. */
const forged = (view: PrincipalView): PrincipalView[] => [
  { ...view, wrapKey: user.view.wrapKey === view.wrapKey ? made.view.wrapKey : user.view.wrapKey },
  { ...view, wrapKey: realCrypto.boxKeyPair(new Uint8Array(32).fill(9)).publicKey },
  { ...view, owner: somePrincipal(0x99) },
  { ...view, signKey: realCrypto.signKeyPair(new Uint8Array(32).fill(9)).publicKey },
  { ...view, salt: new Uint8Array(16) },
  { ...view, salt: new Uint8Array(0) },
]

test('token record: the secret opens it, and gives its own and its owner’s wrap key', () => {
  const opened = openToken(realCrypto, made.view, made.token)
  assert.deepEqual(plainOf(opened), plainOf(made.keys))
  assert.equal(opened?.owner, user.view.principal)
  const principals = opened?.wraps.map(({ principal }) => principal)
  assert.deepEqual(principals, [made.view.principal, user.view.principal])
  const [own, owners] = opened?.wraps ?? []
  assert.deepEqual(own?.pair.publicKey, made.view.wrapKey)
  assert.deepEqual(owners?.pair.publicKey, user.view.wrapKey)
  assert.deepEqual(opened?.sign.publicKey, made.view.signKey)
})

test('token record: each changed byte of secret, seal or salt is refused', () => {
  for (const secret of tampered(made.token.secret)) {
    assert.equal(openToken(realCrypto, made.view, { ...made.token, secret }), undefined)
  }
  for (const sealed of tampered(made.view.sealed)) {
    assert.equal(openToken(realCrypto, { ...made.view, sealed }, made.token), undefined)
  }
  for (const salt of tampered(made.view.salt)) {
    assert.equal(openToken(realCrypto, { ...made.view, salt }, made.token), undefined)
  }
})

test('token record: a forged wrap key, owner or sign key is refused', () => {
  for (const view of forged(made.view)) {
    assert.equal(openToken(realCrypto, view, made.token), undefined)
  }
  const principal = somePrincipal(0x98)
  const posing = { ...made.view, principal }
  assert.equal(openToken(realCrypto, posing, made.token), undefined)
  assert.equal(openToken(realCrypto, posing, { ...made.token, principal }), undefined)
})

test('token record: a user’s record is none, even with the same keys', () => {
  const asUser: PrincipalView = { ...made.view, kind: 'user' }
  assert.equal(openToken(realCrypto, asUser, made.token), undefined)
})

test('token record: another token’s secret does not open it', () => {
  const other = createToken(ports, { owner: user.keys, ...forever })
  const mixed = { principal: made.view.principal, secret: other.token.secret }
  assert.equal(openToken(realCrypto, made.view, mixed), undefined)
  assert.notEqual(other.view.principal, made.view.principal)
})

test('token record: fits the section’s room and holds no secret in clear', () => {
  const { view, token, keys } = made
  assert.ok(view.sealed.length <= 1024 && view.salt.length <= 64)
  const text = [view.sealed, view.salt, view.signKey, view.wrapKey].map(toHex).join()
  const secrets = [token.secret, keys.sign.secretKey.subarray(0, 32)]
  for (const wrap of keys.wraps) secrets.push(wrap.pair.secretKey)
  for (const secret of secrets) assert.equal(text.includes(toHex(secret)), false)
})

test('user record: the passphrase opens it, however it was typed; another does not', async () => {
  const opened = await openUser(fastCrypto, user.view, passphrase)
  assert.deepEqual(plainOf(opened), plainOf(user.keys))
  assert.ok(await openUser(fastCrypto, user.view, `  ${passphrase}\n`))
  for (const wrong of ['', 'correct-horse-batterz', passphrase.toUpperCase(), 'x'.repeat(10_000)]) {
    assert.equal(await openUser(fastCrypto, user.view, wrong), undefined)
  }
})

test('user record: composed and decomposed letters are the same passphrase', async () => {
  const composed = 'schöne grüße überall'.normalize('NFC')
  const made = await createUser(ports, { passphrase: composed, ...forever })
  assert.ok(await openUser(fastCrypto, made.view, composed.normalize('NFD')))
})

test('user record: each changed byte of the seal, and a forged public part, are refused', async () => {
  for (const sealed of tampered(user.view.sealed)) {
    assert.equal(await openUser(fastCrypto, { ...user.view, sealed }, passphrase), undefined)
  }
  for (const view of forged(user.view)) {
    assert.equal(await openUser(fastCrypto, view, passphrase), undefined)
  }
  const asToken: PrincipalView = { ...user.view, kind: 'token' }
  assert.equal(await openUser(fastCrypto, asToken, passphrase), undefined)
})

test('user record: a record cannot ask for a cheap hash, nor for one that eats the machine', async () => {
  const asked: unknown[] = []
  const watching: Crypto = {
    ...realCrypto,
    argon2id: (input) => {
      asked.push(input)
      return fastCrypto.argon2id(input)
    },
  }
  for (const [memoryKib, passes] of [
    [8, 1],
    [64 * 1024, 2],
    [64 * 1024 - 1, 3],
    [2 ** 32 - 1, 3],
    [64 * 1024, 1_000],
  ] as const) {
    const sealed = user.view.sealed.slice()
    const view = new DataView(sealed.buffer)
    view.setUint32(1, memoryKib)
    view.setUint32(5, passes)
    assert.equal(await openUser(watching, { ...user.view, sealed }, passphrase), undefined)
  }
  assert.deepEqual(asked, [])
})

test('user record: the hash is Argon2id with 64 MiB and three passes, and takes its time', async () => {
  const random = new SimRandom('argon')
  const real = await createUser({ crypto: realCrypto, random }, { passphrase, ...forever })
  const seen: { memoryKib: number; passes: number }[] = []
  const watching: Crypto = {
    ...realCrypto,
    argon2id: (input) => {
      seen.push({ memoryKib: input.memoryKib, passes: input.passes })
      return realCrypto.argon2id(input)
    },
  }
  assert.ok(await openUser(watching, real.view, passphrase))
  assert.deepEqual(seen, [{ memoryKib: 65_536, passes: 3 }])
})

test('passphrase: a drawn one has 120 bits, is fit, and never the same', () => {
  const random = new SimRandom('phrases')
  const drawn = new Set<string>()
  for (let count = 0; count < 200; count++) {
    const text = drawPassphrase(random)
    assert.match(text, /^[a-z2-7]{4}(-[a-z2-7]{4}){5}$/)
    assert.ok(isPassphraseFit(text))
    drawn.add(text)
  }
  assert.equal(drawn.size, 200)
})

test('passphrase: short ones are unfit, also when spaces make them long', () => {
  assert.equal(isPassphraseFit('123456789012345'), false)
  assert.equal(isPassphraseFit(`   12345678901234${' '.repeat(50)}`), false)
  assert.equal(isPassphraseFit('1234567890123456'), true)
  assert.equal(isPassphraseFit('x'.repeat(1_025)), false)
})

test('request id: the same for the user and all his full tokens; another for anything else', () => {
  const other = createToken(ports, { owner: user.keys, ...forever })
  const id = (keys: PrincipalKeys, text = 'PUT /a 1'): string =>
    requestIdOf(realCrypto, requestKeyOf(realCrypto, keys), text)
  assert.equal(id(made.keys), id(other.keys))
  assert.equal(id(made.keys), id(user.keys))
  assert.notEqual(id(made.keys), id(made.keys, 'PUT /a 2'))
  const [own] = made.keys.wraps
  assert.ok(own)
  assert.notEqual(id({ ...made.keys, wraps: [own] }), id(made.keys))
  assert.match(id(made.keys), /^[0-9a-f]{64}$/)
})

test('records: a key derived for one purpose opens nothing of another', () => {
  // The token's secret itself, not what HKDF makes of it for tokens, is no key of the record.
  const key = realCrypto.aeadKey(made.token.secret)
  const sealed = made.view.sealed.subarray(1)
  assert.equal(openBytes(realCrypto, { key, sealed, associated: new Uint8Array(0) }), undefined)
})
