import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AssertionError } from '../base/assert.ts'
import { isUnosysError, messageOf } from '../base/error.ts'
import type { NodeKeys } from '../ports/keyring.ts'
import { createFileKeyring, writeKeyring } from './file-keyring.ts'
import { decodeKeyring, encodeKeyring, keyringBytesMax } from './file-keyring-format.ts'

const folder = await mkdtemp(join(tmpdir(), 'unosys-keyring-'))
after(() => rm(folder, { recursive: true }))
const hasPosixRights = process.platform !== 'win32'
const isRoot = process.getuid?.() === 0

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const keys: NodeKeys = {
  nodeSeed: key(1),
  consensusSeed: key(2),
  linkSecret: key(3),
  storageKeys: [{ epoch: 4, key: key(4) }],
  computerKeys: [
    { epoch: 0, key: key(5) },
    { epoch: 1, key: key(6) },
  ],
}

let count = 0
async function written(): Promise<string> {
  const path = join(folder, `keyring-${count++}`)
  await writeKeyring(path, keys)
  return path
}

const refusedAs =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

test('keyring file: written for its owner only, with nothing left beside it', async () => {
  const path = await written()
  if (hasPosixRights) assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal((await readdir(folder)).filter((name) => name.startsWith('keyring-')).length, count)
})

test('keyring file: rights of group or others are refused, each of them', async (t) => {
  if (!hasPosixRights) return t.skip('no such rights here')
  const path = await written()
  for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o666]) {
    await chmod(path, mode)
    const loading = createFileKeyring(path).load()
    await assert.rejects(loading, refusedAs('keyring/exposed'), mode.toString(8))
  }
  for (const mode of [0o400, 0o700]) {
    await chmod(path, mode)
    assert.deepEqual(await createFileKeyring(path).load(), keys)
  }
})

test('keyring file: missing, unreadable and malformed are told apart', async (t) => {
  const missing = createFileKeyring(join(folder, 'none')).load()
  await assert.rejects(missing, refusedAs('keyring/missing'))

  const inner = join(folder, 'inner')
  await mkdir(inner, { mode: 0o700 })
  await assert.rejects(createFileKeyring(inner).load(), refusedAs('keyring/unreadable'))

  const path = await written()
  const whole = await readFile(path)
  const wrongs = [
    whole.subarray(0, 0),
    whole.subarray(0, whole.length - 1),
    Buffer.concat([whole, Buffer.of(0)]),
    Buffer.from('{"nodeSeed":"00"}'),
    Buffer.alloc(whole.length),
    Buffer.alloc(keyringBytesMax + 1),
  ]
  for (const wrong of wrongs) {
    await writeFile(path, wrong)
    await assert.rejects(createFileKeyring(path).load(), refusedAs('keyring/malformed'))
  }
  if (hasPosixRights && !isRoot) {
    await chmod(path, 0o000)
    await assert.rejects(createFileKeyring(path).load(), refusedAs('keyring/unreadable'))
  } else t.diagnostic('file rights do not bind this user')
})

test('keyring file: a changed byte anywhere is noticed', () => {
  const whole = encodeKeyring(keys).slice()
  assert.deepEqual(decodeKeyring(whole), keys)
  for (let index = 0; index < whole.length; index++) {
    const changed = whole.slice()
    changed[index] = (changed[index] ?? 0) ^ 4
    assert.throws(() => decodeKeyring(changed), refusedAs('base/malformed'))
  }
})

test('keyring file: one that exists is never replaced', async () => {
  const path = await written()
  const other = { ...keys, nodeSeed: key(9) }
  await assert.rejects(writeKeyring(path, other), refusedAs('keyring/exists'))
  assert.deepEqual(await createFileKeyring(path).load(), keys)
})

test('keyring file: where it cannot be written, the error names the path and nothing stays', async () => {
  const path = join(folder, 'no-such-folder', 'keyring')
  await assert.rejects(writeKeyring(path, keys), (error) => {
    assert.ok(isUnosysError(error, 'keyring/unwritable'))
    return messageOf(error).includes(path)
  })
})

test('keyring file: errors and notice tell the path and no key', async () => {
  const path = await written()
  await writeFile(path, (await readFile(path)).subarray(0, 100))
  const error = await createFileKeyring(path).load().then(String, String)
  assert.ok(error.includes(path))
  assert.ok(!error.includes('0101'))
  assert.match(createFileKeyring(path).notice, /DEVELOPMENT/)
})

test('keyring file: keys of wrong lengths or epochs that do not grow are our own mistake', () => {
  const [first, second] = keys.computerKeys
  assert.ok(first && second)
  const wrongs: Partial<NodeKeys>[] = [
    { nodeSeed: new Uint8Array(31) },
    { linkSecret: new Uint8Array(33) },
    { storageKeys: [] },
    { computerKeys: [] },
    { computerKeys: [second, first] },
    { computerKeys: [first, first] },
    { storageKeys: [{ epoch: 0, key: new Uint8Array(16) }] },
  ]
  for (const wrong of wrongs)
    assert.throws(() => encodeKeyring({ ...keys, ...wrong }), AssertionError)
})

test('keyring file: the largest keyring fits the bound of its file', () => {
  const many = Array.from({ length: 4_096 }, (_, epoch) => ({ epoch, key: key(7) }))
  const bytes = encodeKeyring({ ...keys, storageKeys: many, computerKeys: many })
  assert.ok(bytes.length <= keyringBytesMax)
  assert.equal(decodeKeyring(bytes).storageKeys.length, 4_096)
})
