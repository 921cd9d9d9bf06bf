/** Folders that cannot be used: a clear sentence and an exit code, and nothing is harmed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ExitCode } from '../../src/main/exit-codes.ts'
import {
  processorEnvironment,
  processorFlags,
  processorProgram,
  spawnProcessor,
} from '../../src/main/processor-process.ts'
import { makeTourWorld, type TourProcessor } from '../../tools/tour/world.ts'
import { temporaryFolder } from './tour-world.ts'

const folder = temporaryFolder('disk')
let used: Promise<TourProcessor> | undefined

/** A world of one Processor that has run once and holds a file; each test leaves it so. */
function usedProcessor(): Promise<TourProcessor> {
  used ??= (async () => {
    const world = await makeTourWorld({ folder: join(folder, 'world'), nodeCount: 1 })
    await world.start()
    await world.at(1).client.write('/public/kept.txt', 'kept')
    await world.stop()
    return world.at(1)
  })()
  return used
}

async function refusal(
  dataFolder: string,
): Promise<{ readonly message: string; code: number | null }> {
  const process = spawnProcessor({ dataFolder })
  const message = await process.ready.then(
    async () => {
      await process.kill()
      return 'it started'
    },
    (error: Error) => error.message,
  )
  return { message, code: (await process.exited).code }
}

async function stillThere(processor: TourProcessor): Promise<void> {
  await processor.start()
  const text = Buffer.from(await processor.client.readAll('/public/kept.txt')).toString()
  await processor.stop()
  assert.equal(text, 'kept')
}

const isRoot = process.getuid?.() === 0
const noStranger = { skip: isRoot ? false : 'only root can start a process as another user' }
const withoutRights = { skip: isRoot ? 'root may read every folder' : false }

test('a folder that is not there', async () => {
  const { message, code } = await refusal(join(folder, 'nowhere'))
  assert.equal(code, ExitCode.NotFound)
  assert.match(message, /nowhere/)
})

test(
  'an unreadable data folder: a sentence that names it, and exit code 11',
  withoutRights,
  async () => {
    const processor = await usedProcessor()
    chmodSync(processor.folder, 0)
    const { message, code } = await refusal(processor.folder)
    chmodSync(processor.folder, 0o700)
    assert.equal(code, ExitCode.Folder)
    assert(message.includes(processor.folder), message)
    await stillThere(processor)
  },
)

test(
  'the data folder of somebody else: a sentence that names it, and exit code 11',
  noStranger,
  async () => {
    const processor = await usedProcessor()
    // The folders above are passable for everybody, this one is its owner's alone.
    chmodSync(folder, 0o755)
    chmodSync(join(processor.folder, '..'), 0o755)
    const stranger = spawn(
      process.execPath,
      [...processorFlags, processorProgram, '--data', processor.folder],
      { env: processorEnvironment(), uid: 65_534, gid: 65_534, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let said = ''
    stranger.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const code = await new Promise((resolve) => stranger.once('close', resolve))
    assert.equal(code, ExitCode.Folder, said)
    const line = JSON.parse(said.trim()) as { event: string; message: string; exitCode: number }
    assert.equal(line.event, 'failed')
    assert.equal(line.exitCode, ExitCode.Folder)
    assert(line.message.includes(processor.folder), line.message)
    await stillThere(processor)
  },
)

for (const [name, exitCode] of [
  ['vault', ExitCode.Folder],
  ['journal', ExitCode.Fault],
] as const) {
  test(`a file in the place of the ${name} folder: a sentence and exit code ${exitCode}`, async () => {
    const processor = await usedProcessor()
    const place = join(processor.folder, name)
    renameSync(place, `${place}.aside`)
    writeFileSync(place, 'not a folder')
    const { message, code } = await refusal(processor.folder)
    assert.equal(code, exitCode, message)
    assert.match(message, new RegExp(name))
    rmSync(place)
    renameSync(`${place}.aside`, place)
    await stillThere(processor)
  })
}

test('C90 (9, corrupted): a damaged journal that nobody else has is not set aside: a sentence and exit code 14', async () => {
  const processor = await usedProcessor()
  const journal = join(processor.folder, 'journal')
  const copy = `${journal}.copy`
  cpSync(journal, copy, { recursive: true })
  for (const name of readdirSync(journal)) {
    const bytes = readFileSync(join(journal, name))
    for (let at = 6_000; at < bytes.length; at += 4_096) bytes[at] = (bytes[at] ?? 0) ^ 4
    writeFileSync(join(journal, name), bytes)
  }
  const { message, code } = await refusal(processor.folder)
  assert.equal(code, ExitCode.Damaged, message)
  assert.match(message, /journal.*copy/)
  assert(existsSync(journal) && !existsSync(`${journal}-damaged-1`), 'it was set aside')
  rmSync(journal, { recursive: true })
  renameSync(copy, journal)
  await stillThere(processor)
})

test('a vault of another format is left alone', async () => {
  const processor = await usedProcessor()
  const readme = join(processor.folder, 'vault', 'README.txt')
  const text = readFileSync(readme, 'utf8')
  writeFileSync(readme, text.replace('format 1', 'format 2'))
  const { message, code } = await refusal(processor.folder)
  assert.notEqual(code, 0)
  assert.match(message, /format/)
  writeFileSync(readme, text)
  await stillThere(processor)
})

test('a second Processor on one folder: a sentence with the process id, and exit code 13', async () => {
  const processor = await usedProcessor()
  await processor.start()
  const { message, code } = await refusal(processor.folder)
  assert.equal(code, ExitCode.AlreadyRunning)
  assert.match(message, new RegExp(String(processor.pid)))
  await processor.stop()
})

test('a folder in the place of the log, or keys that others may read: refused', async () => {
  const processor = await usedProcessor()
  const keyring = join(processor.folder, 'keyring')
  chmodSync(keyring, 0o644)
  const exposed = await refusal(processor.folder)
  assert.equal(exposed.code, ExitCode.Damaged)
  assert.match(exposed.message, /keyring/)
  chmodSync(keyring, 0o600)
  const log = join(processor.folder, 'log')
  if (existsSync(log)) rmSync(log)
  mkdirSync(log)
  const unlogged = await refusal(processor.folder)
  assert.equal(unlogged.code, ExitCode.Folder)
  assert.match(unlogged.message, /log/)
  rmSync(log, { recursive: true })
  await stillThere(processor)
})
