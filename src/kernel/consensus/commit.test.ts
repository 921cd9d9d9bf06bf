import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, type Member } from '../../../test/conformance/consensus-fixture.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import type { Block, BlockRange, Certificate } from './types.ts'
import { certificateHolds } from './verify.ts'

const group = new Group(4)
const self = [0, 1, 2, 3].find((at) => ![1, 2, 3].some((view) => group.leader(view) === at))!
const others = [0, 1, 2, 3].filter((at) => at !== self)
const chain = group.chain(8)
const member = (): Member => {
  const one = group.member(self)
  for (const peer of others) one.input({ kind: 'linkUp', peer })
  return one
}

const finalOf = (block: Block): Certificate =>
  group.certificate('finalize', block.header.view, { digest: block.digest })

const rangeOf = (first: number, last: number, certified = last): BlockRange => ({
  fromHeight: first,
  blocks: chain.slice(first - 1, last),
  tail: chain.slice(last, certified).map((block) => block.header),
  certificate: finalOf(chain[certified - 1]!),
})

const askedPeer = (one: Member): number | 'all' | undefined =>
  one.ofKind('send').find((effect) => effect.message.kind === 'fetch')?.to

test('a finalization executes the block and all its ancestors, oldest first', () => {
  const one = member()
  const [a, b, c] = chain
  one.hearProposal(a!)
  one.hearProposal(b!, [group.certificate('notarize', 1, { digest: a!.digest })])
  one.hearProposal(c!, [group.certificate('notarize', 2, { digest: b!.digest })])
  one.hearCertificate(finalOf(c!))
  assert.deepEqual(one.commits(), [1, 2, 3])
  assert.deepEqual(
    one.ofKind('commit').map((effect) => effect.certificate?.view),
    [undefined, undefined, 3],
  )
  assert.equal(one.machine.held.size, 0)
})

test('what was executed leaves the pool and is not proposed again', () => {
  const one = member()
  const block = group.block(1, { items: [makeItem(1, 5)] })
  one.submit(makeItem(1, 5))
  one.hearProposal(block)
  one.hearCertificate(finalOf(block))
  assert.equal(one.machine.pool.count, 0)
  one.submit(makeItem(1, 5))
  assert.equal(one.machine.pool.count, 0)
})

test('a block of a view that execution passed by is dropped, from the disk too', () => {
  const one = member()
  const lost = group.block(1, { items: [] })
  one.hearProposal(lost)
  const next = group.block(2)
  one.hearCertificate(group.certificate('nullify', 1))
  one.hearProposal(next)
  one.hearCertificate(finalOf(next))
  assert.deepEqual(one.commits(), [1])
  assert(
    one.records().some((record) => record.kind === 'dropBlock' && record.digest === lost.digest),
  )
})

test('a block of a failed view is dropped with the finalization, while an ancestor is still missing', () => {
  const one = member()
  one.hearCertificate(group.certificate('nullify', 1))
  const beside = group.block(2, { items: [] })
  one.hearProposal(beside)
  one.hearCertificate(group.certificate('nullify', 2))
  const missing = group.block(1)
  const tip = group.block(3, { parent: missing })
  one.hearProposal(tip)
  one.hearCertificate(finalOf(tip))
  assert.deepEqual(one.commits(), [])
  assert.deepEqual([...one.machine.held.keys()], [tip.digest])
  assert(
    one.records().some((record) => record.kind === 'dropBlock' && record.digest === beside.digest),
  )
  assert.equal(one.machine.heldBytes, tip.payload.bytes.length)
})

test('below a missing ancestor nothing is dropped: what lies there may be the chain', () => {
  const one = member()
  const [first, second, third] = chain
  one.hearProposal(first!)
  one.hearCertificate(group.certificate('notarize', 1, { digest: first!.digest }))
  one.hearCertificate(group.certificate('notarize', 2, { digest: second!.digest }))
  one.hearProposal(third!)
  one.hearCertificate(finalOf(third!))
  assert.deepEqual([...one.machine.held.keys()], [first!.digest, third!.digest])
})

test('a commit rests on our own vote when the certificate does', () => {
  const one = member()
  const [block] = chain
  const { digest } = block!
  one.hearProposal(block!)
  one.hearVotes('notarize', 1, { signers: [others[0]!, others[1]!], digest })
  one.hearVotes('finalize', 1, { signers: [others[0]!, others[1]!], digest })
  assert.equal(one.ofKind('commit')[0]?.after, 2)
  const two = member()
  two.hearProposal(block!)
  two.hearCertificate(finalOf(block!))
  assert.equal(two.ofKind('commit')[0]?.after, 0)
})

