/**
 * A process with few open files, all of them in use: what the disk says then, and afterwards.
 * Argument: a folder with a file `there` and a folder `names`.
 */
import fs from 'node:fs'
import { createNodeDisk } from '../../src/adapters/node-disk.ts'
import { isUnosysError } from '../../src/base/error.ts'

const disk = createNodeDisk(process.argv[2] ?? '')
const body = new Uint8Array(4096)
const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  read: () => disk.read('there'),
  writeSynced: () => disk.writeSynced('names/new', [body]),
  syncFolder: () => disk.syncFolder('names'),
  list: () => disk.list('names'),
}

/** Open files until there is none left. */
function openAll(): number[] {
  const open: number[] = []
  for (;;) {
    try {
      open.push(fs.openSync('/dev/null', 'r'))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EMFILE') return open
      throw error
    }
  }
}

const open = openAll()
const codes = new Set<string>()
for (const call of Object.values(calls)) {
  const [outcome] = await Promise.allSettled([call()])
  if (outcome.status === 'fulfilled') codes.add('fine')
  else codes.add(isUnosysError(outcome.reason) ? outcome.reason.code : String(outcome.reason))
}
for (const file of open) fs.closeSync(file)
for (const call of Object.values(calls)) await call()
fs.writeSync(1, `${Object.keys(calls).join(' ')}: ${[...codes].join(' ')}; then fine\n`)
