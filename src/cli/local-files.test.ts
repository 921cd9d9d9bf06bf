import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CliError } from './failure.ts'
import {
  isLocalFolder,
  lookAt,
  makeLocalFolder,
  readChunks,
  walk,
  writeFileFrom,
} from './local-files.ts'
import { localName, worldPath } from './paths.ts'
import { progressLine } from './progress.ts'
import { eachParallel } from './run.ts'

const folder = mkdtempSync(join(tmpdir(), 'unosys-local-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

async function read(path: string, sizeBytes: number): Promise<string> {
  let text = ''
  for await (const chunk of readChunks(path, sizeBytes, () => {})) text += Buffer.from(chunk)
  return text
}

test('local: a file is written under its name when all of it has come, or not at all', async () => {
  writeFileSync(at('kept'), 'old')
  let counted = 0
  await writeFileFrom(at('new'), chunks('one ', 'two'), (count) => {
    counted += count
  })
  assert.equal(readFileSync(at('new'), 'utf8'), 'one two')
  assert.equal(counted, 7)
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('part')
    throw new RangeError('broke off')
  }
  await assert.rejects(
    writeFileFrom(at('kept'), failing(), () => {}),
    RangeError,
  )
  assert.equal(readFileSync(at('kept'), 'utf8'), 'old')
  assert.deepEqual(readdirSync(folder).sort(), ['kept', 'new'])
  await assert.rejects(
    writeFileFrom(at('none/x'), chunks('x'), () => {}),
    CliError,
  )
})

test('local: a file that shrinks while it is read is an error; one that grows gives what it had', async () => {
  writeFileSync(at('file'), 'x'.repeat(1_000))
  assert.equal((await read(at('file'), 1_000)).length, 1_000)
  assert.equal((await read(at('file'), 600)).length, 600)
  truncateSync(at('file'), 10)
  await assert.rejects(read(at('file'), 1_000), /became shorter/)
  await assert.rejects(read(at('missing'), 5), /no such file or folder/)
})

test('local: a walk gives folders before their content, in order, and does not follow links in circles', async () => {
  const root = at('walked')
  mkdirSync(join(root, 'b/c'), { recursive: true })
  writeFileSync(join(root, 'b/c/deep'), '12')
  writeFileSync(join(root, 'a'), '1')
  symlinkSync(root, join(root, 'b/loop'))
  symlinkSync(join(root, 'a'), join(root, 'z'))
  const seen: string[] = []
  for await (const entry of walk(root)) {
    const size = entry.kind === 'file' ? ` ${entry.sizeBytes}` : ''
    seen.push(`${entry.kind} ${entry.names.join('/')}${size}`)
  }
  assert.deepEqual(seen, [
    'folder ',
    'file a 1',
    'folder b',
    'folder b/c',
    'file b/c/deep 2',
    'other b/loop',
    'file z 1',
  ])
})

test('local: looking at what is there and what is not', async () => {
  await makeLocalFolder(at('made/deep'))
  await makeLocalFolder(at('made/deep'))
  assert.equal((await lookAt(at('made'))).kind, 'folder')
  assert.equal(await isLocalFolder(at('made')), true)
  assert.equal(await isLocalFolder(at('new')), false)
  assert.equal(await isLocalFolder(at('nothing')), false)
  await assert.rejects(lookAt(at('nothing')), /no such file or folder/)
  await assert.rejects(makeLocalFolder(at('new')), CliError)
})

test('paths: of the world are absolute; of this machine have no way out', () => {
  assert.equal(worldPath('/a/'), '/a')
  assert.equal(worldPath('/'), '/')
  assert.throws(() => worldPath('a'), /begins with \//)
  assert.equal(localName('name'), 'name')
  for (const name of ['', '.', '..', 'a/b']) assert.throws(() => localName(name), CliError, name)
})

test('progress: a bar with share, rate and rest', () => {
  const line = progressLine({
    label: 'x',
    doneBytes: 5_000_000,
    totalBytes: 10_000_000,
    tookMs: 2_000,
  })
  assert.equal(line, `x  ${'█'.repeat(12)}${'░'.repeat(12)}  50 %  5.0 MB  2.5 MB/s  2 s left`)
  const unknown = progressLine({ label: 'x', doneBytes: 5, totalBytes: undefined, tookMs: 1_000 })
  assert.equal(unknown, 'x  5 B  5 B/s')
  const over = progressLine({ label: 'x', doneBytes: 20, totalBytes: 10, tookMs: 1_000 })
  assert.match(over, /100 %/)
})

test('parallel: never more at once than told, all of them done, the first error told', async () => {
  let now = 0
  let most = 0
  const done: number[] = []
  await eachParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    now--
    done.push(item)
  })
  assert.equal(most, 3)
  assert.deepEqual(done.sort(), [1, 2, 3, 4, 5, 6, 7])
  const started: number[] = []
  const failing = eachParallel([1, 2, 3, 4], 1, async (item) => {
    started.push(item)
    if (item === 2) throw new RangeError('two')
  })
  await assert.rejects(failing, RangeError)
  assert.deepEqual(started, [1, 2])
})
