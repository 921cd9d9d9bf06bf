/** A world of real Processors for one test file: made before its tests, gone after them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { makeTourWorld, type TourWorld, type TourWorldOptions } from '../../tools/tour/world.ts'

/** A folder that goes when the tests of the file have ended. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `unosys-${name}-`))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The world, once the tests run. It is killed after them, whatever became of them. */
export function worldForTests(
  name: string,
  options: Omit<TourWorldOptions, 'folder'> = { nodeCount: 4 },
): () => TourWorld {
  let world: TourWorld | undefined
  const folder = mkdtempSync(join(tmpdir(), `unosys-${name}-`))
  before(async () => {
    world = await makeTourWorld({ ...options, folder: join(folder, 'world') })
    await world.start()
  })
  after(async () => {
    await world?.killAll()
    rmSync(folder, { recursive: true, force: true })
  })
  return () => {
    if (world === undefined) throw new Error('the world is there once the tests run')
    return world
  }
}

/** Bytes that differ everywhere and can be made again: `size` of them from a number. */
export function bytesOf(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let index = 0; index < size; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state
  }
  return bytes
}
