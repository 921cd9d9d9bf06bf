/**
 * Fault 5 of the white paper's ten: messages are dropped, or never sent. A frame that a stream
 * lacks ends its link, a broken connection loses what was on its way, and a wire that carries
 * nothing at all looks as good as one that does: whatever is missing is asked for again.
 */
import { test } from 'node:test'
import { atWork, happened, judge } from './at-work.ts'

test('C90: fault 5, dropped: frames are lost on all wires, connections break, one pair never hears each other', async (t) => {
  const work = await atWork(t, { seed: 5 })
  const { faulty, workload } = work
  const { wires } = faulty
  wires.set(wires.ways(), { lost: 0.004, cut: 0.002 })
  await workload.progress(20)
  await happened(work, 'lost', 'cut')
  wires.set([{ from: 1, to: 3 }], { swallowed: true })
  await workload.progress(10)
  await happened(work, 'swallowed')
  wires.set(
    wires.ways(2).filter(({ to }) => to === 2),
    { lost: 0.05 },
  )
  await workload.progress(10)
  await judge(t, work, { faults: ['lost', 'cut', 'swallowed'] })
})
