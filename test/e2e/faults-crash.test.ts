/**
 * Writers that never stop, and Processors that are killed again and again, with what a crash leaves
 * behind: a torn record at the end of a journal, a torn file in a vault. Every file that was
 * acknowledged must read back right, at every Processor.
 */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { UnosysApiError } from '../../src/sdk/index.ts'
import { blockFilesOf } from '../../tools/tour/block-files.ts'
import { eachOf } from '../../tools/tour/transfer.ts'
import { pause, until } from '../../tools/tour/until.ts'
import type { TourProcessor } from '../../tools/tour/world.ts'
import { bytesOf, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('crash')
const roundCount = 6
const aliveMs = 1_500

/** Writes files through one Processor until told to stop; remembers which were acknowledged. */
class Writer {
  readonly acknowledged = new Map<string, number>()
  failedCount = 0
  readonly #processor: TourProcessor
  #isStopped = false
  #ended: Promise<void> | undefined

  constructor(processor: TourProcessor) {
    this.#processor = processor
  }

  start(): void {
    this.#ended = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#ended
  }

  async #run(): Promise<void> {
    const { client, n } = this.#processor
    for (let index = 0; !this.#isStopped; index++) {
      const seed = n * 10_000 + index
      const path = `/public/crash/${n}/${seed}.bin`
      try {
        await client.write(path, contentOf(seed), { parents: true, deadlineMs: 5_000 })
        this.acknowledged.set(path, seed)
      } catch (error) {
        // Not acknowledged: it may be there or not. Its Processor may be dead.
        assert(error instanceof UnosysApiError, String(error))
        this.failedCount++
        await pause(100)
      }
    }
  }
}

const contentOf = (seed: number): Uint8Array => bytesOf(seed, 500 + (seed % 7) * 40_000)

/** Half a record at the end of each journal, as a crash in the middle of a write leaves it. */
function tearJournals(processor: TourProcessor): number {
  const folder = join(processor.folder, 'journal')
  const logs = readdirSync(folder).filter((name) => name.endsWith('-wal'))
  for (const name of logs) appendFileSync(join(folder, name), bytesOf(7, 1_234))
  return logs.length
}

/** The newest block file loses its second half. */
function tearVault(processor: TourProcessor): string | undefined {
  const files = blockFilesOf(processor.folder).map(({ path }) => {
    return { path, changedMs: statSync(path).ctimeMs }
  })
  const [newest] = files.sort((a, b) => b.changedMs - a.changedMs)
  if (newest === undefined) return undefined
  truncateSync(newest.path, Math.floor(statSync(newest.path).size / 2))
  return newest.path
}

test(`SIGKILL, ${roundCount} rounds, with torn journals and block files: no acknowledged file is lost`, async () => {
  const world = worldOf()
  const writers = [1, 3].map((n) => new Writer(world.at(n)))
  for (const writer of writers) writer.start()
  let tornCount = 0
  for (let round = 0; round < roundCount; round++) {
    await pause(aliveMs)
    const victim = world.at((round % 4) + 1)
    await victim.kill()
    assert(existsSync(join(victim.folder, 'journal')))
    tornCount += tearJournals(victim)
    tearVault(victim)
    await victim.start()
    await until('it serves again', 60_000, async () => (await victim.status()).ready)
  }
  await Promise.all(writers.map((writer) => writer.stop()))
  await world.allMeet()
  const files = writers.flatMap(({ acknowledged }) => [...acknowledged])
  assert(files.length > roundCount, `only ${files.length} files were acknowledged`)
  assert(tornCount >= roundCount, `${tornCount} journals were torn`)
  for (const n of [2, 4]) {
    await eachOf(files, 8, async ([path, seed]) => {
      const bytes = await world.at(n).client.readAll(path)
      assert(Buffer.from(bytes).equals(contentOf(seed)), `${path} at Processor ${n}`)
    })
  }
})
