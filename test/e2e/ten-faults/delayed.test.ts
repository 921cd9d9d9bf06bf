/**
 * Fault 3 of the white paper's ten: messages are delayed, perhaps for ever. Nothing rests on time
 * but speed: not on how long a message is on its way, and not on what a clock says.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FaultWorld } from '../../../tools/faults/world.ts'
import { pause } from '../../../tools/tour/until.ts'
import { atWork, happened, judge } from './at-work.ts'

const wrongClock = fileURLToPath(
  new URL('../../../tools/faults/programs/shifted-clock.ts', import.meta.url),
)
const hourMs = 60 * 60 * 1_000
/** Of a slow machine. */
const tolerableMs = 10 * 60 * 1_000

test('C90: fault 3, delayed: slow wires everywhere, one Processor that is always late, and wires on which all waits', async (t) => {
  const avoided = new Set<number>()
  const work = await atWork(t, { seed: 3, through: (n) => !avoided.has(n) })
  const { faulty, workload } = work
  const { wires } = faulty
  wires.set(wires.ways(), { delayMs: 30, jitterMs: 100 })
  await workload.progress(10)
  avoided.add(2)
  wires.set(wires.ways(2), { delayMs: 1_500, jitterMs: 1_000 })
  await workload.progress(10)
  avoided.delete(2)
  // For ever, as far as anybody can tell; then all of it comes at once.
  wires.set(wires.ways(), {})
  wires.set(wires.ways(3), { stalled: true })
  avoided.add(3)
  await workload.progress(10)
  await happened(work, 'stalled')
  wires.set(wires.ways(3), {})
  avoided.delete(3)
  await judge(t, work, { faults: ['delayed', 'stalled'] })
})

const setClock = (faulty: FaultWorld, n: number, shiftMs: number): void =>
  writeFileSync(join(faulty.at(n).folder, 'clock-shift-ms'), String(shiftMs))

test('C90: fault 3, delayed: a Processor whose clock is an hour off, and jumps, changes nothing but its own times', async (t) => {
  const work = await atWork(t, {
    seed: 33,
    start: async (faulty) => {
      setClock(faulty, 3, hourMs)
      await faulty.at(3).start({ program: wrongClock })
      await faulty.start()
    },
  })
  const { faulty, workload } = work
  // The clock is wrong indeed, as its log shows; the group does not take its times from it.
  const [line = ''] = readFileSync(join(faulty.at(3).folder, 'log'), 'utf8').split('\n')
  const { time } = JSON.parse(line) as { readonly time: string }
  assert(Math.abs(Date.parse(time) - Date.now() - hourMs) < tolerableMs, time)
  const info = await faulty.at(3).client.write('/public/of-the-future.txt', 'x')
  assert(Math.abs(info.createdMs - Date.now()) < tolerableMs, `made at ${info.createdMs}`)
  await workload.progress(10)
  setClock(faulty, 3, -hourMs)
  await pause(2_000)
  await workload.progress(15)
  const other = await faulty.at(1).client.stat('/public/of-the-future.txt')
  assert.equal(other.createdMs, info.createdMs)
  await judge(t, work, { faults: [] })
})
