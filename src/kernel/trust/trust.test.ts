import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeIdOf } from '../../base/ids.ts'
import type { Log } from '../../ports/log.ts'
import { evidenceBytesMax, evidenceCountMax } from './limits.ts'
import { createTrust } from './trust.ts'

const lines: string[] = []
const log: Log = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => lines.push(`${message} ${JSON.stringify(fields)}`),
  error: () => {},
  for: () => log,
}
const counted = new Map<string, number>()
const metrics = {
  count: (name: string, by = 1) => void counted.set(name, (counted.get(name) ?? 0) + by),
  gauge: () => {},
  snapshot: () => Object.fromEntries(counted),
}
const peerA = nodeIdOf('aa'.repeat(32))
const peerB = nodeIdOf('bb'.repeat(32))

test('C61: a reported fault is counted by peer and kind, and logged', () => {
  const trust = createTrust({ log, metrics })
  trust.report({ peer: peerB, kind: 'missing', about: 'block 1' })
  trust.report({ peer: peerA, kind: 'wrong-block', about: 'block 2', evidence: new Uint8Array(3) })
  trust.report({ peer: peerB, kind: 'missing', about: 'block 3' })
  assert.deepEqual(trust.faults(), [
    { peer: peerA, counts: { 'wrong-block': 1 } },
    { peer: peerB, counts: { missing: 2 } },
  ])
  assert.equal(counted.get('trust.reported_wrong_block_count'), 1)
  assert.match(lines[1] ?? '', /wrong-block.*block 2.*"signed":true/)
})

test('evidence is kept newest first to go last, bounded in count and size', () => {
  const trust = createTrust({ log, metrics })
  for (let index = 0; index < evidenceCountMax + 5; index++) {
    const evidence = new Uint8Array([index])
    trust.report({ peer: peerA, kind: 'malformed', about: String(index), evidence })
  }
  const evidence = new Uint8Array(evidenceBytesMax + 1)
  trust.report({ peer: peerA, kind: 'malformed', about: 'too large', evidence })
  const kept = trust.evidenceOf(peerA)
  assert.equal(kept.length, evidenceCountMax)
  assert.equal(kept[0]?.about, '5')
  assert.equal(kept.at(-1)?.about, String(evidenceCountMax + 4))
  assert.equal(trust.faults()[0]?.counts.malformed, evidenceCountMax + 6)
  assert.deepEqual(trust.evidenceOf(peerB), [])
})
