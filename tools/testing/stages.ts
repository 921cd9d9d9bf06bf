/** The stages of the test run, and which files belong to which. */
import { posix } from 'node:path'
import { listFilesIn } from '../source/tree.ts'

export type ProgramStage = {
  readonly kind: 'program'
  readonly name: string
  /** Path of the program in node_modules, and its arguments. */
  readonly program: string
  readonly args: readonly string[]
}

export type TestStage = {
  readonly kind: 'tests'
  readonly name: string
  /** Folders whose test files belong here, or single test files. */
  readonly places: readonly string[]
  /** Test files that run at once. */
  readonly concurrency: number
  /** A file that reports nothing for this long is taken to hang. */
  readonly silenceMsMax: number
  /** Print each test as it ends: for files that take minutes. */
  readonly live: boolean
  /** Files that take longest, begun first: whichever is begun last runs alone. */
  readonly first: readonly string[]
}

export type Stage = ProgramStage | TestStage

const minuteMs = 60_000
const ownStage = ['tools/layers.test.ts', 'tools/tidy.test.ts']

export const stages: readonly Stage[] = [
  { kind: 'program', name: 'types', program: 'typescript/bin/tsc', args: ['-p', '.'] },
  {
    kind: 'program',
    name: 'lint',
    program: '@biomejs/biome/bin/biome',
    args: ['check', '--error-on-warnings', '--max-diagnostics=50', '.'],
  },
  tests('layers', ['tools/layers.test.ts'], { concurrency: 1, minutes: 1 }),
  tests('tidy', ['tools/tidy.test.ts'], { concurrency: 1, minutes: 1 }),
  tests('unit', ['src', 'tools', 'bench'], {
    ...{ concurrency: 2, minutes: 2 },
    first: ['src/kernel/consensus/consensus.test.ts', 'src/kernel/placement/placement.test.ts'],
  }),
  tests('compliance', ['test/compliance'], { concurrency: 2, minutes: 2 }),
  tests('conformance', ['test/conformance'], { concurrency: 2, minutes: 2 }),
  tests('simulator', ['test/cluster'], {
    ...{ concurrency: 2, minutes: 5 },
    first: ['test/cluster/world-seeds.test.ts', 'test/cluster/large-directory.test.ts'],
  }),
  tests('regressions', ['test/regressions'], { concurrency: 2, minutes: 5 }),
  // Two worlds of four Processors at once, on ports and folders of their own. They mostly wait.
  tests('e2e', ['test/e2e'], {
    ...{ concurrency: 2, minutes: 10 },
    first: ['test/e2e/start.test.ts', 'test/e2e/cli.test.ts'],
  }),
]

/**
 * The flags under which a Processor runs. What is to live with them is tested with them: no code
 * from strings, no `__proto__`, built-in objects frozen.
 */
const processorFlags = [
  ...['--disallow-code-generation-from-strings', '--disable-proto=delete'],
  `--import=${new URL('../../src/adapters/frozen-builtins.ts', import.meta.url).href}`,
  '--disable-sigusr1',
]
const processorFolders = ['src/base/', 'src/ports/', 'src/wire/', 'src/kernel/']

/** Node's flags for a test file. */
export function testFlags(path: string): readonly string[] {
  return processorFolders.some((folder) => path.startsWith(folder)) ? processorFlags : []
}

export const stageNames: readonly string[] = stages.map((stage) => stage.name)

/** The test files of a stage: those that take longest, then the others, sorted. */
export function testFiles(root: string, stage: TestStage): string[] {
  const { first } = stage
  const sorted = sortedFiles(root, stage)
  return [
    ...first.filter((path) => sorted.includes(path)),
    ...sorted.filter((path) => !first.includes(path)),
  ]
}

function sortedFiles(root: string, stage: TestStage): string[] {
  return stage.places.flatMap((place) => {
    if (place.endsWith('.test.ts')) {
      return listFilesIn(root, posix.dirname(place)).filter((path) => path === place)
    }
    const found = listFilesIn(root, place).filter((path) => path.endsWith('.test.ts'))
    // What several test files of a folder share is a test file for the layers, not for the run.
    return found.filter((path) => !ownStage.includes(path) && !path.endsWith('/fixture.test.ts'))
  })
}

function tests(
  name: string,
  places: readonly string[],
  how: { concurrency: number; minutes: number; first?: readonly string[] },
): TestStage {
  const { concurrency, minutes, first = [] } = how
  return {
    kind: 'tests',
    name,
    places,
    concurrency,
    silenceMsMax: minutes * minuteMs,
    live: minutes > 5,
    first,
  }
}
