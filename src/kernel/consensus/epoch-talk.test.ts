/** What a member says to one that is still in the epoch before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import { nodeClock } from '../../adapters/node-clock.ts'
import type { Journal } from '../../ports/journal.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { channels, type IncomingMessage } from '../links/index.ts'
import { type Epoch, epochAfter, firstEpoch } from './epoch.ts'
import { EpochTalk } from './epoch-talk.ts'
import { writesOf } from './records.ts'
import type { Message } from './types.ts'
import { decodeMessage, type EncodedMessage, encodeMessage, isEpoch } from './wire.ts'

const group = new Group(4)
const [block] = group.chain(1)
assert(block !== undefined)
const certificate = group.certificate('finalize', 1, { digest: block.digest })

/** This member, in epoch 2, which began at height 1. */
function epochOf(journal: Journal): Epoch {
  const end = { height: 1, digest: block!.digest }
  const start = epochAfter(firstEpoch(group.config), end, group.config.members)
  const config = { ...group.config, epoch: 2 }
  const wire = { ...group.wire, context: { ...group.context, epoch: 2 } }
  const reader = { journal, crypto: group.crypto, context: wire.context, limits: group.limits }
  return { start, config, hasKey: true, setup: group.setup(0), wire, reader }
}

function heardIn(epoch: number): IncomingMessage {
  const context = { ...group.context, epoch }
  const ask: Message = { kind: 'ask', fromView: 1, toView: 1 }
  const { head } = encodeMessage(ask, { ...group.wire, context })
  const from = group.config.members[1]!.node
  const proof = (): never => assert.fail('no proof is asked for')
  return { from, channel: channels.consensus, head, proof }
}

async function saidTo(epoch: number, journal: Journal): Promise<EncodedMessage[]> {
  const said: EncodedMessage[] = []
  const talk = new EpochTalk({
    clock: nodeClock,
    metrics: memoryMetrics(),
    send: (_, encoded) => said.push(encoded),
    onFailed: (error) => assert.fail(String(error)),
  })
  assert.equal(talk.hear(heardIn(epoch), 1, epochOf(journal)), 'done')
  await new Promise((resolve) => setImmediate(resolve))
  return said
}

test('C96: a member alone in an epoch shows the finalization that ended the one before', async () => {
  const journal = await new SimJournals({ random: new SimRandom(1) }).opener().open('consensus')
  assert.equal((await saidTo(1, journal)).length, 1, 'it knows of none')
  await journal.commit(writesOf({ kind: 'final', certificate }, group.context))
  const [claim, shown] = await saidTo(1, journal)
  assert(claim !== undefined && shown !== undefined)
  assert(isEpoch(claim.head))
  const message = decodeMessage(shown, 0, group.wire)
  assert.deepEqual(message, { kind: 'certificates', certificates: [certificate] })
  // When something is final in the new epoch, a quorum is there.
  const newer = { ...group.context, epoch: 2 }
  await journal.commit(writesOf({ kind: 'final', certificate }, newer))
  assert.equal((await saidTo(1, journal)).length, 1)
})
