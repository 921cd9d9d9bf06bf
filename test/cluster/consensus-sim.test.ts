/** Goal: `npm run sim` tells a run, ends with what was kept, and gives the same run again. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../tools/sim/one.ts', import.meta.url))

const sim = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 60_000 })

test('a seed tells its story, keeps its promises and says how to see it again', () => {
  const first = sim('--seed', '3', '--nodes', '4')
  assert.equal(first.status, 0, first.stderr)
  assert.match(first.stdout, /all trouble ends/)
  assert.match(first.stdout, /Promised and kept:/)
  assert.match(first.stdout, /replay: npm run sim -- --seed 3 --nodes 4\n$/)
  assert.equal(sim('--seed', '3', '--nodes', '4').stdout, first.stdout)
  assert.notEqual(sim('--seed', '4', '--nodes', '4').stdout, first.stdout)
})

test('--trace prints every event', () => {
  const { status, stdout } = sim('--seed', '3', '--nodes', '1', '--items', '2', '--trace')
  assert.equal(status, 0)
  assert.match(stdout, /ms {2}node\/execute {2}0 1 1 1/)
})

test('a broken promise gives exit code 1, a wrong option 2', () => {
  const broken = sim('--seed', '1', '--nodes', '4', '--mutant', 'finalize-after-nullify')
  assert.equal(broken.status, 1)
  const replay = /replay: npm run sim -- --seed 1 --nodes 4 --mutant finalize-after-nullify --trace/
  assert.match(broken.stderr, replay)
  assert.match(broken.stderr, /seed 1, 4 members/)
  assert.match(broken.stderr, /commit: [0-9a-f]{40}|commit: unknown/)
  for (const wrong of [
    ['--seed', 'x'],
    ['--nodes', '0'],
    ['--nonsense'],
    ['--liars', 'nobody'],
    ['--mutant', 'none'],
    ['--world', '--boundary', '3'],
    ['--liars', '9', '--nodes', '4'],
  ]) {
    const { status, stderr } = sim(...wrong)
    assert.equal(status, 2)
    assert.match(stderr, /Usage/)
  }
})

test('--boundary lets member 0 die at an effect, and fails when there is none', () => {
  const some = sim('--boundary', '300')
  assert.equal(some.status, 0, some.stderr)
  assert.match(some.stdout, /member 0 dies/)
  assert.match(some.stdout, /replay: npm run sim -- --boundary 300\n$/)
  const none = sim('--boundary', '99999')
  assert.equal(none.status, 1)
  assert.match(none.stderr, /there is no effect 99999/)
  assert.match(none.stderr, /replay: npm run sim -- --boundary 99999 --trace\ncommit: /)
})

test('--from and --node leave out the rest of the trace', () => {
  const all = sim('--seed', '3', '--trace').stdout.split('\n')
  const some = sim('--seed', '3', '--node', '2', '--from', '5').stdout.split('\n')
  assert(some.length < all.length / 2, `${some.length} of ${all.length} lines`)
  const lines = some.filter((line) => line.includes(' ms  '))
  assert(lines.length > 50)
  assert(lines.every((line) => all.includes(line)))
  assert(!lines.some((line) => /node\/execute {2}(?:[013] |2 [1-4] )/.test(line)))
})

test('--world shows whole Processors', () => {
  const { status, stderr, stdout } = sim('--world', '--seed', '3')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /A world of 4 Processors, seed 3/)
  assert.match(stdout, /linearizable/)
  assert.match(stdout, /replay: npm run sim -- --world --seed 3 --nodes 4\n$/)
})
