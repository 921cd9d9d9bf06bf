import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type WorldUpOptions, worldUp } from './world-up.ts'

const root = await mkdtemp(join(tmpdir(), 'unosys-world-up-'))
after(() => rm(root, { recursive: true }))

/** The exit code, and the events, of a world that is told to stop while it is made. */
async function stopped(more: Partial<WorldUpOptions>): Promise<[number, string[]]> {
  const events: string[] = []
  const code = await worldUp(
    {
      folder: join(root, 'world'),
      httpPort: 0,
      restarts: false,
      signal: new AbortController().signal,
      hurry: new AbortController().signal,
      ...more,
    },
    { event: ({ event }) => events.push(event), refresh: () => {}, refreshes: false },
  )
  return [code, events]
}

test('world up: told to stop while it makes its world, it ends and leaves nothing', async () => {
  const stop = new AbortController()
  const ending = stopped({ signal: stop.signal })
  stop.abort()
  assert.deepEqual(await ending, [0, ['creating', 'stopping', 'stopped']])
  assert.deepEqual(await readdir(root), [])
})

test('world up: told to hurry, it does not wait for what the system does', async () => {
  const hurry = new AbortController()
  const ending = stopped({ hurry: hurry.signal, folder: join(root, 'hurried') })
  hurry.abort()
  const [code, events] = await ending
  assert.equal(code, 0)
  assert.deepEqual(events.slice(-2), ['stopping', 'stopped'])
})
