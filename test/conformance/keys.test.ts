/**
 * The formats of docs/spec/keys.md, read by the page alone: everything that `keys` and `users` seal
 * is opened here with `node:crypto` and nothing of theirs, and the bytes that a seed gives are
 * pinned. A change here is a new version of a format.
 */
import assert from 'node:assert/strict'
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
} from 'node:crypto'
import { test } from 'node:test'
import {
  createDomainKey,
  endTag,
  entryTag,
  everyoneKeyOf,
  fileBlockTag,
  newestContentKey,
  nextDomainKey,
  nextObjectKeys,
  releaseTagOf,
  sealAttributes,
  sealBase,
  sealBlock,
  sealBlockNameKey,
  sealDelta,
  sealEntryName,
  sealPreviousDomainKey,
  truncateTag,
  wrapDomainKey,
  wrapDomainKeyForEveryone,
  wrapObjectKeys,
} from '../../src/kernel/keys/index.ts'
import {
  createToken,
  createUser,
  formatToken,
  requestIdOf,
  requestKeyOf,
} from '../../src/kernel/users/index.ts'
import {
  fastCrypto,
  realCrypto,
  seededObject,
  seededPorts,
  seededPrincipal,
  someBlock,
  someDomain,
  someHash,
  someObject,
} from './keys-fixture.ts'

const bytes = (...parts: (string | Uint8Array | readonly [number, 1 | 4 | 8])[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(part, 'hex')
      if (part instanceof Uint8Array) return Buffer.from(part)
      const [value, width] = part as readonly [number, 1 | 4 | 8]
      const number = Buffer.alloc(8)
      number.writeBigUInt64BE(BigInt(value))
      return number.subarray(8 - width)
    }),
  )
