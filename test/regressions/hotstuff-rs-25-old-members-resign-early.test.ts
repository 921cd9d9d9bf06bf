/**
 * hotstuff_rs #25: the members of an old configuration went away as soon as they knew of the new
 * one, and whoever had missed its beginning waited for them. Here a member that has crossed the end
 * of an epoch still tells those who speak of the old one, with the finalization that ended it: it
 * may be the only one that knows, with a vote that nobody else has.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Epoch, epochAfter, firstEpoch, openEpoch } from '../../src/kernel/consensus/epoch.ts'
import { EpochTalk } from '../../src/kernel/consensus/epoch-talk.ts'
import type { ConsensusOptions } from '../../src/kernel/consensus/options.ts'
import {
  decodeMessage,
  type EncodedMessage,
  encodeMessage,
} from '../../src/kernel/consensus/wire.ts'
import { type Channel, channels, type IncomingMessage } from '../../src/kernel/links/index.ts'
import { Group } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const end = group.block(1)
const ending = group.certificate('finalize', 1, { digest: end.digest })

const open = (start: Epoch['start']): Epoch => {
  const { config, crypto } = group
  const options = { config, crypto } as unknown as ConsensusOptions
  return openEpoch(options, start, { self: 0, keys: group.keys, mutation: undefined })
}
const first = open(firstEpoch(group.config))
const members = group.config.members.map((member, index) =>
  index === 3 ? { ...member, consensusKey: new Uint8Array(32).fill(9) } : member,
)
const second = open(epochAfter(first.start, { height: 1, digest: end.digest }, members))

const status = { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 } as const

function incoming(epoch: Epoch, channel: Channel = channels.consensus): IncomingMessage {
  const { node } = group.config.members[1]!
  return { from: node, channel, ...encodeMessage(status, epoch.wire) } as IncomingMessage
}

test('who missed the end of an epoch is told of it, with proof, by each member that knows', () => {
  let nowMs = 0
  const sent: EncodedMessage[] = []
  const talk = new EpochTalk({
    clock: { monotonicMs: () => nowMs, wallMs: () => 0, after: () => () => undefined },
    metrics: { count: () => undefined, gauge: () => undefined, snapshot: () => ({}) },
    vouched: () => undefined,
    send: (_to, encoded) => sent.push(encoded),
    onFailed: (error) => assert.fail(String(error)),
  })
  assert.equal(talk.hear(incoming(first), 1, first), 'ours')
  talk.end({ epoch: first, certificate: ending })
  assert.equal(sent.splice(0).length, 3, 'all others are shown it at once')
  talk.forget()
  assert.equal(talk.hear(incoming(first), 1, second), 'done')
  const [proof, claim] = sent
  assert(proof !== undefined && claim !== undefined)
  const message = decodeMessage({ ...incoming(first), ...proof } as IncomingMessage, 0, first.wire)
  assert.deepEqual(message, { kind: 'certificates', certificates: [ending] })
  // However often it asks, not more than twice in Δ0.
  talk.hear(incoming(first), 1, second)
  assert.equal(sent.length, 2)
  nowMs += first.setup.delta0Ms
  talk.hear(incoming(first), 1, second)
  assert.equal(sent.length, 4)
})

test('who is ahead is asked where the group is', () => {
  const talk = new EpochTalk({
    clock: { monotonicMs: () => 0, wallMs: () => 0, after: () => () => undefined },
    metrics: { count: () => undefined, gauge: () => undefined, snapshot: () => ({}) },
    vouched: () => undefined,
    send: () => assert.fail('nothing is told to somebody who knows more'),
    onFailed: (error) => assert.fail(String(error)),
  })
  assert.equal(talk.hear(incoming(second), 1, first), 'greet')
})
