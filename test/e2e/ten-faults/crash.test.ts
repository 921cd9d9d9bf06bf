/**
 * Fault 1 of the white paper's ten: a Processor crashes. Each is killed once while applications
 * work, whoever leads; all are killed at once; and one runs out of disk, which is a crash of its
 * own making at most.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExitCode } from '../../../src/main/exit-codes.ts'
import { putOnSmallDisk, type SmallDisk, whyNoSmallDisk } from '../../../tools/faults/small-disk.ts'
import { until } from '../../../tools/tour/until.ts'
import { atWork, judge } from './at-work.ts'

const backMsMax = 90_000

test('C90: fault 1, crash: each Processor is killed at work, then all at once; nothing acknowledged is lost', async (t) => {
  const work = await atWork(t, { seed: 1 })
  const { faulty, workload } = work
  for (const n of [1, 2, 3, 4]) {
    const killedAtMs = performance.now()
    assert.equal((await faulty.kill(n)).signal, 'SIGKILL')
    await workload.progress(8)
    const pauseMs = workload.history.longestPauseMs(killedAtMs - 1, performance.now())
    t.diagnostic(`Processor ${n} is killed: ${Math.round(pauseMs)} ms without a change at most`)
    await faulty.at(n).start()
    await until('it is back', backMsMax, async () => {
      const { ready, group } = await faulty.at(n).status()
      return ready && !group.catchingUp
    })
  }
  await workload.progress(5)
  await faulty.killAll()
  assert.equal(faulty.world.running.length, 0)
  await faulty.start()
  await judge(t, work, { faults: [] })
})

/** Processors keep 128 MiB free for their journal: below that they take no more blocks. */
const diskBytes = 256 * 1024 * 1024
const tightBytes = 16 * 1024 * 1024
const noDisk = whyNoSmallDisk()
const skip = { skip: noDisk === undefined ? false : `no small file system here: ${noDisk}` }

test(
  'C90: fault 1, crash: a Processor whose disk is full does not hold up the others, and comes back when there is room',
  skip,
  async (t) => {
    const avoided = new Set<number>()
    let disk: SmallDisk | undefined
    const work = await atWork(t, {
      seed: 11,
      through: (n) => !avoided.has(n),
      start: async (faulty, cleanup) => {
        const small = putOnSmallDisk(faulty.at(2).folder, diskBytes)
        disk = small
        cleanup(async () => {
          if (faulty.at(2).isRunning) await faulty.at(2).kill()
          small.release()
        })
        await faulty.start()
      },
    })
    const { faulty, workload } = work
    avoided.add(2)
    disk?.fill(tightBytes)
    await workload.progress(10)
    assert(faulty.at(2).isRunning, 'no room for blocks is no reason to stop')
    disk?.fill(0)
    await workload.progress(10)
    await until('it stops: it cannot keep its journal', backMsMax, async () => {
      if (faulty.at(2).isRunning) await workload.progress(1)
      return !faulty.at(2).isRunning
    })
    const { code, message, detail } = faulty.at(2).failure ?? {}
    t.diagnostic(`${code}: ${message}`)
    assert.match(message ?? '', /disk|journal/)
    assert.equal(detail?.exitCode, ExitCode.Fault)
    disk?.empty()
    avoided.delete(2)
    if (!faulty.at(2).isRunning) await faulty.at(2).start()
    await judge(t, work, { faults: [] })
  },
)
