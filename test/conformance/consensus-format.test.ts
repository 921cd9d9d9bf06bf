/**
 * Goal: the bytes of consensus are a format. Members of different versions must understand each
 * other, and a journal must be readable after an update.
 *
 * Method: one case of each kind stands as bytes in consensus-vectors.json. A change here needs a
 * new version of the format (docs/spec/consensus.md), then
 * `node test/conformance/consensus-format.test.ts --write` renews the file.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { type ConsensusCase, consensusCases } from './consensus-cases.ts'

const file = new URL('consensus-vectors.json', import.meta.url)
const cases = consensusCases(createNodeCrypto())

if (process.argv.includes('--write')) writeFileSync(file, `${JSON.stringify(cases, null, 2)}\n`)

const pinned = JSON.parse(readFileSync(file, 'utf8')) as ConsensusCase[]

test('every kind of byte string that consensus makes is pinned', () => {
  assert.deepEqual(
    cases.map((one) => one.name),
    pinned.map((one) => one.name),
  )
})

for (const { hex, name } of pinned)
  test(`pinned bytes: ${name}`, () => {
    assert.equal(cases.find((one) => one.name === name)?.hex, hex)
  })
