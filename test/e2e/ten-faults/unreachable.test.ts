/**
 * Fault 2 of the white paper's ten: a Processor cannot be reached. One that is cut off, frozen or
 * vanished does not hold up the others; halves of a world stand still rather than contradict each
 * other; and all of them come together again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isApiError } from '../../../src/sdk/index.ts'
import type { Way } from '../../../tools/faults/wires.ts'
import { pause } from '../../../tools/tour/until.ts'
import { atWork, happened, judge } from './at-work.ts'

const deafMs = 6_000
const splitMs = 8_000
const answeredMs = 1_000

test('C90: fault 2, unreachable: a Processor that is cut off, vanished or frozen does not hold up the others', async (t) => {
  const avoided = new Set<number>()
  const work = await atWork(t, { seed: 2, through: (n) => !avoided.has(n) })
  const { faulty, workload } = work
  const { wires } = faulty

  avoided.add(4)
  wires.set(wires.ways(4), { stalled: true })
  wires.setDoor(wires.ways(4), 'silent')
  await workload.progress(10)
  await happened(work, 'stalled', 'silent')
  // Whoever asks it is told so, and nothing is half done.
  const alone = faulty.at(4).client.write('/public/alone', 'x', { deadlineMs: deafMs })
  await assert.rejects(alone, (error) => isApiError(error) && error.status === 503)
  wires.heal()
  avoided.delete(4)

  await faulty.world.allMeet()
  // Its peers' connections stay open, and nothing comes.
  wires.vanish(2)
  await workload.progress(10)

  // It hears everybody, and nobody hears it.
  wires.set(
    wires.ways(1).filter(({ from }) => from === 1),
    { swallowed: true },
  )
  avoided.add(1)
  await workload.progress(10)
  await happened(work, 'swallowed')
  wires.heal()
  avoided.delete(1)

  avoided.add(3)
  faulty.at(3).freeze()
  try {
    await workload.progress(10)
    await pause(deafMs)
    // It is frozen indeed.
    const signal = AbortSignal.timeout(answeredMs)
    await assert.rejects(faulty.at(3).client.status({ signal }), (error) => {
      return isApiError(error, 'sdk/aborted')
    })
  } finally {
    faulty.at(3).thaw()
  }
  avoided.delete(3)
  await judge(t, work, { faults: ['stalled', 'silent', 'vanished', 'swallowed'] })
})

test('C90 C98: fault 2, unreachable: of two halves neither goes on, and both together do', async (t) => {
  const work = await atWork(t, { seed: 22 })
  const { faulty, workload } = work
  const { wires } = faulty
  const isAcross = ({ from, to }: Way): boolean => from <= 2 !== to <= 2
  const across = wires.ways().filter(isAcross)
  wires.set(across, { swallowed: true })
  wires.setDoor(across, 'refused')
  wires.cut(across)
  // What was on its way may still come to an end.
  await pause(1_000)
  const before = workload.acknowledgedCount
  await pause(splitMs)
  await happened(work, 'cut', 'refused')
  assert.equal(workload.acknowledgedCount, before, 'half of a world acknowledged a change')
  await judge(t, work, { faults: ['cut', 'refused'] })
})
