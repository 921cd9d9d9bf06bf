/**
 * The victim of the crash test: commits numbers as fast as it can, some at once, and prints each
 * number once its commit has resolved. Runs until it is killed. Argument: the folder of the store.
 */
import fs from 'node:fs'
import { createSqliteJournals } from '../../src/adapters/sqlite-journal.ts'
import { numberKey, partCount } from './journal-numbers.ts'

const writersAtOnce = 8

const journal = await createSqliteJournals(process.argv[2] ?? '').open('main')
const [last] = (
  await journal.range({ from: numberKey(0, 0), to: numberKey(2 ** 32 - 1, 0), countMax: 1_000_000 })
).slice(-1)
let next =
  last === undefined ? 1 : new DataView(last.key.buffer, last.key.byteOffset).getUint32(0) + 1

async function write(): Promise<void> {
  for (;;) {
    const number = next++
    const parts = Array.from({ length: partCount }, (_, part) => part)
    await journal.commit(
      parts.map((part) => ({
        kind: 'put',
        key: numberKey(number, part),
        value: new Uint8Array((number * 97) % 9000).fill(number),
      })),
    )
    fs.writeSync(1, `${number}\n`)
  }
}

await Promise.all(Array.from({ length: writersAtOnce }, write))
