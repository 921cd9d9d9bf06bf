// Goal: what only real files show: rights, links, full devices, file systems without direct writes,
// and what is left behind after a failure.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { isUnosysError } from '../base/error.ts'
import { DiskError } from '../ports/disk.ts'
import { createNodeDisk } from './node-disk.ts'
import { openNodeAppend } from './node-disk-append.ts'
import { writeParts } from './node-disk-calls.ts'
import { DirectWriter, directFlag } from './node-disk-direct.ts'
import { diskError, readError, syncError } from './node-disk-errors.ts'

function tempFolder(context: TestContext, below: string = os.tmpdir()): string {
  const folder = fs.mkdtempSync(path.join(below, 'unosys-disk-'))
  context.after(() => fs.rmSync(folder, { recursive: true }))
  return folder
}

const failsWith = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => isUnosysError(error, code))

test('what the system says becomes one code each, with the path and the cause', () => {
  const codes: Record<string, string> = {
    ENOENT: 'disk/not-found',
    EEXIST: 'disk/exists',
    ENOSPC: 'disk/full',
    EDQUOT: 'disk/full',
    EACCES: 'disk/denied',
    EPERM: 'disk/denied',
    EROFS: 'disk/denied',
    EIO: 'disk/failed',
    EMFILE: 'disk/busy',
    ENFILE: 'disk/busy',
    ENOMEM: 'disk/busy',
  }
  for (const [system, code] of Object.entries(codes)) {
    const cause = Object.assign(new Error(`${system}: it went wrong`), { code: system })
    const error = diskError('vault/a', cause)
    assert.equal(error.code, code)
    assert.equal(error.detail.path, 'vault/a')
    assert.equal(error.cause, cause)
    assert.match(error.message, /^vault\/a: .*it went wrong/)
    // A failed sync is never mistaken for a full disk, which a node could survive.
    assert.equal(syncError('vault/a', cause).code, 'disk/failed')
    assert.equal(diskError('other', error), error)
  }
  assert.equal(diskError('a', 'thrown text').code, 'disk/failed')
  const mediumFails = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
  assert.equal(readError('a', mediumFails).code, 'disk/unreadable')
  const noneLeft = Object.assign(new Error('EMFILE: too many'), { code: 'EMFILE' })
  assert.equal(readError('a', noneLeft).code, 'disk/busy')
})

test('files are for their owner only', async (context) => {
  const folder = tempFolder(context)
  const disk = createNodeDisk(folder)
  await disk.makeFolder('a/b')
  await disk.write('a/one', [])
  await disk.writeSynced('a/two', [new Uint8Array(4096)])
  await (await disk.openAppend('a/three')).close()
  for (const name of ['a', 'a/b', 'a/one', 'a/two', 'a/three'])
    assert.equal(fs.statSync(path.join(folder, name)).mode & 0o077, 0, name)
})

test('a link at the end of a path is not followed', async (context) => {
  const folder = tempFolder(context)
  const outside = tempFolder(context)
  fs.writeFileSync(path.join(outside, 'secret'), 'secret')
  fs.symlinkSync(path.join(outside, 'secret'), path.join(folder, 'link'))
  const disk = createNodeDisk(folder)
  await failsWith(disk.read('link'), 'disk/unreadable')
  await failsWith(disk.write('link', [Uint8Array.of(1)]), 'disk/failed')
  await failsWith(disk.writeSynced('link', [Uint8Array.of(1)]), 'disk/exists')
  await failsWith(disk.openAppend('link'), 'disk/failed')
  assert.equal(fs.readFileSync(path.join(outside, 'secret'), 'utf8'), 'secret')
  await disk.remove('link')
  assert.deepEqual(fs.readdirSync(outside), ['secret'])
})

test('a full device is `disk/full`; a file that cannot be taken back refuses from then on', {
  skip: !fs.existsSync('/dev/full'),
}, async () => {
  const file = await openNodeAppend('/dev/full', { name: 'log', onSync: () => undefined })
  await failsWith(file.append([Uint8Array.of(1)]), 'disk/full')
  await failsWith(file.append([]), 'disk/failed')
  await failsWith(file.sync(), 'disk/failed')
  await file.close()
})

