/** What members of different epochs say to each other, and whom they believe. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import { Writer } from '../../base/codec.ts'
import { digestOf } from '../../base/ids.ts'
import type { Journal } from '../../ports/journal.ts'
import { CountingApplication } from '../../simulator/consensus-application.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimLinkNet } from '../../simulator/sim-links.ts'
import { SimLog } from '../../simulator/sim-log.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { channels, type IncomingMessage } from '../links/index.ts'
import { checkpointBytes } from './encoding.ts'
import { type Epoch, epochAfter, firstEpoch, openEpoch } from './epoch.ts'
import type { LaterEpoch } from './epoch-claims.ts'
import { EpochTalk, type Heard } from './epoch-talk.ts'
import type { ConsensusOptions } from './options.ts'
import { writesOf } from './records.ts'
import type {
  Certificate,
  EpochClaim,
  EpochStart,
  MemberIndex,
  Message,
  StableCheckpoint,
} from './types.ts'
import { contextOf } from './verify.ts'
import {
  addressOf,
  decodeEpoch,
  decodeMessage,
  type EncodedMessage,
  encodeEpoch,
  encodeMessage,
  isEpoch,
} from './wire.ts'

const group = new Group(4)
const chain = group.chain(4)
const self = 0

const first = firstEpoch(group.config)
const renewed = group.config.members.map((member, index) =>
  index === 3 ? { ...member, consensusKey: new Uint8Array(32).fill(9) } : member,
)
const second = epochAfter(first, { height: 3, digest: chain[2]!.digest }, renewed)
const third = epochAfter(second, { height: 9, digest: digestOf('ab'.repeat(32)) }, renewed)

class Desk {
  readonly scheduler = new Scheduler({ settle: () => new Promise((done) => setImmediate(done)) })
  readonly clock = new SimClock(new SimProcess(this.scheduler, 'desk'))
  readonly metrics = memoryMetrics()
  readonly sent: { readonly to: MemberIndex; readonly message: EncodedMessage }[] = []
  readonly failed: unknown[] = []
  vouched: StableCheckpoint | undefined
  readonly talk = new EpochTalk({
    ...{ clock: this.clock, metrics: this.metrics },
    send: (to, message) => this.sent.push({ to, message }),
    vouched: () => this.vouched,
    onFailed: (error) => this.failed.push(error),
  })
  readonly journal: Promise<Journal> = new SimJournals({ random: new SimRandom(1) })
    .opener()
    .open('consensus')

  async open(start: EpochStart): Promise<Epoch> {
    const process = new SimProcess(this.scheduler, 'one')
    const options: ConsensusOptions = {
      ...{ config: group.config, self: group.config.members[self]!.node, mayBeNew: true },
      ...{ consensusKeyPair: group.keys[self]!, crypto: group.crypto, clock: this.clock },
      links: new SimLinkNet(new SimRandom(2)).linksOf(group.config.members[self]!.node, process),
      ...{ journal: await this.journal, log: new SimLog(process), metrics: this.metrics },
      application: new CountingApplication({
        onExecuted: () => undefined,
        onDurable: () => undefined,
      }),
      ...{ restoredHeight: 0, onFatal: (error: Error) => this.failed.push(error) },
    }
    return openEpoch(options, start, { self, keys: [group.keys[self]!], mutation: undefined })
  }

  /** Kinds of what was sent since the last look; `epoch` for a claim. */
  kinds(epoch: Epoch): string[] {
    return this.sent.splice(0).map(({ message }) => {
      if (isEpoch(message.head)) return 'epoch'
      assert.equal(addressOf(message.head)?.epoch, epoch.start.epoch)
      return decodeMessage(message, 1, epoch.wire).kind
    })
  }

  claim(ours: Epoch, from: MemberIndex, claim: EpochClaim): Heard {
    return this.talk.hear(incoming(encodeEpoch(claim, ours.wire), from), from, ours)
  }

  async pass(timeMs: number): Promise<void> {
    let isOver = false
    this.clock.after(timeMs, () => {
      isOver = true
    })
    await this.scheduler.run({ until: () => isOver })
  }
}

const incoming = ({ head, body }: EncodedMessage, from = 1): IncomingMessage => ({
  from: group.config.members[from]!.node,
  channel: channels.consensus,
  head,
  ...(body !== undefined && { body }),
  proof: () => assert.fail('no proof is asked for'),
})

const status: Message = { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 }

test('C29: an epoch number that no integer holds is a malformed message, and no crash', async () => {
  const desk = new Desk()
  const ours = await desk.open(first)
  const { head } = encodeMessage(status, ours.wire)
  const wild = head.slice()
  wild.fill(255, 34, 42)
  assert.equal(desk.talk.hear(incoming({ head: wild }), 1, ours), 'ours')
  assert.throws(() => decodeMessage({ head: wild }, 1, ours.wire), /2\^53/)
  const short = new Writer().u8(1).u8(12).hex(group.config.group).u64(2).finish()
  assert.equal(desk.talk.hear(incoming({ head: short }), 1, ours), 'done')
  assert.equal(desk.metrics.snapshot()['consensus.malformed_messages'], 1)
})