test('a missing block is asked for once, of one member, a signer first', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[4]!))
  const asked = one.sent('fetch')
  assert.deepEqual(asked, [{ kind: 'fetch', fromHeight: 1, view: 5, digest: chain[4]!.digest }])
  one.hearCertificate(finalOf(chain[5]!))
  one.hearCertificate(finalOf(chain[6]!))
  one.submit(makeItem(1, 5))
  assert.deepEqual(one.sent('fetch'), [], 'nothing else sets off another question')
})

test('the next member is asked after a timeout, after a refusal, and when a link breaks', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[4]!))
  const first = askedPeer(one)
  assert(typeof first === 'number')
  one.timer('fetch')
  const second = askedPeer(one)
  assert(typeof second === 'number' && second !== first)
  one.hear(second, { kind: 'lacking', fromHeight: 1, digest: chain[4]!.digest })
  const third = askedPeer(one)
  assert(typeof third === 'number' && third !== first && third !== second)
  one.input({ kind: 'linkDown', peer: third })
  assert.notEqual(askedPeer(one), undefined)
})

test('when nobody has it, the question goes round once and then waits, not longer than for one', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[4]!))
  const { delta0Ms } = one.machine.setup
  const waits: (number | undefined)[] = []
  let questions = 0
  for (let peer = askedPeer(one); typeof peer === 'number'; peer = askedPeer(one)) {
    questions++
    waits.push(one.ofKind('timer').find(({ id }) => id === 'fetch')?.delayMs)
    one.hear(peer, { kind: 'lacking', fromHeight: 1, digest: chain[4]!.digest })
  }
  assert.equal(questions, 3)
  assert.deepEqual(waits, [delta0Ms, delta0Ms, delta0Ms], 'refusals come at once under load')
  one.timer('fetch')
  assert.equal(typeof askedPeer(one), 'number')
  assert.equal(one.ofKind('timer').find(({ id }) => id === 'fetch')?.delayMs, 2 * delta0Ms)
})

test('without links it waits, and asks whoever comes first', () => {
  const one = group.member(self)
  for (const peer of others) one.input({ kind: 'linkDown', peer })
  one.hearCertificate(finalOf(chain[4]!))
  assert.deepEqual(one.sent('fetch'), [])
  one.input({ kind: 'linkUp', peer: others[1]! })
  assert.equal(askedPeer(one), others[1])
})

test('a range executes at once; after a small one the next is asked of somebody else', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[7]!))
  const peer = askedPeer(one)
  assert(typeof peer === 'number')
  one.hear(peer, { kind: 'range', ...rangeOf(1, 3) })
  assert.deepEqual(one.commits(), [1, 2, 3])
  const next = askedPeer(one)
  assert(typeof next === 'number' && next !== peer)
  one.hear(next, { kind: 'range', ...rangeOf(4, 8) })
  assert.deepEqual(one.commits(), [4, 5, 6, 7, 8])
  assert.equal(one.machine.fetch, undefined)
  assert(one.ofKind('timerOff').some((effect) => effect.id === 'fetch'))
})

test('a range may end before its certified block, with headers up to it', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[7]!))
  const peer = askedPeer(one) as number
  one.hear(peer, { kind: 'range', ...rangeOf(1, 2, 6) })
  assert.deepEqual(one.commits(), [1, 2])
})

test('a range that begins too early is used from where it helps', () => {
  const one = member()
  one.hearProposal(chain[0]!)
  one.hearCertificate(finalOf(chain[0]!))
  one.hearCertificate(finalOf(chain[7]!))
  one.hear(askedPeer(one) as number, { kind: 'range', ...rangeOf(1, 8) })
  assert.deepEqual(one.commits(), [2, 3, 4, 5, 6, 7, 8])
})

test('a range nobody asked for, or of somebody else, is not looked at', () => {
  const one = member()
  one.hear(others[0]!, { kind: 'range', ...rangeOf(1, 3) })
  assert.deepEqual(one.commits(), [])
  one.hearCertificate(finalOf(chain[7]!))
  const peer = askedPeer(one) as number
  const stranger = others.find((at) => at !== peer)!
  one.hear(stranger, { kind: 'range', ...rangeOf(1, 3) })
  assert.deepEqual(one.commits(), [])
})

