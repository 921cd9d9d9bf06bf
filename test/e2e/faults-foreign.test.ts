/** Worlds with other keys: they cannot join, and cannot read. */
import assert from 'node:assert/strict'
import { copyFileSync, cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createWorld } from '../../src/main/create-world.ts'
import { ExitCode } from '../../src/main/exit-codes.ts'
import { type ProcessorProcess, spawnProcessor } from '../../src/main/processor-process.ts'
import { isApiError, UnosysClient } from '../../src/sdk/index.ts'
import { until } from '../../tools/tour/until.ts'
import { temporaryFolder, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('foreign')
const foreignFolder = temporaryFolder('foreign-other')
const started: ProcessorProcess[] = []
after(() => Promise.all(started.map((process) => process.kill())))

function spawned(dataFolder: string): ProcessorProcess {
  const process = spawnProcessor({ dataFolder, httpPort: 0 })
  started.push(process)
  return process
}

/** Another world whose Processors 2, 3 and 4 are said to be where those of ours listen. */
async function otherWorld(): Promise<{ readonly folder: string; readonly token: string }> {
  const folder = join(foreignFolder, 'world')
  const ours = worldOf().processors.map(({ linkAddress }) => linkAddress)
  const created = await createWorld({
    outFolder: folder,
    nodeCount: 4,
    httpPorts: [0, 0, 0, 0],
    linkAddresses: ['127.0.0.1:1', ...ours.slice(1)],
  })
  return { folder, token: readFileSync(created.tokenFile, 'utf8').trim() }
}

const refusedAt = async (n: number): Promise<number> => {
  const { metrics } = await worldOf().at(n).status()
  return Object.entries(metrics)
    .filter(([name]) => name.startsWith('links.refused'))
    .reduce((sum, [, count]) => sum + count, 0)
}

test('C2: a Processor of a world with another computer key cannot join; it is refused and counted', async () => {
  const { folder, token } = await otherWorld()
  const before = await Promise.all([2, 3, 4].map(refusedAt))
  const stranger = spawnProcessor({
    dataFolder: join(folder, '1'),
    httpPort: 0,
    linkAddress: '127.0.0.1:0',
  })
  started.push(stranger)
  const { api } = await stranger.ready
  await until('each of ours refuses it', 20_000, async () => {
    const now = await Promise.all([2, 3, 4].map(refusedAt))
    return now.every((count, index) => count > (before[index] ?? 0))
  })
  // It knows nobody: without a quorum it cannot even check its own token.
  const there = new UnosysClient({ api, token })
  await assert.rejects(there.status(), (error) => {
    assert(isApiError(error, 'filesystem/unavailable'), String(error))
    assert.equal(error.detail.reachable, 1)
    return true
  })
  // Ours goes on as if nothing were there.
  await worldOf().at(2).client.write('/public/undisturbed.txt', 'yes')
  const ours = await worldOf().at(2).status()
  assert(ours.ready && ours.processors.every(({ up }) => up))
  await stranger.kill()
})

test('C2: the token of one world opens nothing in another', async () => {
  const folder = join(temporaryFolder('foreign-token'), 'world')
  const created = await createWorld({ outFolder: folder, nodeCount: 1, httpPorts: [0] })
  const token = readFileSync(created.tokenFile, 'utf8').trim()
  const stranger = new UnosysClient({ api: worldOf().at(1).api, token })
  const isRefused = (error: unknown): boolean => isApiError(error, 'users/unauthenticated')
  await assert.rejects(stranger.readAll('/public/undisturbed.txt'), isRefused)
  await assert.rejects(stranger.status(), isRefused)
})

/** A copy of the folder of our Processor 1 with one file of another world. */
async function mixed(file: string): Promise<string> {
  const folder = temporaryFolder(`foreign-${file}`)
  const other = join(folder, 'other')
  await createWorld({ outFolder: other, nodeCount: 4, httpPorts: [0, 0, 0, 0] })
  const target = join(folder, 'mixed')
  const ours = worldOf().at(1).folder
  for (const name of ['processor.json', 'genesis', 'keyring']) {
    cpSync(join(ours, name), join(target, name))
  }
  copyFileSync(join(other, '1', file), join(target, file))
  return target
}

for (const [file, sentence] of [
  ['keyring', /keys do not fit the world/],
  ['genesis', /not the document of this world/],
] as const) {
  test(`C2: a Processor with the ${file} of another world does not start, and says why`, async () => {
    const refused = spawned(await mixed(file))
    await assert.rejects(refused.ready, sentence)
    const { code } = await refused.exited
    assert.equal(code, ExitCode.Damaged)
  })
}

test('C2: a stolen folder without its keyring does not start', async () => {
  const folder = temporaryFolder('foreign-stolen')
  for (const name of ['processor.json', 'genesis']) {
    cpSync(join(worldOf().at(1).folder, name), join(folder, name))
  }
  const refused = spawned(folder)
  await assert.rejects(refused.ready, /keyring/)
  assert.equal((await refused.exited).code, ExitCode.Damaged)
})
