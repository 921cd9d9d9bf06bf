import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log, LogFields } from '../../ports/log.ts'
import type { Epoch } from './epoch.ts'
import { Reports } from './reports.ts'

const group = new Group(4)

test('C106: a flood of what no correct member sends is one line of the log a minute', () => {
  let nowMs = 0
  const clock: Clock = { monotonicMs: () => nowMs, wallMs: () => 0, after: () => () => undefined }
  const lines: LogFields[] = []
  const ignore = (): void => undefined
  const log: Log = {
    ...{ debug: ignore, info: ignore, error: ignore },
    warn: (_message, fields = {}) => lines.push(fields),
    for: () => log,
  }
  const metrics = memoryMetrics()
  let evidenceCount = 0
  const onEvidence = (): number => evidenceCount++
  const reports = new Reports({ clock, log, metrics, onEvidence })
  const epoch = { config: group.config, setup: group.member(0).machine.setup } as Epoch
  const flood = (peer: number, what: string): void => {
    for (let count = 0; count < 500; count++) reports.demerit(epoch, { peer, what })
  }
  const nodes = group.config.members.map(({ node }) => node)
  flood(1, 'a forged vote')
  flood(1, 'a forged range')
  flood(2, 'a forged vote')
  assert.deepEqual(lines, [
    { member: nodes[1], what: 'a forged vote' },
    { member: nodes[1], what: 'a forged range' },
    { member: nodes[2], what: 'a forged vote' },
  ])
  assert.equal(metrics.snapshot()['consensus.demerits'], 1_500, 'all are counted')
  nowMs = 60_000
  flood(1, 'a forged vote')
  assert.deepEqual(lines.slice(3), [{ member: nodes[1], what: 'a forged vote', unsaid: 499 }])
  const first = group.vote('nullify', 1, { signer: 2 })
  const second = group.vote('finalize', 1, { signer: 2, digest: group.config.genesis })
  for (let count = 0; count < 500; count++) reports.evidence(epoch, { first, second })
  assert.deepEqual(lines.slice(4), [{ member: nodes[2], view: 1 }], 'of double votes, too')
  assert.equal(evidenceCount, 500, 'all of it is handed over')
})
