import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createSqliteJournals } from '../../src/adapters/sqlite-journal.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { SimClock } from '../../src/simulator/sim-clock.ts'
import { SimJournals } from '../../src/simulator/sim-journal.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { driven } from './driven.ts'
import { journalCompliance } from './journal.ts'

journalCompliance({
  name: 'sqlite-journal',
  open: async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-journal-'))
    return {
      opener: createSqliteJournals(folder),
      drive: (body) => body(),
      close: async () => fs.rmSync(folder, { recursive: true }),
    }
  },
})

journalCompliance({
  name: 'sim-journal',
  open: async () => ({
    opener: new SimJournals({ random: new SimRandom(1) }).opener(),
    drive: (body) => body(),
    close: async () => {},
  }),
})

journalCompliance({
  name: 'sim-journal that takes its time',
  open: async () => {
    const scheduler = new Scheduler({ settle: () => new Promise((done) => setImmediate(done)) })
    const clock = new SimClock(new SimProcess(scheduler, 'a'))
    return {
      opener: new SimJournals({ random: new SimRandom(2) }).opener(clock),
      drive: (body) => driven(scheduler, body),
      close: async () => {},
    }
  },
})
