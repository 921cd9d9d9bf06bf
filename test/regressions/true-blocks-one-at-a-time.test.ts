/**
 * Goal: a member that is behind comes back at the pace of those who help, although one of them
 * answers with as little as it can; and what it holds meanwhile has a bound.
 *
 * A review found it: whoever had helped last was asked first the next time. A liar that answered
 * each question with one true block, at once or as late as it may, was so the only one that was
 * ever asked; walking backward from the newest block, a member took its whole backlog into memory
 * before it executed anything, and then had no room for proposals, nor votes for them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultConsensusLimits } from '../../src/kernel/consensus/limits.ts'
import type { Block, Certificate, Effect } from '../../src/kernel/consensus/types.ts'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, type Member } from '../conformance/consensus-fixture.ts'

const blockBytes = 8_000
const limits = {
  payloadBytesMax: 16_384,
  itemBytesMax: 8_192,
  heldBlocksBytesMax: 65_536,
  rangeBytesMax: 16_384,
  poolBytesMax: 65_536,
}
const group = new Group(4, limits)
const length = 200
const self = 0
const others = [1, 2, 3]

const chain: Block[] = []
for (let view = 1; view <= length; view++) {
  const item = new Uint8Array(blockBytes)
  item.set(makeItem(view, 5))
  const parent = chain.at(-1)
  chain.push(group.block(view, { items: [item], ...(parent === undefined ? {} : { parent }) }))
}

const blockOf = (height: number): Block => {
  const block = chain[height - 1]
  assert(block !== undefined)
  return block
}

const finalOf = (block: Block): Certificate =>
  group.certificate('finalize', block.header.view, { digest: block.digest })

type Question = Extract<Effect, { kind: 'send' }>

const questionOf = (one: Member): Question | undefined =>
  one.ofKind('send').find((effect) => effect.message.kind === 'fetch')

/** A member that has just learnt that all of the chain is final, and has nothing of it. */
function behind(): Member {
  const one = group.member(self)
  for (const peer of others) one.input({ kind: 'linkUp', peer })
  one.hearCertificate(finalOf(blockOf(length)))
  return one
}

/** What a correct member answers: blocks from there on, as many as fit. */
function answer(one: Member, from: number, fromHeight: number, count: number): void {
  const last = Math.min(length, fromHeight + count - 1)
  const blocks = chain.slice(fromHeight - 1, last)
  one.hear(from, {
    kind: 'range',
    fromHeight,
    blocks,
    tail: [],
    certificate: finalOf(blockOf(last)),
  })
}

/** Answer all questions, the liar's as it likes. Says how many went to whom. */
function comeBack(
  one: Member,
  lie: (question: Extract<Question['message'], { kind: 'fetch' }>, liar: number) => void,
): { asked: readonly number[]; fetchedBytesMax: number } {
  const asked = [0, 0, 0, 0]
  let fetchedBytesMax = 0
  let liar: number | undefined
  for (let next = questionOf(one); next !== undefined; next = questionOf(one)) {
    const { message, to } = next
    assert(message.kind === 'fetch' && to !== 'all')
    // Whoever is asked first is the liar.
    liar ??= to
    asked[to] = (asked[to] ?? 0) + 1
    assert((asked[to] ?? 0) <= length, 'the same one is asked for ever')
    if (to === liar) lie(message, liar)
    else answer(one, to, message.fromHeight, 2)
    fetchedBytesMax = Math.max(fetchedBytesMax, one.machine.fetchedBytes)
  }
  assert.equal(one.machine.executed.height, length)
  assert.equal(one.machine.held.size, 0)
  assert.deepEqual([one.machine.heldBytes, one.machine.fetchedBytes], [0, 0])
  const ofLiar = asked[liar ?? -1] ?? 0
  return { asked: [ofLiar, asked.reduce((sum, count) => sum + count, 0) - ofLiar], fetchedBytesMax }
}

test('C96: a liar that answers with the one block that was named is not asked for ever', () => {
  const one = behind()
  const { asked } = comeBack(one, ({ digest }, liar) => {
    const block = chain.find((candidate) => candidate.digest === digest)
    assert(block !== undefined)
    one.hear(liar, { kind: 'block', block })
  })
  const [ofLiar = 0, ofOthers = 0] = asked
  assert(ofLiar <= 2, `${ofLiar} questions to the liar, ${ofOthers} to the others`)
})

