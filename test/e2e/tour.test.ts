/**
 * The tour, sentence by sentence: the same steps as `npm run tour`, on real input cut short, each a
 * test. A step fails when one of its promises is not kept.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from '../../tools/source/tree.ts'
import { showHolders, showNothingTold } from '../../tools/tour/disk-steps.ts'
import { catchUp, damageBlocks, killWhileWriting } from '../../tools/tour/fault-steps.ts'
import { readElsewhere, storeFolder, storeLarge } from '../../tools/tour/file-steps.ts'
import { shortInput } from '../../tools/tour/input.ts'
import { silentTeller, Walk } from '../../tools/tour/promises.ts'
import type { Tour } from '../../tools/tour/tour.ts'
import { endWorld, startWorld } from '../../tools/tour/world-steps.ts'
import { temporaryFolder, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('tour')
const walk = new Walk(silentTeller)
const input = shortInput({ bytesMax: 16_000_000, fileCount: 40 })

/** Takes one step; at least so many promises of it must have been kept. */
async function step(promiseCount: number, work: (tour: Tour) => Promise<void>): Promise<void> {
  const before = walk.promises.length
  await work({ world: worldOf(), walk, input })
  const made = walk.promises.slice(before)
  assert(made.length >= promiseCount && made.every(({ kept }) => kept))
}

test('C5: tour: four Processors start as four processes of one world', () => step(2, startWorld))

test('C16: tour: a real large file is stored through Processor 1', () => step(1, storeLarge))

test('C15: tour: a folder of small real files is stored through Processor 1', () =>
  step(1, storeFolder))

test('C17, C18: tour: both are read through Processor 3 and have the same SHA-256', () =>
  step(2, (tour) => readElsewhere(tour, 3)))

test('C46, C47: tour: the blocks of a file lie on different Processors, one file for each copy', () =>
  step(2, showHolders))

test('C49, C53: tour: names and contents of block files, journals and logs tell nothing', () =>
  step(3, showNothingTold))

test('C3: tour: Processor 2 is killed in the middle of a write, and the write goes on', () =>
  step(3, (tour) => killWhileWriting(tour, { through: 1, victim: 2, reader: 3 })))

test('C56, C57, C61: tour: a changed byte and a changed name are reported, and the file reads right', () =>
  step(5, (tour) => damageBlocks(tour, { reader: 3 })))

test('C3: tour: Processor 2 is started again and catches up, log and blocks', () =>
  step(3, (tour) => catchUp(tour, 2)))

test('C5: tour: every Processor stops when it is asked to', () => step(1, endWorld))

type Ended = { readonly code: number | null; readonly lines: readonly string[] }

function runTour(args: readonly string[]): Promise<Ended> {
  const program = join(projectRoot, 'tools', 'tour.ts')
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, lines: text.trim().split('\n') }))
  })
}

test('tour: the program keeps every promise, says so in JSON, and leaves the world when told', async () => {
  const folder = temporaryFolder('tour-program')
  const { code, lines } = await runTour([
    '--quick',
    '--json',
    '--keep',
    '--data',
    join(folder, 'w'),
  ])
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(code, 0, lines.at(-1))
  assert.equal(events.filter(({ event }) => event === 'step').length, 10)
  const promises = events.filter(({ event }) => event === 'promise')
  assert(promises.length >= 20 && promises.every(({ kept }) => kept === true))
  const { tookMs: _tookMs, ...end } = events.at(-1) ?? {}
  assert.deepEqual(end, {
    event: 'end',
    kept: promises.length,
    broken: 0,
    folder: join(folder, 'w'),
  })
  assert(existsSync(join(folder, 'w', 'world', '1', 'vault')))
})

test('tour: an option that it does not know is wrong use', async () => {
  assert.equal((await runTour(['--slowly'])).code, 2)
})
