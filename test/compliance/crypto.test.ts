import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { simCrypto } from '../../src/simulator/sim-crypto.ts'
import { cryptoCompliance } from './crypto.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

cryptoCompliance({
  name: 'node-crypto',
  open: () => ({ crypto: createNodeCrypto(), settled: (promise) => promise }),
})

cryptoCompliance({
  name: 'sim-crypto',
  open: () => {
    const scheduler = new Scheduler({ settle })
    return {
      crypto: simCrypto(scheduler, createNodeCrypto()),
      settled: async (promise) => {
        // What the scheduler is to see has a listener before it runs.
        const outcome = promise.then(
          (value) => () => value,
          (error: unknown) => () => {
            throw error
          },
        )
        await scheduler.run({})
        return (await outcome)()
      },
    }
  },
})

test('node-crypto: Argon2id leaves the event loop to others', async () => {
  const crypto = createNodeCrypto()
  let turnCount = 0
  let ended = false
  const turn = (): void => {
    turnCount++
    if (!ended) setImmediate(turn)
  }
  setImmediate(turn)
  const salt = new Uint8Array(16)
  await crypto.argon2id({ password: salt, salt, memoryKib: 16_384, passes: 3, length: 32 })
  ended = true
  assert.ok(turnCount > 100, `${turnCount} turns of the event loop`)
})

test('sim-crypto: password hashes end in virtual time, in the order of asking', async () => {
  const scheduler = new Scheduler({ settle })
  const crypto = simCrypto(scheduler, createNodeCrypto())
  const ended: string[] = []
  const ask = (label: string, memoryKib: number): void => {
    const input = { password: new Uint8Array(1), salt: new Uint8Array(16), passes: 1, length: 16 }
    void crypto.argon2id({ ...input, memoryKib }).then(() => ended.push(label))
  }
  ask('large', 32_768)
  ask('small', 8)
  await scheduler.run({})
  assert.deepEqual(ended, ['large', 'small'])
  assert.equal(scheduler.nowMs, 200)
})
