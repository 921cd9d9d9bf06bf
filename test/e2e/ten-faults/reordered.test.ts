/**
 * Fault 4 of the white paper's ten: messages arrive out of order. Messages of different Processors
 * do so by nature; those of one do where a new connection overtakes the old one; and within a
 * connection only a wire that changes its bytes can do it, which the link notices.
 */
import { test } from 'node:test'
import { pause } from '../../../tools/tour/until.ts'
import { atWork, happened, judge } from './at-work.ts'

const roundCount = 3
const lateMs = 250

test('C90: fault 4, reordered: wires of different length, connections that overtake each other, frames that change places', async (t) => {
  const work = await atWork(t, { seed: 4 })
  const { faulty, workload } = work
  const { wires } = faulty
  for (let round = 0; round < roundCount; round++) {
    // One Processor's messages come late, to each of the others differently late.
    const n = (round % 4) + 1
    for (const [index, way] of wires.ways(n).entries()) {
      wires.set([way], { delayMs: index * 40, jitterMs: lateMs })
    }
    await workload.progress(4)
    wires.overtake(wires.ways(n), 3_000)
    wires.set(wires.ways(n), {})
    await pause(lateMs)
  }
  wires.set(wires.ways(), { swapped: 0.003, jitterMs: 20 })
  await workload.progress(10)
  await happened(work, 'swapped')
  await judge(t, work, { faults: ['delayed', 'overtaken', 'swapped'] })
})
