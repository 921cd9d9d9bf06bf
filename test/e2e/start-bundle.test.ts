/** A Processor in one file, as it is to be delivered: bundled, native add-ons outside. */
import assert from 'node:assert/strict'
import { readFile, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { cleanupOf, temporaryFolder } from './folders.ts'
import { startWorld } from './world.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

test('a Processor bundles into one file and runs from it, under its flags', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = await temporaryFolder(cleanup)
  // The add-on is found where a package would be.
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const { metafile } = await build({
    entryPoints: {
      processor: join(root, 'src/main/processor.ts'),
      // The thread of a journal is a file of its own.
      'sqlite-journal-worker': join(root, 'src/adapters/sqlite-journal-worker.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['sodium-native'],
    // CommonJS packages inside call require.
    banner: {
      js: "import { createRequire as bundledRequire } from 'node:module'; const require = bundledRequire(import.meta.url);",
    },
    metafile: true,
    logLevel: 'silent',
  })
  assert(Object.keys(metafile.inputs).length > 50)
  const program = join(folder, 'processor.mjs')
  t.diagnostic(`${Math.round((await stat(program)).size / 1024)} KiB`)
  assert.doesNotMatch(await readFile(program, 'utf8'), /\bnew Function\(['"`]/)
  const world = await startWorld({ cleanup, program })
  await world.client(1).write('/public/bundled', 'from a bundle')
  const read = await world.client(3).readAll('/public/bundled')
  assert.equal(new TextDecoder().decode(read), 'from a bundle')
})
