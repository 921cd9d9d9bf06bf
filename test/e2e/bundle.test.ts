import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { bundleProcessor } from '../../tools/bundle.ts'
import { temporaryFolder } from './folders.ts'
import { startWorld } from './world.ts'

test('Processors run from one bundled file, under the flags that forbid code from strings', async (t) => {
  const folder = await temporaryFolder((end) => t.after(end))
  const { program, outside } = await bundleProcessor(folder)
  assert.deepEqual((await readdir(folder)).sort(), ['processor.mjs', 'sqlite-journal-worker.mjs'])
  for (const path of outside) {
    assert.match(path, /sodium-native|^bufferutil$|^utf-8-validate$/, 'only native code is outside')
  }
  const world = await startWorld({ cleanup: (end) => t.after(end), program })
  const content = new Uint8Array(300_000).map((_, index) => index * 31)
  await world.client(1).write('/public/bundled', content)
  assert.deepEqual(await world.client(3).readAll('/public/bundled'), content)
})
