import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { encodeFinality, isLater, readFinality } from './finality.ts'
import { Shown } from './shown.ts'

const group = new Group(4)
const chain = group.chain(5)
const finalOf = (view: number): ReturnType<Group['certificate']> =>
  group.certificate('finalize', view, { digest: chain[view - 1]!.digest })

test('a finalization certificate is proof to whoever has the configuration', () => {
  const { config } = group
  const bytes = encodeFinality(config, finalOf(2))
  const found = readFinality(group, bytes)
  assert.deepEqual(found, { epoch: config.epoch, view: 2, digest: chain[1]!.digest })
  const notarized = group.certificate('notarize', 2, { digest: chain[1]!.digest })
  assert.equal(readFinality(group, encodeFinality(config, notarized)), undefined)
  const another = { ...config, epoch: config.epoch + 1 }
  assert.equal(readFinality(group, encodeFinality(another, finalOf(2))), undefined)
  for (let place = 0; place < bytes.length; place += 5) {
    const changed = bytes.slice()
    changed[place] = (changed[place] ?? 0) ^ 1
    assert.equal(readFinality(group, changed), undefined, `byte ${place}`)
  }
  assert.equal(readFinality(group, new Uint8Array(0)), undefined)
})

test('later is the later epoch, then the later view', () => {
  const at = (epoch: number, view: number) => ({ epoch, view, digest: chain[0]!.digest })
  assert(isLater(at(1, 1), undefined))
  assert(isLater(at(2, 1), at(1, 9)))
  assert(isLater(at(1, 3), at(1, 2)))
  assert(!isLater(at(1, 2), at(1, 2)))
})

const proofOf = (view: number) => ({ config: group.config, certificate: finalOf(view) })

test('what has no certificate of its own is shown with the next that has one', () => {
  const heard: string[] = []
  const shown = new Shown({
    onDurable: (height, finality) =>
      heard.push(`${height}${finality === undefined ? '' : ' proved'}`),
  })
  shown.executed(1, undefined)
  shown.executed(2, proofOf(2))
  shown.executed(3, undefined)
  shown.durable([1])
  assert.deepEqual(heard, [])
  shown.durable([2, 3])
  assert.deepEqual(heard, ['1', '2 proved'])
  shown.executed(4, proofOf(4))
  shown.executed(5, undefined)
  shown.durable([4, 5])
  assert.deepEqual(heard.slice(2), ['3', '4 proved'])
  // Of what ends an epoch no later block of it tells.
  shown.endsEpoch(5)
  shown.durable([6])
  assert.deepEqual(heard.slice(4), ['5'])
})
