/**
 * One file for a Processor: `node tools/bundle.ts OUT_FOLDER`. Native add-ons stay outside; the
 * journal's worker is a second entry beside it. The kernel's code must live without code generation
 * from strings and in one file, because that is how it will be delivered (white paper 1.7.3.2).
 */
import { isBuiltin } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Native code cannot be bundled: it is taken from where it is installed. */
const nativeOutside: Plugin = {
  name: 'native-outside',
  setup: (bundling) => {
    bundling.onResolve({ filter: /^sodium-native$/ }, () => {
      return { path: fileURLToPath(import.meta.resolve('sodium-native')), external: true }
    })
  },
}

export type Bundle = {
  readonly program: string
  /** What it still takes from outside besides Node's own modules. */
  readonly outside: readonly string[]
}

/** Builds `<folder>/processor.mjs` and its worker. */
export async function bundleProcessor(folder: string): Promise<Bundle> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      processor: 'src/main/processor.ts',
      'sqlite-journal-worker': 'src/adapters/sqlite-journal-worker.ts',
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // CommonJS packages inside an ES module ask for these.
    banner: {
      js: [
        "import { createRequire as makeRequire } from 'node:module'",
        `const require = makeRequire(${JSON.stringify(new URL('../package.json', import.meta.url).href)})`,
      ].join('\n'),
    },
    // Optional accelerators of ws, which it does without.
    external: ['bufferutil', 'utf-8-validate'],
    plugins: [nativeOutside],
    metafile: true,
    logLevel: 'warning',
  })
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports)
  const outside = new Set(imports.map(({ path }) => path).filter((path) => !isBuiltin(path)))
  return { program: resolve(folder, 'processor.mjs'), outside: [...outside] }
}

const [folder] = process.argv.slice(2)
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (folder === undefined) {
    console.error('usage: node tools/bundle.ts OUT_FOLDER')
    process.exit(2)
  }
  console.log((await bundleProcessor(resolve(folder))).program)
}
