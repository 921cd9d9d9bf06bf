import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { blockNameKey, blockOf, crypto, vaultOn } from '../../../test/conformance/vault-fixture.ts'
import { createNodeDisk } from '../../adapters/node-disk.ts'
import { nodeRandom } from '../../adapters/node-random.ts'
import { toHex } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { blockIdOf } from '../../base/ids.ts'
import { BlockNames } from './block-name.ts'
import type { StoredBlock } from './index.ts'
import { constantModifiedMs } from './limits.ts'

const names = new BlockNames(crypto, blockNameKey)
const writerPath = fileURLToPath(
  new URL('../../../test/conformance/vault-writer.ts', import.meta.url),
)

function newFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-vault-'))
  context.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** All block files, with path and what a directory listing tells of them. */
function blockFiles(folder: string): { path: string; name: string; stat: fs.Stats }[] {
  return fs
    .readdirSync(path.join(folder, 'vault'))
    .filter((name) => /^[0-9a-f]{2}$/.test(name))
    .flatMap((sub) =>
      fs.readdirSync(path.join(folder, 'vault', sub)).map((name) => {
        const at = path.join(folder, 'vault', sub, name)
        return { path: at, name, stat: fs.statSync(at) }
      }),
    )
}

test('C47, C50: on a real disk a block is one ordinary file; a README asks to leave it alone', async (context) => {
  const folder = newFolder(context)
  const vault = await vaultOn(createNodeDisk(folder))
  const blocks = Array.from({ length: 30 }, (_, number) => blockOf(number, { bytes: 65_564 }))
  await Promise.all(blocks.map((block) => vault.put(block)))
  const files = blockFiles(folder)
  assert.deepEqual(
    files.map(({ name }) => names.parse(name)?.id).sort(),
    blocks.map(({ id }) => id).sort(),
  )
  for (const { stat } of files) {
    assert.ok(stat.isFile())
    assert.equal(stat.mode & 0o777, 0o600)
    assert.equal(stat.size, 17 * 4096)
  }
  assert.match(
    fs.readFileSync(path.join(folder, 'vault', 'README.txt'), 'utf8'),
    /leave them alone/,
  )
  for (const block of blocks) assert.deepEqual((await vault.get(block)).sealed, block.sealed)
  await vault.close()
  const again = await vaultOn(createNodeDisk(folder))
  assert.equal(again.status().blockCount, 30)
  assert.equal(again.status().storedBytes, 30 * 17 * 4096)
  for (const block of blocks) assert.deepEqual((await again.get(block)).sealed, block.sealed)
})

/** Blocks of one logical file, as the layers above make them: random ids, random sealed bytes. */
const blocksOfFile = (count: number): StoredBlock[] =>
  Array.from({ length: count }, () => {
    const id = blockIdOf(toHex(nodeRandom.bytes(16)))
    const sealed = nodeRandom.bytes(3_000 + (nodeRandom.bytes(1)[0] ?? 0))
    const hash = toHex(crypto.sha256(sealed)) as StoredBlock['hash']
    return { id, version: 1, hash, sealed, releaseTag: nodeRandom.bytes(16) }
  })

/** How far two histograms differ, in standard deviations of what chance alone would give. */
function difference(a: readonly number[], b: readonly number[]): number {
  let statistic = 0
  let cells = 0
  for (const [cell, first] of a.entries()) {
    const second = b[cell] ?? 0
    if (first + second === 0) continue
    statistic += (first - second) ** 2 / (first + second)
    cells += 1
  }
  return (statistic - (cells - 1)) / Math.sqrt(2 * (cells - 1))
}

function histogram(texts: readonly string[]): number[] {
  const counts = new Array<number>(128).fill(0)
  for (const text of texts)
    for (const character of text)
      counts[character.charCodeAt(0)] = (counts[character.charCodeAt(0)] ?? 0) + 1
  return counts
}

