/**
 * Who may import whom.
 *
 * Folders are layers and imports point down only; docs/ARCHITECTURE.md (section "The house") says
 * why. The rules stand here as data, the test run checks them, and the messages say what is
 * allowed instead. Run alone: `node tools/layers.ts` (with the pinned Node).
 *
 * - A file may import its own folder, and the folders that its row names.
 * - Another layer is entered by its door: index.ts, or interface.ts for types. The folders of
 *   single things (`openFolders`) have no door: every file of them may be imported.
 * - Only the folders of `outsideFolders` touch Node and npm. Others may use the pure packages
 *   (no I/O, no clock, no dice) that `purePackages` admits by name, each with a reason in
 *   docs/decisions/0002-dependencies.md.
 * - Tests (`*.test.ts`), and everything outside src/, may import anything.
 */
import { posix } from 'node:path'
import { importsOf } from './source/imports.ts'
import { lex } from './source/lex.ts'
import { listFilesIn, readText } from './source/tree.ts'
import { checkAsProgram, type Violation } from './source/violation.ts'

const ground = ['base', 'ports', 'wire']

/** Bottom-up within the kernel. A row lists what the folder may import besides itself. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ports: ['base'],
  wire: ['base'],
  ...kernelRows({
    placement: ['base'],
    keys: ['base', 'ports'],
    vault: ['base', 'ports'], // never keys: the vault holds ciphertext only
    trust: ['base', 'ports', 'keys'],
    links: ['base', 'ports', 'keys', 'trust'],
    overlay: ['base', 'ports', 'keys', 'trust', 'links'],
    consensus: ['base', 'ports', 'keys', 'links'],
    section: ['base', 'ports', 'keys', 'trust', 'placement', 'consensus'],
    group: ['base', 'ports', 'keys', 'links', 'overlay', 'placement', 'consensus', 'section'],
    blocks: [
      ...['base', 'ports', 'keys', 'trust', 'links', 'overlay', 'placement', 'vault'],
      ...['section', 'group'],
    ],
    eventual: [
      ...['base', 'ports', 'keys', 'links', 'placement', 'vault', 'section', 'group', 'blocks'],
    ],
    objects: ['base', 'ports', 'keys', 'placement', 'section', 'group', 'blocks', 'eventual'],
    users: ['base', 'ports', 'keys', 'section', 'group'],
    namespace: ['base', 'ports', 'keys', 'section', 'group', 'objects', 'users'],
    filesystem: ['base', 'ports', 'keys', 'objects', 'users', 'namespace'],
    database: ['base', 'ports', 'keys', 'objects', 'users', 'namespace'],
    webdav: ['base', 'ports', 'wire', 'users', 'namespace', 'filesystem'],
    api: ['base', 'ports', 'wire', 'users', 'namespace', 'filesystem', 'database', 'webdav'],
  }),
  kernel: [...ground, 'kernel/*'],
  delivery: ground,
  manufactory: [...ground, 'delivery'],
  host: [...ground, 'delivery'], // never the kernel: the fortress starts it as a stranger
  installer: [...ground, 'delivery'],
  adapters: ['base', 'ports'],
  main: [
    ...ground,
    ...['kernel', 'kernel/*', 'delivery', 'manufactory', 'host', 'installer', 'adapters'],
  ],
  sdk: ['base', 'wire'],
  cli: ['base', 'sdk', 'main'],
  console: ['sdk'],
  simulator: [...ground, 'kernel', 'kernel/*'],
}

/** Folders of single things, without a door. */
const openFolders: readonly string[] = ['base', 'ports', 'wire', 'adapters', 'main', 'cli']

/** The only folders of src/ that may import `node:` modules and npm packages. */
const outsideFolders: readonly string[] = ['adapters', 'main', 'cli']

/** Pure packages, admitted by name. */
export const purePackages: Readonly<Record<string, readonly string[]>> = {
  wire: ['zod'],
}

const reason = 'see docs/ARCHITECTURE.md, "The house"'

/** All forbidden imports under src/. */
export function checkLayers(root: string): Violation[] {
  const manifest = JSON.parse(readText(root, 'package.json') ?? '{}') as {
    dependencies?: Record<string, string>
  }
  const dependencies = Object.keys(manifest.dependencies ?? {})
  const violations: Violation[] = []
  for (const path of listFilesIn(root, 'src')) {
    if (!isSource(path)) continue
    const text = readText(root, path) ?? ''
    violations.push(...violationsIn(path, { text, dependencies }))
  }
  return violations
}