test('rights are missing: `disk/denied`', {
  skip: process.getuid === undefined,
}, async (context) => {
  const folder = tempFolder(context)
  const disk = createNodeDisk(folder)
  await disk.makeFolder('shut')
  await disk.write('shut/there', [])
  fs.chmodSync(path.join(folder, 'shut'), 0o555)
  fs.chmodSync(path.join(folder, 'shut/there'), 0)
  fs.chmodSync(folder, 0o755)
  // The superuser has all rights: be somebody else meanwhile.
  const isRoot = process.geteuid?.() === 0
  const nobody = 65_534
  if (isRoot) process.seteuid?.(nobody)
  try {
    await failsWith(disk.write('shut/file', []), 'disk/denied')
    await failsWith(disk.writeSynced('shut/file', []), 'disk/denied')
    await failsWith(disk.writeSynced('shut/file', [new Uint8Array(4096)]), 'disk/denied')
    await failsWith(disk.read('shut/there'), 'disk/denied')
    await failsWith(disk.openAppend('shut/there'), 'disk/denied')
    await failsWith(disk.remove('shut/there'), 'disk/denied')
  } finally {
    if (isRoot) process.seteuid?.(0)
    fs.chmodSync(path.join(folder, 'shut'), 0o700)
  }
})

test('a file system without direct writes is written the usual way', {
  skip: !fs.existsSync('/dev/shm'),
}, async (context) => {
  const disk = createNodeDisk(tempFolder(context, '/dev/shm'))
  for (let number = 0; number < 3; number++) {
    const body = new Uint8Array(65_536).fill(number + 1)
    await disk.writeSynced(`f${number}`, [body])
    assert.deepEqual(await disk.read(`f${number}`), body)
  }
})

test('direct writes are for whole pages of bounded length, and end when refused', () => {
  const direct = new DirectWriter()
  const isLinux = directFlag !== 0
  assert.equal(direct.fits(4096), isLinux)
  assert.equal(direct.fits(128 * 1024), isLinux)
  for (const lengthBytes of [0, 1, 4095, 4097, 132 * 1024])
    assert.equal(direct.fits(lengthBytes), false)
  direct.refuse()
  assert.equal(direct.fits(4096), false)
})

test('more parts than one system call takes all arrive, in order', async (context) => {
  const file = path.join(tempFolder(context), 'file')
  const descriptor = fs.openSync(file, 'w')
  const parts = Array.from({ length: 5000 }, (_, index) => Uint8Array.of(index & 0xff, index >> 8))
  assert.equal(await writeParts(descriptor, parts), 10_000)
  fs.closeSync(descriptor)
  assert.deepEqual(fs.readFileSync(file), Buffer.concat(parts))
})

test('no file can be opened: `disk/busy`, and afterwards all is as before', {
  skip: process.platform !== 'linux' && 'counts open files as Linux does',
  timeout: 30_000,
}, async (context) => {
  const folder = tempFolder(context)
  const disk = createNodeDisk(folder)
  await disk.makeFolder('names')
  await disk.writeSynced('there', [new Uint8Array(4096)])
  const script = new URL('../../test/compliance/disk-busy.ts', import.meta.url).pathname
  const shell = 'ulimit -n 64 && exec "$0" "$@"'
  const { stdout, stderr } = await promisify(execFile)('/bin/sh', [
    ...['-c', shell, process.execPath, script, folder],
  ])
  assert.equal(stdout, 'read writeSynced syncFolder list: disk/busy; then fine\n', stderr)
})

test('a slot of aligned memory is given back, also after a failure', async (context) => {
  const folder = tempFolder(context)
  const disk = createNodeDisk(folder)
  const body = new Uint8Array(4096)
  for (let round = 0; round < 3; round++) {
    const writes = Array.from({ length: 50 }, (_, index) =>
      disk.writeSynced(index % 2 === 0 ? 'same' : `r${round}-${index}`, [body]),
    )
    const outcomes = await Promise.allSettled(writes)
    for (const [index, outcome] of outcomes.entries())
      if (index % 2 === 1) assert.equal(outcome.status, 'fulfilled')
      else if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof DiskError)
  }
  assert.equal((await disk.list('')).length, 76)
})

test('the data folder is given as an absolute path', () => {
  assert.throws(() => createNodeDisk('data'), { name: 'AssertionError' })
})
