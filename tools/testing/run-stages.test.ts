import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { listFiles, projectRoot } from '../source/tree.ts'
import { parseTestArguments, UsageError } from './arguments.ts'
import { runFile } from './run-file.ts'
import { runStages } from './run-stages.ts'
import { stages, testFiles } from './stages.ts'
import type { Tally } from './tally.ts'

// Goal: the last line tells the truth: what failed, crashed, hung or never ran is not "passed".

const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"

const project = (t: TestContext, files: Record<string, string>): string => {
  const root = mkdtempSync(join(tmpdir(), 'unosys-tools-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

type Outcome = { tally: Tally; printed: string }

const run = async (root: string, args: string[], signal?: AbortSignal): Promise<Outcome> => {
  const printed: string[] = []
  const tally = await runStages(parseTestArguments(args), {
    root,
    signal: signal ?? new AbortController().signal,
    concurrencyMax: 2,
    print: (line) => printed.push(line),
  })
  return { tally, printed: [...printed, ...tally.lines()].join('\n') }
}

const runOne = async (t: TestContext, text: string, silenceMsMax = 20_000) => {
  const root = project(t, { 'a.test.ts': text })
  const signal = new AbortController().signal
  return runFile('a.test.ts', { root, silenceMsMax, grep: undefined, signal })
}

test('test run: passed, failed and skipped tests are counted, with reasons', async (t) => {
  const root = project(t, {
    'src/a.test.ts': `${head}test('one', () => {})
test('two', () => { assert.equal(1, 2) })
test('three', { skip: 'needs a second disk' }, () => {})
test('group', async (t) => { await t.test('inner', () => {}) })`,
  })
  const { tally, printed } = await run(root, ['--only', 'unit'])
  assert.equal(tally.total(), '3 passed, 1 failed, 1 skipped')
  assert.match(printed, /✗ src\/a\.test\.ts:4 {2}two/)
  assert.match(printed, /src\/a\.test\.ts: three: needs a second disk/)
  assert(printed.endsWith('\n3 passed, 1 failed, 1 skipped'))
})

test('test run: a parent whose subtest fails is not a second failure, a suite is no test', async (t) => {
  const result = await runOne(
    t,
    `import { describe } from 'node:test'\n${head}
describe('suite', () => { test('a', () => {}); test('b', () => { throw new Error('no') }) })
test('parent', async (t) => { await t.test('c', () => { throw new Error('no') }) })`,
  )
  const outcomes = result.reports.map(({ name, outcome }) => `${name} ${outcome}`)
  assert.deepEqual(outcomes, ['a passed', 'b failed', 'c failed'])
  assert.deepEqual(result.faults, [])
})

test('test run: an error in a hook of a suite counts', async (t) => {
  const result = await runOne(
    t,
    `import { before, describe } from 'node:test'\n${head}
describe('suite', () => { before(() => { throw new Error('no') }); test('a', () => {}) })`,
  )
  assert(result.reports.some(({ outcome }) => outcome === 'failed'))
})

test('test run: a file that cannot be loaded is a failure and shows why', async (t) => {
  const root = project(t, { 'src/a.test.ts': "import './nowhere.ts'" })
  const { tally, printed } = await run(root, ['--only', 'unit'])
  assert.equal(tally.total(), '0 passed, 1 failed, 0 skipped')
  assert.match(printed, /ended with code 1 although no test in it failed/)
  assert.match(printed, /Cannot find module .*nowhere\.ts/)
})

test('test run: an early exit, an error after the end and a file without tests are failures', async (t) => {
  const exits = await runOne(t, `${head}test('a', () => {})\nprocess.exit(3)`)
  assert.deepEqual(exits.faults, ['ended with code 3 although no test in it failed'])
  const early = await runOne(t, `${head}test('a', () => {})\nprocess.exit(0)`)
  assert.deepEqual(early.faults, ['holds no test'])
  const late = await runOne(
    t,
    `${head}test('a', () => { setTimeout(() => { throw new Error('late') }, 50) })`,
  )
  assert.equal(late.faults.length + late.reports.filter((r) => r.outcome === 'failed').length, 1)
  const none = await runOne(t, 'export {}')
  assert.deepEqual(none.faults, ['holds no test'])
})

test('test run: a file that hangs is killed and is a failure', async (t) => {
  const open = await runOne(t, `${head}test('a', () => {})\nsetInterval(() => {}, 1000)`, 4_000)
  assert.match(open.faults.join(), /said nothing for 4 s after "a" and was killed/)
  assert.deepEqual(
    open.reports.map(({ name }) => name),
    ['a'],
  )
})

test('test run: a process left running is killed and is a failure', async (t) => {
  const posixOnly = process.platform === 'win32' ? 'needs process groups' : false
  if (posixOnly !== false) return t.skip(posixOnly)
  const result = await runOne(
    t,
    `import { spawn } from 'node:child_process'\n${head}
test('a', () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  console.log('pid ' + child.pid)
  child.unref()
})`,
  )
  assert.deepEqual(result.faults, ['left processes running; they were killed'])
  const pid = Number(/pid (\d+)/.exec(result.output)?.[1])
  const deadlineMs = performance.now() + 5_000
  const lives = (): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  while (lives() && performance.now() < deadlineMs) await new Promise((r) => setTimeout(r, 20))
  assert(!lives(), `process ${pid} lives on`)
})

test('test run: what tests write is shown only when something went wrong', async (t) => {
  const fine = `${head}test('a', () => { console.log('chatter') })`
  const bad = `${head}test('a', () => { console.log('a clue'); throw new Error('no') })`
  const root = project(t, { 'src/a.test.ts': fine, 'src/b.test.ts': bad })
  const { printed } = await run(root, [])
  assert.doesNotMatch(printed, /chatter/)
  assert.match(printed, /a clue/)
  const { printed: verbose } = await run(root, ['--verbose', 'src/a.test.ts'])
  assert.match(verbose, /chatter/)
})

test('test run: --grep runs only tests with a matching title, and finding none is a failure', async (t) => {
  const root = project(t, {
    'src/a.test.ts': `${head}test('C57: one', () => {})\ntest('C58: two', () => { throw new Error('no') })`,
    'test/e2e/b.test.ts': `${head}test('three', () => {})`,
  })
  const found = await run(root, ['--grep', 'C57'])
  assert.equal(found.tally.total(), '1 passed, 0 failed, 0 skipped')
  assert.doesNotMatch(found.printed, /e2e/)
  const none = await run(root, ['--grep', 'C99'])
  assert.equal(none.tally.total(), '0 passed, 1 failed, 0 skipped')
  assert.match(none.printed, /no test matches/)
})

test('test run: a file or folder narrows the run', async (t) => {
  const root = project(t, {
    'src/a/a.test.ts': `${head}test('a', () => {})`,
    'src/ab/b.test.ts': `${head}test('b', () => {})`,
  })
  const { tally, printed } = await run(root, ['src/a'])
  assert.equal(tally.total(), '1 passed, 0 failed, 0 skipped')
  assert.match(printed, /src\/a\/a\.test\.ts/)
})

test('test run: a checker that fails is one failure, and later stages run all the same', async (t) => {
  const root = project(t, {
    'node_modules/typescript/bin/tsc': "console.log('a.ts(1,1): no'); process.exit(2)",
    'node_modules/@biomejs/biome/bin/biome': '',
    'src/a.test.ts': `${head}test('a', () => {})`,
  })
  const { tally, printed } = await run(root, ['--only', 'types,lint,unit'])
  assert.equal(tally.total(), '2 passed, 1 failed, 0 skipped')
  assert.match(printed, /types +FAILED.*a\.ts\(1,1\): no.*lint +in order.*unit +1 passed/s)
})

test('test run: an interrupted run ends its files and is a failure', async (t) => {
  const root = project(t, {
    'src/a.test.ts': `${head}test('a', () => new Promise((r) => setTimeout(r, 60_000)))`,
    'src/b.test.ts': `${head}test('b', () => new Promise((r) => setTimeout(r, 60_000)))`,
  })
  const startedMs = performance.now()
  const { tally } = await run(root, ['--only', 'unit'], AbortSignal.timeout(700))
  assert(tally.failed > 0)
  assert(performance.now() - startedMs < 20_000)
})

test('test run: every test file of the project belongs to exactly one stage', () => {
  const found = stages.flatMap((stage) =>
    stage.kind === 'tests' ? testFiles(projectRoot, stage) : [],
  )
  const all = listFiles(projectRoot).filter((path) => /\.(?:test|spec)\.[cm]?[jt]sx?$/.test(path))
  const own = all.filter((path) => !path.endsWith('/fixture.test.ts'))
  assert.deepEqual([...found].sort(), own)
  for (const path of ['tools/layers.test.ts', 'tools/tidy.test.ts']) assert(found.includes(path))
})

test('test run: what runs in a Processor is tested under the flags of a Processor', async (t) => {
  const evil = `${head}test('a', () => { assert.equal(new Function('return 1')(), 1) })`
  const root = project(t, { 'src/kernel/x/a.test.ts': evil, 'src/sdk/b.test.ts': evil })
  const { printed } = await run(root, ['--only', 'unit'])
  assert.match(printed, /✗ src\/kernel\/x\/a\.test\.ts/)
  assert.match(printed, /✓ src\/sdk\/b\.test\.ts/)
})

test('test arguments: what is not understood is refused with a hint', () => {
  assert.throws(() => parseTestArguments(['--only', 'nonsense']), UsageError)
  assert.throws(() => parseTestArguments(['--nonsense']), UsageError)
  assert.throws(() => parseTestArguments(['--grep', '(']), UsageError)
  assert.deepEqual(parseTestArguments(['--only', 'sim,e2e', './src/base/']), {
    help: false,
    only: ['simulator', 'e2e'],
    grep: undefined,
    verbose: false,
    paths: ['src/base'],
  })
})