/** The forbidden imports of one file of src/. `dependencies` are those of package.json. */
export function violationsIn(
  path: string,
  file: { text: string; dependencies: readonly string[] },
): Violation[] {
  if (isTest(path)) return []
  const from = layerOf(path)
  if (from === undefined) {
    const message = `no layer has this folder: files of src/ stand in a folder of the table in tools/layers.ts; ${reason}`
    return [{ path, line: 1, message }]
  }
  const violations: Violation[] = []
  for (const found of importsOf(lex(file.text))) {
    const message =
      found.specifier === undefined
        ? computedImport(from)
        : violation(
            { path, specifier: found.specifier, typeOnly: found.typeOnly },
            file.dependencies,
          )
    if (message !== undefined) violations.push({ path, line: found.line, message })
  }
  return violations
}

/** The sentence to print for a forbidden import, or undefined when it is allowed. */
export function violation(
  found: { path: string; specifier: string; typeOnly: boolean },
  dependencies: readonly string[],
): string | undefined {
  const from = layerOf(found.path)
  if (from === undefined) return undefined
  if (!found.specifier.startsWith('.')) {
    return outsideViolation({ from, specifier: found.specifier }, dependencies)
  }
  const target = posix.join(posix.dirname(found.path), found.specifier)
  if (isTest(target)) return `${from} must not import a test (${found.specifier})`
  const to = layerOf(target)
  if (to === undefined) {
    return `${from} must not import ${target}: only tests and tools reach outside the layers; ${reason}`
  }
  if (to === from) return undefined
  if (!isAllowed(from, to)) {
    const allowed = mayImport[from]?.join(', ') || 'nothing'
    return `${from} must not import ${to} (it may import: ${allowed}); ${reason}`
  }
  return doorViolation({ to, target, typeOnly: found.typeOnly })
}

/** The layer of a file, such as 'base' or 'kernel/vault'; undefined when it has none. */
export function layerOf(path: string): string | undefined {
  const [top, folder, child, deeper] = path.split('/')
  if (top !== 'src' || folder === undefined || child === undefined) return undefined
  const layer = folder === 'kernel' && deeper !== undefined ? `kernel/${child}` : folder
  return Object.hasOwn(mayImport, layer) ? layer : undefined
}

function kernelRows(rows: Record<string, readonly string[]>): Record<string, readonly string[]> {
  const full = (name: string): string => (Object.hasOwn(rows, name) ? `kernel/${name}` : name)
  return Object.fromEntries(
    Object.entries(rows).map(([name, row]) => [full(name), row.map((entry) => full(entry))]),
  )
}

function isAllowed(from: string, to: string): boolean {
  const row = mayImport[from] ?? []
  return row.includes(to) || (to.startsWith('kernel/') && row.includes('kernel/*'))
}

function doorViolation(to: { to: string; target: string; typeOnly: boolean }): string | undefined {
  if (openFolders.includes(to.to)) return undefined
  const folder = `src/${to.to}`
  const doors = [`${folder}/index.ts`, ...(to.to === 'kernel' ? [`${folder}/kernel.ts`] : [])]
  if (doors.includes(to.target)) return undefined
  if (to.target === `${folder}/interface.ts`) {
    if (to.typeOnly) return undefined
    return `interface.ts of ${to.to} gives types only: write "import type", or take the value from ${folder}/index.ts`
  }
  return `${to.target} is inside ${to.to}: import it from ${folder}/index.ts, or its types from ${folder}/interface.ts; ${reason}`
}

function outsideViolation(
  found: { from: string; specifier: string },
  dependencies: readonly string[],
): string | undefined {
  const { from, specifier } = found
  const isNode = specifier.startsWith('node:')
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (!isNode && purePackages[from]?.includes(name)) return undefined
  if (!outsideFolders.includes(from)) {
    return (
      `${from} must not import ${specifier}: the outside is reached through src/ports, made real in ` +
      `src/adapters (a pure package may be admitted by name in tools/layers.ts); ${reason}`
    )
  }
  if (isNode || dependencies.includes(name)) return undefined
  return `${specifier} is not among "dependencies" of package.json; see docs/decisions/0002-dependencies.md`
}

function computedImport(from: string): string | undefined {
  if (outsideFolders.includes(from)) return undefined
  return `${from} imports something computed at run time, which cannot be checked: import by name; ${reason}`
}

function isSource(path: string): boolean {
  return /\.(?:ts|mts|tsx|js|mjs)$/.test(path)
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

if (process.argv[1] === import.meta.filename) checkAsProgram('layers', checkLayers)
