import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { LinkCode, LinkError, smallReplyBytes } from '../links/index.ts'
import { Call, GroupClient, reasonOf } from './client.ts'
import {
  Bench,
  blockAt,
  crypto,
  members,
  refusing,
  ScriptedLinks,
  silent,
  stranger,
} from './fixture.test.ts'
import { answerBytesMax, readsMax } from './limits.ts'
import { type Member, MemberRefused } from './member.ts'
import { decodeReadsReply, encodeGroupRequest, type GroupRequest } from './wire.ts'

const request = encodeGroupRequest({ kind: 'added', fromHeight: 1, countMax: 1 })

function clientOf(bench: Bench, links: ScriptedLinks, member?: Member): GroupClient {
  const { clock } = bench
  return new GroupClient({
    self: stranger,
    members,
    quorum: 3,
    clock,
    crypto,
    links,
    member,
  })
}

test('a call ends at its deadline, and everything that waits for it with it', async () => {
  const bench = new Bench()
  const call = new Call(bench.clock, { deadlineMs: 500 })
  assert.equal(call.leftMs, 500)
  const paused = call.pause(60_000)
  await bench.finish(paused)
  assert.equal(bench.clock.monotonicMs(), 500)
  assert(call.signal.aborted && !call.cancelled)
  assert.equal(call.leftMs, 1)
  await call.pause(1_000)
})

test('a call ends with its caller, before or while it runs, and listens to him once', async () => {
  const bench = new Bench()
  const caller = new AbortController()
  const call = new Call(bench.clock, { deadlineMs: 500, signal: caller.signal })
  caller.abort()
  assert(call.signal.aborted && call.cancelled)
  const late = new Call(bench.clock, { deadlineMs: 500, signal: caller.signal })
  assert(late.signal.aborted && late.cancelled)
})

test('an ended call leaves no timer', async () => {
  const bench = new Bench()
  const call = new Call(bench.clock, { deadlineMs: 500 })
  void call.pause(100)
  call.end()
  assert(call.signal.aborted && !call.cancelled)
  assert.equal(bench.scheduler.waitingCount, 0)
})

test('asking all: failures are heard by code; without persistence nobody is asked twice', async () => {
  const bench = new Bench()
  const links = new ScriptedLinks(bench)
  const [a, b, c] = members
  assert(a !== undefined && b !== undefined && c !== undefined)
  links.scripts.set(a, refusing('group/behind'))
  links.scripts.set(b, () => Promise.resolve(utf8('yes')))
  const heard: string[] = []
  const call = new Call(bench.clock, { deadlineMs: 1_000 })
  const satisfied = await bench.finish(
    clientOf(bench, links).askAll(call, {
      request,
      persist: false,
      onAsk: (member) => heard.push(`ask ${members.indexOf(member)}`),
      onAnswer: (member) => {
        heard.push(`answer ${members.indexOf(member)}`)
        return false
      },
      onFailure: (member, { code, wasSent }) =>
        heard.push(`${code} ${members.indexOf(member)}${wasSent ? '' : ' unsent'}`),
    }),
  )
  call.end()
  assert.equal(satisfied, false)
  assert.deepEqual(heard.sort(), [
    'answer 1',
    'ask 0',
    'ask 1',
    'ask 2',
    'ask 3',
    'group/behind 0',
    'link/down 2 unsent',
    'link/down 3 unsent',
  ])
})

test('asking all ends with the call, whoever is still silent', async () => {
  const bench = new Bench()
  const links = new ScriptedLinks(bench)
  for (const member of members) links.scripts.set(member, silent)
  const call = new Call(bench.clock, { deadlineMs: 700 })
  const ask = { request, persist: true, onAnswer: () => true }
  assert.equal(await bench.finish(clientOf(bench, links).askAll(call, ask)), false)
  assert.equal(bench.clock.monotonicMs(), 700)
  assert.equal(await clientOf(bench, links).askAll(call, ask), false)
})

test('a Processor that is no member says so when it is asked as one', async () => {
  const bench = new Bench()
  const client = clientOf(bench, new ScriptedLinks(bench))
  const { signal } = new AbortController()
  await assert.rejects(client.answerHere(request, signal), { code: 'group/unavailable' })
})

test('a member asks for room before it makes an answer, and after what waits for others', async () => {
  const heard: string[] = []
  const says = (what: string, reply: unknown) => async (): Promise<unknown> => {
    heard.push(what)
    return reply
  }
  const member = {
    reached: says('reached', undefined),
    read: says('read', { height: 1, finality: undefined, answers: utf8('answers') }),
    chunk: says('chunk', utf8('chunk')),
    submit: says('submit', utf8('results')),
  } as unknown as Member
  const client = clientOf(new Bench(), new ScriptedLinks(new Bench()), member)
  const orderOf = async (request: GroupRequest): Promise<string> => {
    heard.length = 0
    const { signal } = new AbortController()
    const room = says('room', undefined) as () => Promise<void>
    await client.answerHere(encodeGroupRequest(request), signal, room)
    return heard.join(', ')
  }
  const read = { kind: 'read', queries: [], atBlock: blockAt(1) } as const
  assert.equal(await orderOf(read), 'reached, room, read')
  assert.equal(await orderOf({ kind: 'chunk', height: 1, index: 0 }), 'room, chunk')
  assert.equal(await orderOf({ kind: 'submit', batch: utf8('batch') }), 'submit')
  member.submit = says('submit', new Uint8Array(smallReplyBytes + 1)) as Member['submit']
  assert.equal(await orderOf({ kind: 'submit', batch: utf8('batch') }), 'submit, room')
})

test('of many large reads a member makes those that it sends, and one more', async () => {
  const answers = new Uint8Array(answerBytesMax / 2 - 1_000)
  let readCount = 0
  const member = {
    read: async () => {
      readCount++
      if (readCount === 2) throw new MemberRefused('group/behind', 'not kept', {})
      return { height: 1, finality: undefined, answers }
    },
  } as unknown as Member
  const client = clientOf(new Bench(), new ScriptedLinks(new Bench()), member)
  const reads = Array.from({ length: readsMax }, () => [])
  const { signal } = new AbortController()
  const reply = await client.answerHere(encodeGroupRequest({ kind: 'reads', reads }), signal)
  const sent = decodeReadsReply(reply).map((one) => one !== undefined)
  assert.deepEqual(sent, [true, false, true, ...Array.from({ length: readsMax - 3 }, () => false)])
  assert.equal(readCount, 4)
})

test('the reason of a failure is the peer’s own where it gave one', () => {
  const peer = stranger
  const refused = new LinkError(LinkCode.Refused, 'no', { peer, peerCode: 'group/behind' })
  assert.equal(reasonOf(refused), 'group/behind')
  assert.equal(reasonOf(new LinkError(LinkCode.Down, 'no', { peer })), 'link/down')
})
