/**
 * Fault 8 of the white paper's ten: messages are read by others. Somebody hears all wires while
 * applications work and connections come and go, and looks at all disks in the end.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Wiretap } from '../../../tools/faults/wiretap.ts'
import { randomnessOf, searchFolders, spellingsOf } from '../../../tools/tour/search.ts'
import { atWork, judge } from './at-work.ts'

const canary = (what: string): string => `${what}-${randomBytes(16).toString('hex')}`
const contentCanary = canary('content')
const nameCanary = canary('name')
const folderCanary = canary('folder')
/** What applications of the workload write, and call their files. */
const usual = ['app-0.1', 'file-1', 'directory-0', 'public/work', 'mark 39']

const needles = [contentCanary, nameCanary, folderCanary, ...usual]
  .flatMap((text) => spellingsOf(text, Buffer.from(text)))
  .filter(({ bytes }) => bytes.length >= 8)

const entropyBitsMin = 7.9

test('C90: fault 8, eavesdropped: no text of any file or name is on any wire or disk', async (t) => {
  const tap = new Wiretap({ needles })
  const work = await atWork(t, { seed: 8, onBytes: tap.hear })
  const { faulty, workload } = work
  const { wires, world } = faulty
  const path = `/home/${folderCanary}/${nameCanary}`
  await faulty.at(1).client.write(path, `${contentCanary}\n`.repeat(5_000), { parents: true })
  await faulty.at(2).client.append(path, contentCanary)
  await faulty.at(3).client.readAll(path)
  await faulty.at(4).client.rename(path, `${path}-renamed`)
  // Handshakes are listened to as well.
  wires.cut(wires.ways())
  await workload.progress(20)
  await faulty.at(3).client.rename(`${path}-renamed`, path)
  await judge(t, work, { faults: ['cut'] })
  const { token } = world
  const heard = tap.talks().map(({ parts }) => Buffer.concat(parts))
  t.diagnostic(`${tap.byteCount} bytes heard`)
  assert(tap.byteCount > 500_000)
  assert.deepEqual(tap.hits, [])
  assert(!heard.some((bytes) => bytes.includes(token)))
  const { entropyBits, byteCount } = randomnessOf(heard)
  assert(entropyBits > entropyBitsMin, `${entropyBits} bits a byte in ${byteCount} bytes`)
  await world.stop()
  const folders = world.processors.map(({ folder }) => folder)
  const tokenNeedle = { what: 'token', bytes: Buffer.from(token) }
  const { hits, fileCount } = searchFolders(folders, [...needles, tokenNeedle])
  assert.deepEqual(hits, [])
  assert(fileCount > 20)
  // The search itself works: the token is where its owner keeps it.
  assert(readFileSync(`${world.folder}/token`).includes(token))
})
