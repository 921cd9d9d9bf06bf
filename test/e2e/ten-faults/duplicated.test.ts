/**
 * Fault 6 of the white paper's ten: messages arrive more than once. Frames sent twice, frames of
 * an old connection in a new one, and requests that an application repeats at other Processors.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnosysClient } from '../../../src/sdk/index.ts'
import { atWork, happened, judge } from './at-work.ts'

const appendCount = 5

test('C90: fault 6, duplicated: frames come twice and again later, requests come at all Processors: each is done once', async (t) => {
  const work = await atWork(t, { seed: 6 })
  const { faulty, workload } = work
  const { wires, world } = faulty
  wires.set(wires.ways(), { duplicated: 0.003, replayed: 0.003 })
  await workload.progress(10)
  await happened(work, 'duplicated', 'replayed')
  wires.set(wires.ways(), { duplicated: 0.001, replayed: 0.001 })
  const path = '/public/appended.txt'
  await faulty.at(1).client.write(path, '')
  for (let index = 0; index < appendCount; index++) {
    // The same request at each Processor at once, and once more.
    const once = { idempotencyKey: `append-${index}` }
    const clients = [...world.processors, faulty.at((index % 4) + 1)].map(
      ({ api, token }) => new UnosysClient({ api, token }),
    )
    await Promise.all(clients.map((client) => client.append(path, `${index}\n`, once)))
    if (index % 2 === 0) wires.cut(wires.ways())
  }
  const text = Buffer.from(await faulty.at(2).client.readAll(path)).toString()
  const wanted = Array.from({ length: appendCount }, (_, index) => `${index}\n`).join('')
  assert.equal(text, wanted)
  await judge(t, work, { faults: ['duplicated', 'replayed', 'cut'] })
})