test('C49: names, sizes, times and contents of two files’ blocks tell nothing of which is whose', async (context) => {
  const folder = newFolder(context)
  const vault = await vaultOn(createNodeDisk(folder))
  const [one, two] = [blocksOfFile(250), blocksOfFile(250)]
  await Promise.all(one.map((block) => vault.put(block)))
  await Promise.all(two.map((block) => vault.put(block)))
  const ofOne = new Set(one.map(({ id }) => id))
  const files = blockFiles(folder).map((file) => {
    const id = names.parse(file.name)?.id
    assert.ok(id !== undefined)
    return { ...file, isOne: ofOne.has(id) }
  })
  assert.equal(files.length, 500)
  assert.equal(new Set(files.map(({ stat }) => stat.size)).size, 1, 'one size')
  assert.deepEqual(new Set(files.map(({ stat }) => stat.mtimeMs)), new Set([constantModifiedMs]))
  // Order of names: as many runs of one file's blocks as chance gives (Wald and Wolfowitz).
  const runs = files.filter(({ isOne }, index) => isOne !== files[index - 1]?.isOne).length
  assert.ok(Math.abs(runs - 251) < 5 * Math.sqrt((500 * 499) / 4 / 499), `${runs} runs`)
  // Characters of the names, and bytes of the contents: one distribution.
  const namesOf = (wanted: boolean): string[] =>
    files.filter(({ isOne }) => isOne === wanted).map(({ name }) => name)
  assert.ok(Math.abs(difference(histogram(namesOf(true)), histogram(namesOf(false)))) < 5)
  const bytesOf = (wanted: boolean): number[] => {
    const counts = new Array<number>(256).fill(0)
    for (const file of files.filter(({ isOne }) => isOne === wanted))
      for (const byte of fs.readFileSync(file.path).subarray(4))
        counts[byte] = (counts[byte] ?? 0) + 1
    return counts
  }
  assert.ok(Math.abs(difference(bytesOf(true), bytesOf(false))) < 5)
  // No eight bytes occur twice, in a file or between files: nothing repeated could link two.
  const seen = new Set<string>()
  let windows = 0
  for (const file of files) {
    const bytes = fs.readFileSync(file.path)
    for (let at = 8; at + 8 <= bytes.length; at += 8, windows++)
      seen.add(bytes.toString('latin1', at, at + 8))
  }
  assert.equal(seen.size, windows)
})

test('C56, C57, C59: flipped bits, renamed and deleted files on a real disk are told apart', async (context) => {
  const folder = newFolder(context)
  const vault = await vaultOn(createNodeDisk(folder))
  const blocks = Array.from({ length: 60 }, (_, number) => blockOf(number, { bytes: 5_000 }))
  await Promise.all(blocks.map((block) => vault.put(block)))
  const expected = new Map<string, string>()
  for (const [number, { path: at, name, stat }] of blockFiles(folder).entries()) {
    const id = names.parse(name)?.id ?? ''
    const kind = ['vault/content-changed', 'vault/name-changed', 'vault/missing', 'good'][
      number % 4
    ]
    expected.set(id, kind ?? '')
    if (kind === 'vault/missing') fs.rmSync(at)
    if (kind === 'vault/name-changed')
      fs.renameSync(at, `${at.slice(0, -1)}${at.endsWith('a') ? 'q' : 'a'}`)
    if (kind === 'vault/content-changed') {
      const bytes = fs.readFileSync(at)
      const offset = (number * 7_919) % stat.size
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (number % 8))
      fs.writeFileSync(at, bytes)
    }
  }
  for (const block of blocks) {
    const outcome = await vault.get(block).then(
      ({ sealed }) => (Buffer.from(sealed).equals(block.sealed) ? 'good' : 'wrong'),
      (error: unknown) => (isUnosysError(error) ? error.code : 'another error'),
    )
    assert.equal(outcome, expected.get(block.id))
  }
  const { nameChangedCount, contentChangedCount, missingCount } = vault.status()
  assert.deepEqual([nameChangedCount, contentChangedCount, missingCount], [15, 15, 15])
})

test('a file where the vault should be, or rights that are missing: unusable, in words', async (context) => {
  const folder = newFolder(context)
  fs.writeFileSync(path.join(folder, 'vault'), 'in the way')
  const isUnusable = (error: unknown): boolean =>
    isUnosysError(error, 'vault/unusable') && /vault/.test(error.message)
  await assert.rejects(vaultOn(createNodeDisk(folder)), isUnusable)
  fs.rmSync(path.join(folder, 'vault'))
  await (await vaultOn(createNodeDisk(folder))).close()
  // The superuser may read everything; for anybody else rights count.
  if (process.getuid?.() === 0) return
  fs.chmodSync(path.join(folder, 'vault', '3a'), 0)
  await assert.rejects(vaultOn(createNodeDisk(folder)), isUnusable)
  fs.chmodSync(path.join(folder, 'vault', '3a'), 0o700)
})

test('SIGKILL in the middle of writing: every acknowledged block is there afterwards', async (context) => {
  const folder = newFolder(context)
  const writer = spawn(process.execPath, [writerPath, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => writer.kill('SIGKILL'))
  let printed = ''
  for await (const chunk of writer.stdout) {
    printed += String(chunk)
    if (printed.split('\n').length > 150) writer.kill('SIGKILL')
  }
  if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit')
  const acknowledged = printed.split('\n').slice(0, -1).map(Number)
  assert.ok(acknowledged.length >= 150)
  const vault = await vaultOn(createNodeDisk(folder))
  for (const number of acknowledged) {
    const block = blockOf(number, { bytes: 20_000 })
    assert.deepEqual((await vault.get(block)).sealed, block.sealed, `block ${number}`)
  }
})
