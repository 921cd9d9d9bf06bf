import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isUnosysError } from '../base/error.ts'
import { lockFolder } from './data-lock.ts'
import { processorFlags } from './processor-process.ts'

// Goal: of all processes that want a folder, exactly one has it, and a dead one never.

const folders: string[] = []
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unosys-lock-'))
  folders.push(folder)
  return folder
}

const script = `
  import { lockFolder } from ${JSON.stringify(new URL('./data-lock.ts', import.meta.url).href)}
  try {
    // Kept: one that nobody holds on to is let go with the garbage.
    const lock = lockFolder(process.argv[1], 'a test')
    process.stdout.write('held\\n')
    setInterval(() => lock, 1000)
  } catch (error) {
    process.stdout.write(error.code + ' ' + error.message + '\\n')
  }
`

/** A process that wants the folder, under the flags of a Processor, and what it says. */
function contender(folder: string): { child: ChildProcess; said: Promise<string> } {
  const args = [...processorFlags, '--input-type=module', '-e', script, folder]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const said = new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      if (text.endsWith('\n')) resolve(text.trim())
    })
    child.once('exit', () => reject(new Error(`said nothing whole: ${text}`)))
  })
  return { child, said }
}

test('lock: of many processes at once, exactly one has the folder; the others are told who', async () => {
  const folder = newFolder()
  const all = Array.from({ length: 8 }, () => contender(folder))
  const said = await Promise.all(all.map((one) => one.said))
  const holders = all.filter((_, index) => said[index] === 'held')
  assert.equal(holders.length, 1, said.join('\n'))
  for (const text of said.filter((one) => one !== 'held')) {
    assert.match(text, /^start\/already-running a test runs on /)
  }
  // By now the owner has written itself in.
  const late = await contender(folder).said
  assert(late.includes(`process ${holders[0]?.child.pid}`), late)
})

test('lock: a process that is killed lets go, at once and for whoever comes next', async () => {
  const folder = newFolder()
  for (let round = 0; round < 3; round++) {
    const { child, said } = contender(folder)
    assert.equal(await said, 'held')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  const lock = lockFolder(folder, 'a test')
  assert.equal(readFileSync(join(folder, 'pid'), 'utf8'), `${process.pid}\n`)
  lock.release()
})

test('lock: a file with the id of a process that runs, but does not hold it, keeps nobody out', () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'pid'), '1\n')
  const lock = lockFolder(folder, 'a test')
  lock.release()
  lock.release()
  assert(!existsSync(join(folder, 'pid')))
  lockFolder(folder, 'a test').release()
})

test('lock: one process does not take a folder twice either', () => {
  const folder = newFolder()
  const lock = lockFolder(folder, 'a test')
  assert.throws(
    () => lockFolder(folder, 'a test'),
    (error) => isUnosysError(error, 'start/already-running') && /stop it first/.test(error.message),
  )
  lock.release()
})

test('lock: a folder that is not there, or cannot be used, is told with its path', () => {
  const folder = newFolder()
  writeFileSync(join(folder, 'file'), '')
  for (const bad of [join(folder, 'none'), join(folder, 'file')]) {
    assert.throws(
      () => lockFolder(bad, 'a test'),
      (error) => isUnosysError(error, 'start/folder') && error.message.includes(bad),
    )
  }
})