test('C96: a liar that answers with a block at a time gets no more questions than its turn', () => {
  const one = behind()
  const { asked } = comeBack(one, ({ fromHeight }, liar) => answer(one, liar, fromHeight, 1))
  const [ofLiar = 0, ofOthers = 0] = asked
  assert(ofLiar <= 2, `${ofLiar} questions to the liar, ${ofOthers} to the others`)
})

test('C106: nobody but liars: what is fetched on the way back has a bound, and votes go on', () => {
  const one = behind()
  const max = limits.heldBlocksBytesMax + 1_024
  let mostBlocks = 0
  for (let round = 0; round < 3 * length; round++) {
    const next = questionOf(one)
    assert(next?.message.kind === 'fetch' && next.to !== 'all')
    const { digest } = next.message
    const block = chain.find((candidate) => candidate.digest === digest)
    assert(block !== undefined)
    one.hear(next.to, { kind: 'block', block })
    assert(one.machine.fetchedBytes <= max, `${one.machine.fetchedBytes} bytes`)
    assert.equal(one.machine.heldBytes, 0)
    mostBlocks = Math.max(mostBlocks, one.machine.held.size)
  }
  assert.equal(mostBlocks, Math.floor(max / (blockBytes + 1_024)))
  const proposal = group.block(length + 1, { parent: blockOf(length), items: [makeItem(9_999, 5)] })
  if (group.leader(length + 1) === self) return
  one.hearProposal(proposal, [finalOf(blockOf(length))])
  assert.deepEqual(one.votes(), [`notarize ${length + 1}`])
})

test('C106: a chain of empty blocks has a bound on the way back, too', () => {
  const empty: Block[] = []
  for (let view = 1; view <= length; view++) {
    const parent = empty.at(-1)
    empty.push(group.block(view, { items: [], ...(parent === undefined ? {} : { parent }) }))
  }
  const one = group.member(self)
  for (const peer of others) one.input({ kind: 'linkUp', peer })
  one.hearCertificate(finalOf(empty[length - 1] ?? blockOf(1)))
  const most = limits.heldBlocksBytesMax / 1_024
  for (let round = 0; round < 2 * length; round++) {
    const next = questionOf(one)
    assert(next?.message.kind === 'fetch' && next.to !== 'all')
    const { digest } = next.message
    const block = empty.find((candidate) => candidate.digest === digest)
    assert(block !== undefined)
    one.hear(next.to, { kind: 'block', block })
    assert(one.machine.held.size <= most + 1, `${one.machine.held.size} blocks`)
  }
  assert(defaultConsensusLimits.heldBlocksBytesMax > limits.heldBlocksBytesMax)
})

test('a peer whose range proves nothing is heard no more, and asks for nobody in its place', () => {
  const one = behind()
  const liar = questionOf(one)?.to
  assert(typeof liar === 'number')
  const block = blockOf(1)
  const certificate = finalOf(block)
  const forged = { ...certificate, signatures: [...certificate.signatures].reverse() }
  const range = {
    kind: 'range',
    fromHeight: 1,
    blocks: [block],
    tail: [],
    certificate: forged,
  } as const
  one.hear(liar, range)
  assert.equal(one.ofKind('demerit').length, 1)
  const next = questionOf(one)?.to
  assert(typeof next === 'number' && next !== liar)
  for (let count = 0; count < 10; count++) {
    one.hear(liar, range)
    assert.deepEqual([one.ofKind('demerit').length, questionOf(one)], [0, undefined])
  }
})

test('a peer that helps well is asked again, until it does not', () => {
  const one = behind()
  const first = questionOf(one)?.to
  assert(typeof first === 'number')
  answer(one, first, 1, 2)
  assert.equal(questionOf(one)?.to, first)
  answer(one, first, 3, 2)
  assert.equal(questionOf(one)?.to, first)
  answer(one, first, 5, 1)
  const second = questionOf(one)?.to
  assert(typeof second === 'number' && second !== first)
  answer(one, second, 6, 2)
  assert.equal(questionOf(one)?.to, second)
  one.timer('fetch')
  const third = questionOf(one)?.to
  assert(typeof third === 'number' && third !== second && third !== first)
})