test('who speaks of an older epoch is told of ours, of a newer one is greeted, both not too often', async () => {
  const desk = new Desk()
  const [old, ours, next] = [
    await desk.open(first),
    await desk.open(second),
    await desk.open(third),
  ]
  const hear = (epoch: Epoch, from = 1): unknown =>
    desk.talk.hear(incoming(encodeMessage(status, epoch.wire), from), from, ours)
  assert.equal(hear(ours), 'ours')
  assert.equal(hear(old), 'done')
  assert.deepEqual(desk.kinds(ours), ['epoch'])
  assert.equal(hear(old), 'done')
  assert.equal(hear(next), 'done')
  assert.deepEqual(desk.kinds(ours), [], 'the same peer, at once')
  assert.equal(hear(next, 2), 'greet')
  await desk.pass(ours.setup.delta0Ms)
  assert.equal(hear(next), 'greet')
})

/** A state of an epoch that a member vouches for, as it shows it. */
function vouchedBy(start: EpochStart, signers: MemberIndex[], height = 3): StableCheckpoint {
  const checkpoint = { height, view: 0, digest: start.genesis, state: digestOf('5e'.repeat(32)) }
  const context = { ...contextOf(group.config), epoch: start.epoch }
  const bytes = checkpointBytes(context, checkpoint)
  const sign = (signer: MemberIndex): Uint8Array =>
    group.crypto.sign(group.keys[signer]!.secretKey, bytes)
  return { ...checkpoint, signers, signatures: signers.map(sign) }
}

test('C29: a later epoch is followed when b + 1 members claim it and vouch for one state in it', async () => {
  const desk = new Desk()
  const ours = await desk.open(first)
  const claim = (start: EpochStart, from: number, vouched?: StableCheckpoint): Heard =>
    desk.claim(ours, from, { start, vouched })
  const follow = (heard: unknown): { epoch: number; signers: number[] } => {
    assert(typeof heard === 'object' && heard !== null, String(heard))
    const { start, votes } = heard as LaterEpoch
    return { epoch: start.epoch, signers: votes.map(({ signer }) => signer) }
  }
  // Nobody is believed alone, and a claim without a state moves nobody.
  assert.equal(claim(third, 1, vouchedBy(third, [1], 9)), 'done')
  assert.equal(claim(third, 1, vouchedBy(third, [1], 9)), 'done', 'the same member again')
  assert.equal(claim(second, 2), 'done')
  assert.equal(claim(second, 1), 'done', 'b + 1, and no state')
  // A liar’s state, another height, a vote of one epoch in another, the votes of one member twice.
  assert.equal(claim(second, 1, vouchedBy(second, [1])), 'done')
  assert.equal(claim(second, 2, vouchedBy(second, [2], 4)), 'done')
  assert.equal(claim(second, 2, vouchedBy(third, [2])), 'forged')
  assert.equal(claim(second, 2, vouchedBy(second, [1])), 'done')
  await desk.pass(ours.setup.delta0Ms)
  const forged = vouchedBy(second, [0, 1, 2])
  forged.signatures[0]![5]! ^= 1
  forged.signatures[2]![5]! ^= 1
  assert.equal(claim(second, 2, forged), 'forged')
  assert.deepEqual(follow(claim(second, 2, vouchedBy(second, [2]))), { epoch: 2, signers: [1, 2] })
  // A quorum’s, from one of those who claim.
  desk.talk.forget()
  assert.equal(claim(second, 1), 'done')
  const quorum = vouchedBy(second, [0, 1, 2])
  assert.deepEqual(follow(claim(second, 2, quorum)), { epoch: 2, signers: [0, 1, 2] })
  desk.talk.forget()
  assert.equal(claim(second, 1, quorum), 'done')
  assert.equal(claim(first, 2, quorum), 'done')
  const strange = { start: { ...second, members: renewed.slice(1) }, vouched: quorum }
  for (const from of [1, 2, 3]) assert.equal(desk.claim(ours, from, strange), 'done')
})

test('of one member a few claims are verified at once, then one every Δ0/2, of each its own', async () => {
  const desk = new Desk()
  const ours = await desk.open(first)
  const vouched = (height: number): StableCheckpoint => vouchedBy(second, [1], height)
  const flood = (): number => {
    let verified = 0
    for (let height = 1; height <= 50; height++) {
      const forged = { ...vouched(height), state: digestOf('0f'.repeat(32)) }
      if (desk.claim(ours, 1, { start: second, vouched: forged }) === 'forged') verified++
    }
    return verified
  }
  assert.equal(flood(), 4)
  await desk.pass(ours.setup.delta0Ms / 2)
  assert.equal(flood(), 1)
  // Nobody else is heard less for it, and after a while this one is heard again.
  const last = vouchedBy(second, [1])
  assert.equal(desk.claim(ours, 2, { start: second, vouched: vouchedBy(second, [2]) }), 'done')
  assert.equal(desk.claim(ours, 1, { start: second, vouched: last }), 'done')
  await desk.pass(ours.setup.delta0Ms)
  const heard = desk.claim(ours, 1, { start: second, vouched: last })
  assert(typeof heard === 'object' && heard.start.epoch === 2)
})

