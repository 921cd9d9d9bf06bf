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
  const broken = sim('--seed', '2', '--nodes', '4', '--liars', '2')
  assert.equal(broken.status, 1)
  assert.match(broken.stderr, /replay: npm run sim -- --seed 2 --nodes 4 --liars 2 --trace/)
  for (const wrong of [['--seed', 'x'], ['--nodes', '0'], ['--nonsense']]) {
    const { status, stderr } = sim(...wrong)
    assert.equal(status, 2)
    assert.match(stderr, /Usage/)
  }
})
