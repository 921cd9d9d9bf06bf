/**
 * The names and files of the vault are pinned: what an earlier build wrote, a later one reads. The
 * vectors were made by an independent program (another language, another crypto library) from
 * docs/spec/vault.md alone.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { test } from 'node:test'
import { concat, fromHex, toHex } from '../../src/base/bytes.ts'
import { blockIdOf, digestOf } from '../../src/base/ids.ts'
import { OuterSeal } from '../../src/kernel/vault/block-file.ts'
import { BlockNames } from '../../src/kernel/vault/block-name.ts'
import type { Random } from '../../src/ports/random.ts'
import { blockNameKey, crypto, MemoryDisk, storageKey, vaultOn } from './vault-fixture.ts'

type Vectors = {
  readonly names: readonly {
    readonly id: string
    readonly version: number
    readonly keyEpoch: number
    readonly pageCount: number
    readonly hash: string
    readonly placeholder: string
    readonly name: string
  }[]
  readonly thousandNames: string
  readonly files: readonly {
    readonly bytes: number
    readonly keyEpoch: number
    readonly version: number
    readonly id: string
    readonly hash: string
    readonly releaseTag: string
    readonly nonce: string
    readonly pageCount: number
    readonly start: string
    readonly end: string
    readonly sha256: string
  }[]
}

const vectors: Vectors = JSON.parse(
  fs.readFileSync(new URL('./vault-vectors.json', import.meta.url), 'utf8'),
)
const names = new BlockNames(crypto, blockNameKey)
const digestOfText = (text: string): Buffer => createHash('sha256').update(text).digest()

test('vault format 1: names and placeholders', () => {
  for (const vector of vectors.names) {
    const { keyEpoch, pageCount, version } = vector
    const fields = {
      id: blockIdOf(vector.id),
      version,
      keyEpoch,
      pageCount,
      hash: digestOf(vector.hash),
    }
    assert.equal(toHex(names.placeholderOf(fields.id, version)), vector.placeholder)
    assert.equal(names.nameOf(fields), vector.name)
    assert.deepEqual(names.parse(vector.name), fields)
  }
})

test('vault format 1: a thousand names by their hash', () => {
  const all = createHash('sha256')
  for (let number = 0; number < 1_000; number++) {
    const bytes = digestOfText(`name ${number}`)
    const fields = {
      id: blockIdOf(bytes.toString('hex', 0, 16)),
      version: 1 + (bytes.readUIntBE(16, 6) % (2 ** 48 - 1)),
      keyEpoch: bytes.readUInt32BE(22),
      pageCount: bytes.readUInt16BE(26),
      hash: digestOf(digestOfText(`hash ${number}`).toString('hex')),
    }
    all.update(`${names.nameOf(fields)}\n`)
  }
  assert.equal(all.digest('hex'), vectors.thousandNames)
})

/** The sealed block of file vector `number`. */
function sealedOf(number: number, bytes: number): Uint8Array {
  const parts: Buffer[] = []
  for (let part = 0; part * 32 <= bytes; part++) parts.push(digestOfText(`body ${number} ${part}`))
  return new Uint8Array(Buffer.concat(parts).subarray(0, bytes))
}

test('vault format 1: files', () => {
  for (const [number, vector] of vectors.files.entries()) {
    const nonceOnly: Random = { bytes: () => fromHex(vector.nonce), fork: () => nonceOnly }
    const seal = new OuterSeal(crypto, nonceOnly, [storageKey(vector.keyEpoch)])
    const block = {
      id: blockIdOf(vector.id),
      version: vector.version,
      hash: digestOf(vector.hash),
      sealed: sealedOf(number, vector.bytes),
      releaseTag: fromHex(vector.releaseTag),
    }
    const file = concat(seal.seal(block))
    assert.equal(file.length, vector.pageCount * 4096)
    assert.equal(toHex(file.subarray(0, 48)), vector.start)
    assert.equal(toHex(file.subarray(-16)), vector.end)
    assert.equal(createHash('sha256').update(file).digest('hex'), vector.sha256)
    const { keyEpoch } = vector
    assert.deepEqual(seal.open({ ...block, keyEpoch }, file)?.sealed, block.sealed)
  }
})

test('vault format 1: folders and the first line of the README', async () => {
  const disk = new MemoryDisk()
  await vaultOn(disk)
  const folders = [...disk.folders].filter((folder) => folder.startsWith('vault/')).sort()
  assert.equal(folders.length, 128)
  assert.deepEqual([folders[0], folders[10], folders[127]], ['vault/00', 'vault/0a', 'vault/7f'])
  const readme = Buffer.from(disk.files.get('vault/README.txt')?.bytes ?? []).toString()
  assert.equal(readme.split('\n')[0], 'UnoSys vault, format 1')
})