test('C96: a range with a forged certificate, or of other heights: his fault, next member', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[7]!))
  const first = askedPeer(one) as number
  const honest = rangeOf(1, 3)
  const forged = {
    ...honest.certificate,
    signatures: honest.certificate.signatures.slice().reverse(),
  }
  one.hear(first, { kind: 'range', ...honest, certificate: forged })
  assert.deepEqual(one.commits(), [])
  assert.equal(one.ofKind('demerit')[0]?.peer, first)
  const second = askedPeer(one) as number
  assert.notEqual(second, first)
  one.hear(second, { kind: 'range', ...rangeOf(3, 5), fromHeight: 1 })
  assert.deepEqual(one.commits(), [])
  assert.equal(one.ofKind('demerit')[0]?.peer, second)
})

test('a single block that a member holds but has not executed helps too', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[1]!))
  const peer = askedPeer(one) as number
  one.hear(peer, { kind: 'block', block: chain[2]! })
  assert.equal(one.machine.held.size, 0, 'not the one that was asked for')
  one.hear(peer, { kind: 'block', block: chain[1]! })
  assert.deepEqual(one.sent('fetch'), [
    { kind: 'fetch', fromHeight: 1, view: 1, digest: chain[0]!.digest },
  ])
  one.hear(askedPeer(one) as number, { kind: 'block', block: chain[0]! })
  assert.deepEqual(one.commits(), [1, 2])
})

test('asked by others: executed blocks from the journal, held ones from memory, else no', () => {
  const one = member()
  one.hearProposal(chain[0]!)
  const request = { fromHeight: 1, view: 1, digest: chain[0]!.digest }
  one.hear(others[0]!, { kind: 'fetch', ...request })
  assert.equal(one.sent('block').length, 1)
  one.hear(others[0]!, { kind: 'fetch', ...request, digest: chain[3]!.digest })
  assert.equal(one.sent('lacking').length, 1)
  one.hearCertificate(finalOf(chain[0]!))
  one.hear(others[0]!, { kind: 'fetch', ...request })
  assert.equal(one.ofKind('serve')[0]?.to, others[0])
  assert.equal(one.ofKind('serve')[0]?.request.fromHeight, 1)
})

test('C96: a finalized chain that passes by what was executed raises the alarm', () => {
  const one = member()
  one.hearProposal(chain[0]!)
  one.hearCertificate(finalOf(chain[0]!))
  const fork = group.block(2, { items: [] })
  one.hearCertificate(finalOf(fork))
  one.hear(askedPeer(one) as number, { kind: 'block', block: fork })
  assert.equal(one.ofKind('alarm').length, 1)
  assert.deepEqual(one.commits(), [])
})

test('C96: and so does a proved range that does', () => {
  const one = member()
  const first = group.block(1, { items: [] })
  one.hearProposal(first)
  one.hearCertificate(finalOf(first))
  one.hearCertificate(finalOf(chain[4]!))
  one.hear(askedPeer(one) as number, { kind: 'range', ...rangeOf(2, 5) })
  assert.equal(one.ofKind('alarm').length, 1)
})

test('of blocks up to the known finalization the known certificate is kept, not one at hand', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[7]!))
  const range = rangeOf(1, 8)
  const signatures = range.certificate.signatures.map((bytes) => bytes.map((byte) => byte ^ 1))
  const certificate = { ...range.certificate, signatures }
  const { setup } = one.machine
  assert(!certificateHolds(setup, certificate))
  one.hear(askedPeer(one) as number, { kind: 'range', ...range, certificate })
  const kept = one.ofKind('commit').flatMap((effect) => effect.certificate ?? [])
  assert.deepEqual(
    kept.map((each) => [each.view, certificateHolds(setup, each)]),
    [[8, true]],
  )
})

test('answers of no use are asked for once round, and then when the timer says so', () => {
  const one = member()
  one.hearCertificate(finalOf(chain[7]!))
  let count = 0
  for (let asked = askedPeer(one); asked !== undefined; asked = askedPeer(one)) {
    assert(++count <= others.length, 'a storm')
    // True blocks, but none that follows what was executed.
    const range = { ...rangeOf(2, 8), fromHeight: 1 }
    one.hear(asked as number, { kind: 'range', ...range })
  }
  assert.equal(count, others.length)
  one.input({ kind: 'timer', id: 'fetch', view: 8 })
  const again = askedPeer(one)
  assert(typeof again === 'number')
  one.hear(again, { kind: 'range', ...rangeOf(1, 8) })
  assert.equal(one.machine.executed.height, 8)
})
