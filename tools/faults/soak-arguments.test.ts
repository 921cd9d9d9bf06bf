// Goal: wrong use of the soak is refused before anything starts; a folder of the user's is safe.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openSoakFolder, parseSoakArguments, UsageError } from './soak-arguments.ts'

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'unosys-soak-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const refused = (pattern: RegExp) => (error: unknown) => {
  return error instanceof UsageError && pattern.test(error.message)
}

test('arguments are understood', () => {
  const args = ['--minutes', '0.5', '--seed', '7', '--nodes', '7', '--data', 'x', '--keep']
  assert.deepEqual(parseSoakArguments(args), {
    ...{ minutes: 0.5, seed: 7, nodeCount: 7, data: 'x', keep: true },
  })
  const usual = parseSoakArguments([])
  assert.deepEqual(
    { ...usual, seed: 0 },
    {
      ...{ minutes: 10, seed: 0, nodeCount: 4, data: undefined, keep: false },
    },
  )
  assert(Number.isSafeInteger(usual?.seed))
  assert.equal(parseSoakArguments(['--help']), undefined)
})

for (const [args, pattern] of [
  [['--minutes', '0'], /minutes/],
  [['--minutes', 'ten'], /minutes/],
  [['--minutes', '100000'], /minutes/],
  [['--seed', '-1'], /seed/],
  [['--seed', '1.5'], /seed/],
  [['--seed', ''], /seed/],
  [['--nodes', '5'], /nodes/],
  [['--forever'], /--forever/],
  [['10'], /10/],
] as const) {
  test(`${args.join(' ')} is refused`, () => {
    assert.throws(() => parseSoakArguments(args), refused(pattern))
  })
}

test('a folder with something in it is refused, and what is in it stays', (t) => {
  const folder = temporary(t)
  mkdirSync(join(folder, 'world'))
  writeFileSync(join(folder, 'world', 'precious'), 'of the user')
  assert.throws(() => openSoakFolder(folder), refused(/is not empty/))
  assert.deepEqual(readdirSync(folder), ['world'])
  assert.equal(readFileSync(join(folder, 'world', 'precious'), 'utf8'), 'of the user')
})

test('a file, and what lies below a file, is refused, and stays', (t) => {
  const path = join(temporary(t), 'file')
  writeFileSync(path, 'of the user')
  assert.throws(() => openSoakFolder(path), refused(/is no folder/))
  assert.throws(() => openSoakFolder(join(path, 'below')), refused(/cannot be made/))
  assert.throws(() => openSoakFolder(''), refused(/cannot be made/))
  assert.equal(readFileSync(path, 'utf8'), 'of the user')
})

test('of a named folder only what the soak made is removed', (t) => {
  for (const name of ['', 'deep/below']) {
    const data = join(temporary(t), name)
    const { folder, world, log, remove } = openSoakFolder(data)
    assert.equal(folder, data)
    mkdirSync(join(world, '1'), { recursive: true })
    writeFileSync(log, 'a line\n')
    writeFileSync(join(data, 'put there meanwhile'), 'of the user')
    remove()
    assert.deepEqual(readdirSync(data), ['put there meanwhile'])
  }
})

test('a temporary folder is gone', () => {
  const { folder, log, remove } = openSoakFolder(undefined)
  assert(existsSync(log))
  remove()
  assert(!existsSync(folder))
})
