/**
 * Fault 9 of the white paper's ten: messages are corrupted, and so is what rests. Bits turn on all
 * wires; block files of one Processor are altered, renamed and removed while it runs; its journal
 * is altered while it is down. Nothing wrong is believed, and everything is mended.
 */
import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { markJournal } from '../../../src/main/damaged-journal.ts'
import { SimRandom } from '../../../src/simulator/sim-random.ts'
import { spoilJournal } from '../../../tools/faults/processor-troubles.ts'
import { blockFilesOf, changeOneByte, changeOneCharacter } from '../../../tools/tour/block-files.ts'
import { blocksOf, misplaced } from '../../../tools/tour/block-map.ts'
import { until } from '../../../tools/tour/until.ts'
import { bytesOf } from '../tour-world.ts'
import { atWork, happened, judge } from './at-work.ts'

const mendedMsMax = 120_000
const spoiled = 3

test('C90: fault 9, corrupted: bits turn on all wires and in all block files of one Processor', async (t) => {
  const work = await atWork(t, { seed: 9 })
  const { faulty, workload } = work
  const { wires } = faulty
  const content = bytesOf(9, 1_500_000)
  const path = '/public/spoiled.bin'
  await faulty.at(1).client.write(path, content)
  const blocks = await blocksOf(faulty.at(1).client, path)
  await until('all copies are there', mendedMsMax, () => {
    return misplaced(blocks, faulty.world.processors).length === 0
  })
  wires.set(wires.ways(), { corrupted: 0.008 })
  await workload.progress(15)
  faulty.accusations.damaged.add(spoiled)
  const files = blockFilesOf(faulty.at(spoiled).folder)
  assert(files.length >= 3, 'one is altered, one renamed, one removed')
  for (const [index, file] of files.entries()) {
    if (index % 3 === 0) changeOneByte(file.path)
    else if (index % 3 === 1) changeOneCharacter(file)
    else rmSync(file.path)
  }
  await workload.progress(10)
  for (const n of [1, 2, 3, 4]) {
    const read = await faulty.at(n).client.readAll(path)
    assert(Buffer.from(read).equals(content), `Processor ${n} gives another content`)
  }
  await happened(work, 'corrupted')
  wires.heal()
  await until('the copies are mended', mendedMsMax, async () => {
    for (const { client } of faulty.world.processors) await client.readAll(path)
    return misplaced(blocks, faulty.world.processors).length === 0
  })
  await judge(t, work, { faults: ['corrupted'] })
})

test('C90: fault 9, corrupted: a journal that was altered while its Processor was down is set aside, and its member readmitted', async (t) => {
  const avoided = new Set<number>()
  const work = await atWork(t, { seed: 99, through: (n) => !avoided.has(n) })
  const { faulty, workload } = work
  await workload.progress(15)
  avoided.add(spoiled)
  await faulty.kill(spoiled)
  const names = spoilJournal(join(faulty.at(spoiled).folder, 'journal'), new SimRandom(99))
  assert(names.length >= 2)
  await workload.progress(10)
  // It sets the journal aside, comes back without a memory, and votes once it is readmitted.
  await faulty.at(spoiled).start()
  assert(existsSync(join(faulty.at(spoiled).folder, 'journal-damaged-1')))
  avoided.delete(spoiled)
  await until('it votes again', mendedMsMax, async () => {
    return (await faulty.at(spoiled).status()).group.votes
  })
  // What a run has found damaged, the next one leaves.
  await faulty.kill(spoiled)
  markJournal(faulty.at(spoiled).folder, new Error('found by a run'))
  await faulty.at(spoiled).start()
  assert(existsSync(join(faulty.at(spoiled).folder, 'journal-damaged-2')))
  await workload.progress(10)
  await judge(t, work, { faults: [] })
})
