/**
 * A process that puts blocks into the vault in the folder given as its first argument, 16 at a
 * time, and prints the number of each block whose put resolved. It goes on until it is killed.
 */
import fs from 'node:fs'
import { createNodeDisk } from '../../src/adapters/node-disk.ts'
import { blockOf, vaultOn } from './vault-fixture.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: vault-writer.ts FOLDER')
const vault = await vaultOn(createNodeDisk(folder))
let next = 0
const lane = async (): Promise<never> => {
  for (;;) {
    const number = next++
    await vault.put(blockOf(number, { bytes: 20_000 }))
    // Synchronously: a line that was not written is no acknowledgement.
    fs.writeSync(1, `${number}\n`)
  }
}
await Promise.all(Array.from({ length: 16 }, lane))