test('whoever vouches for a state of its epoch tells all others once, however lately it told them', async () => {
  const desk = new Desk()
  const [old, ours] = [await desk.open(first), await desk.open(second)]
  desk.talk.announce(ours)
  assert.deepEqual(desk.kinds(ours), [], 'there is no state yet')
  desk.talk.hear(incoming(encodeMessage(status, old.wire)), 1, ours)
  assert.deepEqual(desk.kinds(ours), ['epoch'])
  desk.vouched = vouchedBy(second, [self])
  desk.talk.announce(ours)
  assert.deepEqual(desk.kinds(ours), ['epoch', 'epoch', 'epoch'])
  desk.talk.announce(ours)
  assert.deepEqual(desk.kinds(ours), [])
  desk.talk.hear(incoming(encodeMessage(status, old.wire)), 1, ours)
  const [told] = desk.sent
  assert.deepEqual(told && decodeEpoch(told.message.head).vouched, desk.vouched)
})

/** The first epoch as it was executed: block three ended it, and was finalized by one behind it. */
async function executeFirst(journal: Journal, { wire }: Epoch): Promise<void> {
  for (const [index, block] of chain.slice(0, 3).entries()) {
    const { digest, header } = block
    const certificate =
      index < 2 ? group.certificate('finalize', header.view, { digest }) : undefined
    const record = { kind: 'executed', height: index + 1, block, certificate } as const
    await journal.commit(writesOf({ kind: 'haveBlock', block }, wire.context))
    await journal.commit(writesOf(record, wire.context))
  }
}

const endedBy = (block: (typeof chain)[number]): Certificate =>
  group.certificate('finalize', block.header.view, { digest: block.digest })

test('C25: whoever is still in the epoch before ours is shown what ended it and given its blocks', async () => {
  const desk = new Desk()
  const old = await desk.open(first)
  const ours = await desk.open(second)
  const journal = await desk.journal
  const [, , end, behind] = chain
  await executeFirst(journal, old)
  await journal.commit(writesOf({ kind: 'haveBlock', block: behind! }, old.wire.context))
  desk.talk.end({ epoch: old, certificate: endedBy(behind!) })
  assert.deepEqual(
    desk.sent.map(({ to }) => to),
    [1, 2, 3],
  )
  assert.deepEqual(desk.kinds(old), ['certificates', 'certificates', 'certificates'])
  assert.equal(desk.talk.hear(incoming(encodeMessage(status, old.wire)), 1, ours), 'done')
  assert.deepEqual(desk.kinds(old), ['certificates', 'epoch'])
  const fetch = async (fromHeight: number, block: (typeof chain)[number]): Promise<string[]> => {
    const { digest, header } = block
    const message: Message = { kind: 'fetch', fromHeight, view: header.view, digest }
    assert.equal(desk.talk.hear(incoming(encodeMessage(message, old.wire)), 1, ours), 'done')
    await desk.pass(10)
    return desk.kinds(old)
  }
  assert.deepEqual(await fetch(1, behind!), ['range'])
  assert.deepEqual(await fetch(3, behind!), ['block'])
  assert.deepEqual(await fetch(3, end!), ['block'])
  assert.deepEqual(await fetch(Number.MAX_SAFE_INTEGER, group.block(7)), ['lacking'])
  assert.deepEqual(desk.failed, [])
})

test('heights of the epoch before that are gone are lacking, and no other heights are given', async () => {
  const desk = new Desk()
  const [old, ours] = [await desk.open(first), await desk.open(second)]
  const journal = await desk.journal
  const [one, two, , behind] = chain
  await executeFirst(journal, old)
  desk.talk.end({ epoch: old, certificate: endedBy(behind!) })
  const upTo = { height: 1, view: one!.header.view }
  await journal.commit(writesOf({ kind: 'pruneLog', upTo }, old.wire.context))
  const answer = async (fromHeight: number): Promise<Message> => {
    desk.sent.length = 0
    const { digest, header } = behind!
    const message: Message = { kind: 'fetch', fromHeight, view: header.view, digest }
    assert.equal(desk.talk.hear(incoming(encodeMessage(message, old.wire)), 1, ours), 'done')
    await desk.pass(10)
    return decodeMessage(desk.sent[0]!.message, 1, old.wire)
  }
  for (const gone of [0, 1])
    assert.deepEqual(await answer(gone), {
      ...{ kind: 'lacking', fromHeight: gone, digest: behind!.digest },
    })
  const kept = await answer(2)
  assert(kept.kind === 'range' && kept.fromHeight === 2)
  assert.deepEqual(
    kept.blocks.map(({ digest }) => digest),
    [two!.digest],
  )
  assert.deepEqual(desk.failed, [])
})
