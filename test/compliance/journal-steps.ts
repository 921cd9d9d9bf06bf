/** Commits three times, one after the other, and prints each time. Argument: the store's folder. */
import fs from 'node:fs'
import { createSqliteJournals } from '../../src/adapters/sqlite-journal.ts'
import { numberKey } from './journal-numbers.ts'

const journal = await createSqliteJournals(process.argv[2] ?? '').open('main')
fs.writeSync(1, 'open\n')
for (let number = 1; number <= 3; number++) {
  await journal.commit([{ kind: 'put', key: numberKey(number, 0), value: new Uint8Array(100) }])
  fs.writeSync(1, `committed ${number}\n`)
}
await journal.close()