const domain = (name: string): Buffer => Buffer.from(`unosys/${name}/1\0`)
const hkdf = (
  secret: Uint8Array,
  { salt = new Uint8Array(0), info }: { salt?: Uint8Array; info: Uint8Array },
): Buffer => Buffer.from(hkdfSync('sha256', secret, salt, info, 32))
const sha256 = (...parts: Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer =>
  parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest()

/** nonce ‖ ciphertext ‖ tag */
function opened(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
  decipher.setAAD(associated)
  decipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
}

function x25519(secret: Uint8Array, publicKey: Uint8Array): Buffer {
  const der = (prefix: string, key: Uint8Array): Buffer => bytes(prefix, key)
  return diffieHellman({
    privateKey: createPrivateKey({
      key: der('302e020100300506032b656e04220420', secret),
      format: 'der',
      type: 'pkcs8',
    }),
    publicKey: createPublicKey({
      key: der('302a300506032b656e032100', publicKey),
      format: 'der',
      type: 'spki',
    }),
  })
}

/** What the seed gives, so that a change of any format is seen even if it reads as before. */
const pins: Readonly<Record<string, string>> = {
  block: 'e85d2a305e9359d6d7a6942d8d9dda72',
  delta: 'a65d204bae341b9cb48769e90237d8d1',
  'object-base': '7b8fbfa60e2445803f3ef0481292885b',
  'object-attributes': 'baa0c24bb77d970afc6116b0128a7aab',
  'entry-name': 'c7b7b29a5089f8721af456c178c9e62b',
  'wrapped-keys-1': '41ca41913abe99fb551780c96df84adf',
  'wrapped-keys-3': 'cd572b3d6cb6e8a63e7c057a5a11680f',
  'domain-box': '66617dc1a01455863e2c415bf2972887',
  everyone: 'f681d256f53be6ce0cbef2759204a017',
  'previous-domain-key': '202dd5d1bd02eac64a79f40b481d9e7a',
  'block-name-key': '6d7d0d42428d4c437562cdc9075fbd2b',
  'user-record': '96c9666e15f187ac37efc92fdb62b814',
  'token-record': '8641dc4b9eda72992df7b43c439c4888',
  'token-text': '838ce61630bb1cc57d5dad12781b9397',
  thousand: 'f0ea8b14c584af23a813ecd854f4aa7e',
}
const pinned = (name: string, value: Uint8Array): void => {
  assert.equal(sha256(value).toString('hex').slice(0, 32), pins[name], `pin of ${name}`)
}

/** Anew for each test, so that one alone gives the same bytes. */
const start = (): ReturnType<typeof seededObject> => seededObject('conformance')
const { keys, domainKey, wrapped } = start()
const content = newestContentKey(keys)
const plain = Buffer.from('what is sealed')
const { object } = keys

test('block: nonce ‖ AES-256-GCM ‖ tag over domain, id, version, key epoch', () => {
  const { ports } = start()
  const block = { ...someBlock, key: content.key, keyEpoch: 1, plain }
  const sealed = sealBlock(ports, block)
  const associated = bytes(domain('block-inner'), someBlock.id, [7, 8], [1, 4])
  assert.deepEqual(opened(content.raw, sealed, associated), plain)
  pinned('block', sealed)
})

test('parts of objects: key epoch before the seal, object and epoch in the associated data', () => {
  const { ports } = start()
  for (const [name, seal] of [
    ['delta', sealDelta],
    ['object-base', sealBase],
    ['object-attributes', sealAttributes],
  ] as const) {
    const sealed = seal(ports, keys, plain)
    assert.deepEqual([...sealed.subarray(0, 4)], [0, 0, 0, 1])
    const associated = bytes(domain(name), object, [1, 4])
    assert.deepEqual(opened(content.raw, sealed.subarray(4), associated), plain)
    pinned(name, sealed)
  }
})

test('entry name: directory, tag and object in the associated data', () => {
  const { ports } = start()
  const tag = entryTag(realCrypto, keys, 'naïve.txt')
  const child = someObject(0x77)
  const place = { directory: object, tag, object: child, name: 'naïve.txt' }
  const sealed = sealEntryName(ports, keys, place)
  const associated = bytes(domain('directory-entry'), object, tag, child, [1, 4])
  const name = opened(content.raw, sealed.subarray(4), associated)
  assert.equal(name.toString('utf8'), 'naïve.txt')
  pinned('entry-name', sealed)
})

test('tags: HMAC-SHA-256 under the tag key', () => {
  const expect = (tag: string, ...parts: Uint8Array[]): void =>
    assert.equal(tag, hmac(keys.tagKey, ...parts).toString('hex'))
  expect(entryTag(realCrypto, keys, 'naïve'), domain('entry-tag'), Buffer.from('naïve'))
  expect(fileBlockTag(realCrypto, keys, 2 ** 33), domain('file-block-tag'), bytes([2 ** 33, 8]))
  expect(endTag(realCrypto, keys), domain('object-tag'), Buffer.from('end'))
  expect(truncateTag(realCrypto, keys), domain('object-tag'), Buffer.from('truncate'))
})

test('release tag: start of SHA-256 over an HMAC of id, version and hash', () => {
  const block = bytes(domain('release-secret'), someBlock.id, [7, 8], someHash)
  const secret = hmac(keys.releaseKey, block)
  const tag = releaseTagOf(realCrypto, keys, { ...someBlock, hash: someHash })
  assert.deepEqual(Buffer.from(tag), sha256(domain('release-tag'), secret).subarray(0, 16))
})

test('wrapped keys: the newest under the domain key, each earlier one under the next', () => {
  const { ports } = start()
  const third = nextObjectKeys(ports, nextObjectKeys(ports, keys))
  const bytes3 = wrapObjectKeys(ports, third, domainKey)
  assert.deepEqual(bytes3.subarray(0, 9), new Uint8Array(bytes([1, 1], [1, 4], [3, 4])))
  const newest = bytes3.subarray(9, 9 + 124)
  assert.deepEqual([...bytes3.subarray(133, 137)], [0, 0, 0, 2])
  const previous = [bytes3.subarray(137, 197), bytes3.subarray(197, 257)]
  assert.equal(bytes3.length, 257)
  const associated = bytes(
    ...([domain('content-key'), object, domainKey.domain, [1, 4], [3, 4]] as const),
    sha256(...previous),
  )
  const open = opened(domainKey.raw, newest, associated)
  let key = open.subarray(0, 32)
  assert.deepEqual(key, Buffer.from(third.content[2]?.raw ?? []))
  assert.deepEqual(open.subarray(32, 64), Buffer.from(keys.tagKey))
  assert.deepEqual(open.subarray(64), Buffer.from(keys.releaseKey))
  for (const [index, epoch] of [2, 1].entries()) {
    const where = bytes(domain('previous-key'), domain('content-key'), object, [epoch, 4])
    key = opened(key, previous[index] ?? new Uint8Array(0), where)
    assert.deepEqual(key, Buffer.from(third.content[epoch - 1]?.raw ?? []))
  }
  pinned('wrapped-keys-1', wrapped)
  pinned('wrapped-keys-3', bytes3)
})

test('domain key for a principal: X25519, HKDF over both public keys, AES-256-GCM', () => {
  const { ports } = start()
  const alice = seededPrincipal(ports)
  const pair = alice.wraps[0]?.pair
  assert.ok(pair)
  const to = { principal: alice.principal, wrapKey: pair.publicKey }
  const box = wrapDomainKey(ports, domainKey, to)
  assert.ok(box)
  assert.equal(box[0], 1)
  const drawn = box.subarray(1, 33)
  const context = bytes(domainKey.domain, [1, 4], alice.principal)
  const key = hkdf(x25519(pair.secretKey, drawn), {
    salt: bytes(drawn, pair.publicKey),
    info: bytes(domain('key-wrap'), context),
  })
  const raw = opened(key, box.subarray(33), bytes(domain('domain-key'), context))
  assert.deepEqual(raw, Buffer.from(domainKey.raw))
  pinned('domain-box', box)
})

test('domain key for everyone, and the one before under the next', () => {
  const { ports } = start()
  const computerKey = ports.random.bytes(32)
  const sealed = wrapDomainKeyForEveryone(ports, domainKey, everyoneKeyOf(realCrypto, computerKey))
  const key = hkdf(computerKey, { info: domain('everyone') })
  const associated = bytes(domain('everyone'), domainKey.domain, [1, 4])
  assert.deepEqual(opened(key, sealed, associated), Buffer.from(domainKey.raw))
  const next = nextDomainKey(ports, domainKey)
  const before = sealPreviousDomainKey(ports, next, domainKey)
  const where = bytes(domain('previous-key'), domain('domain-key'), domainKey.domain, [1, 4])
  assert.deepEqual(opened(next.raw, before, where), Buffer.from(domainKey.raw))
  pinned('everyone', sealed)
  pinned('previous-domain-key', before)
})

test('block-name key under the computer key', () => {
  const { ports } = start()
  const computerKey = { epoch: 5, key: ports.random.bytes(32) }
  const blockNameKey = ports.random.bytes(32)
  const sealed = sealBlockNameKey(ports, computerKey, blockNameKey)
  assert.deepEqual(Buffer.from(sealed.subarray(0, 8)), bytes([5, 8]))
  const key = hkdf(computerKey.key, { info: domain('block-name-key') })
  const associated = bytes(domain('block-name-key'), [5, 8])
  assert.deepEqual(opened(key, sealed.subarray(8), associated), Buffer.from(blockNameKey))
  pinned('block-name-key', sealed)
})

test('user and token records, token text, request ids', async () => {
  const random = seededPorts('records').random
  const tools = { crypto: fastCrypto, random }
  const forever = { rights: 15, expiryMs: 2 ** 53 - 1 }
  const passphrase = 'a passphrase of a test'
  const user = await createUser(tools, { passphrase, ...forever })
  const { view, keys: userKeys } = user
  assert.deepEqual(Buffer.from(view.sealed.subarray(0, 9)), bytes([1, 1], [65_536, 4], [3, 4]))
  const cost = { memoryKib: 65_536, passes: 3, length: 32 }
  const password = Buffer.from(passphrase)
  const hashed = await fastCrypto.argon2id({ password, salt: view.salt, ...cost })
  const userSecrets = opened(
    hkdf(hashed, { info: domain('user-secret') }),
    view.sealed.subarray(9),
    bytes(
      ...([domain('user'), view.principal, view.owner, view.wrapKey] as const),
      ...([[9, 4], view.sealed.subarray(0, 9)] as const),
    ),
  )
  const seed = (pair: { readonly secretKey: Uint8Array } | undefined): Uint8Array =>
    pair?.secretKey.subarray(0, 32) ?? new Uint8Array(0)
  const wrapOf = (index: number, of = userKeys): Uint8Array => seed(of.wraps[index]?.pair)
  assert.deepEqual(userSecrets, bytes([1, 1], seed(userKeys.sign), wrapOf(0), [0, 1]))
  pinned('user-record', view.sealed)

  const made = createToken(tools, { owner: userKeys, ...forever })
  const { sealed, salt, principal, owner, wrapKey } = made.view
  assert.equal(sealed[0], 1)
  const tokenSecrets = opened(
    hkdf(made.token.secret, { salt, info: domain('token') }),
    sealed.subarray(1),
    bytes(domain('principal'), principal, owner, wrapKey, [1, 4], [1, 1]),
  )
  assert.deepEqual(
    tokenSecrets,
    bytes([1, 1], seed(made.keys.sign), wrapOf(0, made.keys), [1, 1], wrapOf(0)),
  )
  pinned('token-record', sealed)
  pinned('token-text', Buffer.from(formatToken(made.token)))

  const requestKey = hkdf(wrapOf(0), { info: domain('request-id') })
  const text = 'PUT\n/public/a\nkey'
  assert.equal(
    requestIdOf(realCrypto, requestKeyOf(realCrypto, made.keys), text),
    hmac(requestKey, Buffer.from(text)).toString('hex'),
  )
})

test('a thousand seeds: no sealed bytes of any format change unseen', () => {
  const all = createHash('sha256')
  for (let seed = 0; seed < 1_000; seed++) {
    const tools = seededPorts(`many-${seed}`)
    const domainKey = createDomainKey(tools, someDomain(seed % 256))
    const made = seededObject(`many-${seed}`)
    const key = newestContentKey(made.keys)
    all.update(made.wrapped).update(domainKey.raw)
    all.update(sealDelta(tools, made.keys, tools.random.bytes(seed)))
    const block = { ...someBlock, version: seed + 1, key: key.key, keyEpoch: key.epoch }
    all.update(sealBlock(tools, { ...block, plain: tools.random.bytes(seed) }))
    all.update(entryTag(realCrypto, made.keys, `name-${seed}`))
  }
  pinned('thousand', all.digest())
})
