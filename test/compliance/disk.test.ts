import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createNodeDisk } from '../../src/adapters/node-disk.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { SimClock } from '../../src/simulator/sim-clock.ts'
import { SimDisk } from '../../src/simulator/sim-disk.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { diskCompliance } from './disk.ts'
import { driven } from './driven.ts'

diskCompliance({
  name: 'node-disk',
  open: async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-disk-'))
    return {
      disk: createNodeDisk(folder),
      drive: (body) => body(),
      close: async () => fs.rmSync(folder, { recursive: true }),
    }
  },
})

diskCompliance({
  name: 'sim-disk',
  open: async () => ({
    disk: new SimDisk({ random: new SimRandom(1) }).mount(),
    drive: (body) => body(),
    close: async () => {},
  }),
})

diskCompliance({
  name: 'sim-disk that takes its time',
  open: async () => {
    const scheduler = new Scheduler({ settle: () => new Promise((done) => setImmediate(done)) })
    const clock = new SimClock(new SimProcess(scheduler, 'a'))
    return {
      disk: new SimDisk({ random: new SimRandom(2) }).mount(clock),
      drive: (body) => driven(scheduler, body),
      close: async () => {},
    }
  },
})
