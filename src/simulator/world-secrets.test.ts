import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, utf8 } from '../base/bytes.ts'
import { SimRandom } from './sim-random.ts'
import { WorldSecrets } from './world-secrets.ts'

test('a canary is found at the beginning, in the middle and at the end, and nowhere else', () => {
  for (const [before, after] of [
    [0, 0],
    [0, 9],
    [7, 0],
    [500, 500],
  ] as const) {
    const secrets = new WorldSecrets(new SimRandom(1))
    const noise = new SimRandom(2)
    secrets.look('in noise', [noise.bytes(10_000), utf8(secrets.canary.slice(1)), noise.bytes(3)])
    assert.equal(secrets.fault, undefined)
    const bytes = [noise.bytes(before), utf8(secrets.canary), noise.bytes(after)]
    secrets.look('there', [concat(bytes)])
    assert.match(secrets.fault ?? '', /stands there/)
  }
  const secrets = new WorldSecrets(new SimRandom(3))
  secrets.lookAtText('in a name', `x-${secrets.canary}`)
  assert.match(secrets.fault ?? '', /in a name/)
})
