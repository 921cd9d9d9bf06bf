import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { ignoredFolders, projectRoot, readText } from './source/tree.ts'
import { showViolation } from './source/violation.ts'
import { bannedGlobals } from './tidy/bans.ts'
import { deadLinks, missingDoors } from './tidy/folders.ts'
import { repeatableFolders } from './tidy/rule.ts'
import { checkTidy, rules, tidyFile } from './tidy.ts'

// Goal: the project keeps its style, and each rule is seen to catch what it is for.

const kernelFile = 'src/kernel/vault/x.ts'
const shown = new Set<string>()

/** The one rule that a text breaks. */
const breaks = (rule: string, text: string, path = kernelFile): void => {
  const found = tidyFile(path, text)
  assert.equal(
    found.length,
    1,
    `${text}: ${found.map(showViolation).join('; ') || 'nothing found'}`,
  )
  assert(found[0]?.message.endsWith(`[${rule}]`), found[0]?.message)
  shown.add(rule)
}

const keeps = (text: string, path = kernelFile): void => {
  assert.deepEqual(tidyFile(path, text).map(showViolation), [], text)
}

test('tidy: the project keeps every rule', () => {
  const found = checkTidy(projectRoot).map(showViolation)
  assert.equal(found.length, 0, `\n${found.join('\n')}\n`)
})

test('tidy: dice and locales are banned where code must be repeatable', () => {
  breaks('members', 'const a = Math.random()')
  breaks('members', 'a.localeCompare(b)', 'src/base/x.ts')
  breaks('members', 'a.toLocaleString()', 'src/simulator/x.ts')
  breaks('members', 'import.meta.url', 'src/wire/x.ts')
  keeps('const a = Math.random()', 'src/adapters/x.ts')
  keeps('const a = Math.random()', 'src/kernel/vault/x.test.ts')
  keeps("// not Math.random\nconst a = 'Math.random()'")
})

test('tidy: a message names what to use instead', () => {
  const [found] = tidyFile(kernelFile, '\nconst a = Math.random()')
  assert.equal(
    found === undefined ? '' : showViolation(found),
    `${kernelFile}:2  Math.random is not repeatable: use Random of src/ports/random.ts [members]`,
  )
})

test('tidy: the ban on globals cannot be switched off in a comment', () => {
  breaks('ignored-lint', '// biome-ignore lint/style/noRestrictedGlobals: just once\nf()')
  keeps('// biome-ignore lint/style/noNonNullAssertion: the map holds it\nf()')
})

test('tidy: a file that declares itself @pure does not wait', () => {
  const header = '/**\n * One step.\n *\n * @pure\n */\n'
  breaks('pure', `${header}async function f() {}`)
  breaks('pure', '// @pure\nconst a: Promise<void> = f()')
  keeps(`${header}// async\nfunction f() {}`)
  keeps('/** One step. */\nasync function f() {}')
  keeps('/** Says @pure in a sentence. */\nasync function f() {}')
  keeps('const a = 1\n/**\n * @pure\n */\nasync function f() {}')
})

test('tidy: files end at 600 lines, lines at 100 columns', () => {
  breaks('file-lines', 'f()\n'.repeat(601))
  keeps('f()\n'.repeat(600))
  breaks('line-columns', `f(${'a'.repeat(100)})`)
  breaks('line-columns', `// ${'a '.repeat(50)}`, 'tools/x.mjs')
  keeps(`f('${'a'.repeat(100)}')`)
  keeps(`// https://example.org/${'a'.repeat(100)}`)
  keeps(`f(${'a'.repeat(97)})`)
})

test('tidy: no catch swallows every error', () => {
  breaks('silent-catch', 'try { f() } catch {}')
  breaks('silent-catch', 'try { f() } catch (error) {\n  // never mind\n}')
  breaks('silent-catch', 'f().catch(() => {})')
  breaks('silent-catch', 'f().catch((_error) => undefined)', 'src/main/x.ts')
  breaks('silent-catch', 'f().catch(noop)')
  keeps('try { f() } catch { return undefined }')
  keeps('f().catch((error) => { log(error) })')
  keeps('f().catch(() => {})', 'src/kernel/vault/x.test.ts')
})

test('tidy: exported functions say what they return', () => {
  breaks('return-type', 'export function f(a: number) {}')
  breaks('return-type', 'export async function f<T extends (a: T) => void>(a: T) {}')
  breaks('return-type', 'export const f = (a: number) => a')
  breaks('return-type', 'export const f = async <T>(a: T) => a')
  keeps('export function f(a: (b: number) => void): void {}')
  keeps('export function* f(): Generator<number> {}')
  keeps('export const f = (a: number): number => a')
  keeps('export const f: (a: number) => number = (a) => a')
  keeps('export const a = (1 + 2) * 3')
  keeps('function f(a: number) {}')
})

test('tidy: nothing is left unfinished', () => {
  breaks('unfinished', `// TO${'DO'}: later`)
  breaks('unfinished', `// FIX${'ME'}`, 'src/kernel/vault/DESIGN.md')
  keeps('// Noise XXpsk0')
})

test('tidy: tests hide no other test and skip with a reason', () => {
  const path = 'src/base/x.test.ts'
  breaks('test-only', "test.only('a', () => {})", path)
  breaks('test-only', "test('a', { only: true }, () => {})", 'test/e2e/x.test.ts')
  breaks('skip-reason', "test.skip('a', () => {})", path)
  breaks('skip-reason', "test('a', { skip: true }, () => {})", path)
  breaks('skip-reason', 't.skip()', path)
  keeps("test('a', { skip: 'needs a second disk' }, () => {})", path)
  keeps("t.skip('needs a second disk')", path)
})

test('tidy: no path of one machine, no registry, in any file', () => {
  for (const path of ['/wo+rk/main', '/ro+ot/x', '/ho+me/ubuntu', '/Us+ers/ada', 'C:\\Us+ers']) {
    breaks('machine-path', `see ${path.replace('+', '')}`, 'docs/x.md')
  }
  keeps('PUT /public/work/plan.txt, /home/ada/x, src/work/x, ~/work/x', 'docs/x.md')
  breaks('registry-host', `at regi${'stry'}.example.org`, 'docs/x.md')
  breaks('registry-host', `"reso${'lved'}": "https://example.org/a.tgz"`, 'package-lock.json')
})

test('tidy: the index of a layer only exports', () => {
  const index = 'src/kernel/vault/index.ts'
  breaks('exports-only', "export { a } from './a.ts'\nexport const b = 1", index)
  breaks('exports-only', "import { a } from './a.ts'\nexport { a }", index)
  keeps("/** Door. */\nexport { a } from './a.ts'\nexport type {\n  B,\n} from './b.ts'\n", index)
  keeps("export * from './a.ts'\nexport * as c from './c.ts'", index)
})

test('tidy: every rule was seen to catch something', () => {
  assert.deepEqual(
    rules.map((rule) => rule.name).filter((name) => !shown.has(name)),
    [],
  )
})

test('tidy: each layer of the kernel has its door', () => {
  const files = ['index.ts', 'interface.ts', 'errors.ts', 'DESIGN.md']
  const whole = files.map((name) => `src/kernel/vault/${name}`)
  assert.deepEqual(missingDoors([...whole, 'src/kernel/kernel.ts', 'src/base/bytes.ts']), [])
  for (const missing of whole) {
    const found = missingDoors(whole.filter((path) => path !== missing))
    assert.deepEqual(
      found.map(({ path }) => path),
      [missing],
    )
  }
})

test('tidy: links of documents lead somewhere', () => {
  const paths = new Set(['docs/a.md', 'docs/spec/b.md', 'README.md'])
  const dead = (text: string): string[] =>
    deadLinks('docs/a.md', text, paths).map(({ line, message }) => `${line}: ${message}`)
  assert.deepEqual(
    dead(
      '[b](spec/b.md#part) [r](../README.md) [s](spec) [t](spec/) [w](https://x.org) [h](#here)',
    ),
    [],
  )
  assert.deepEqual(dead('\n[c](spec/c.md)'), ['2: the link to spec/c.md leads nowhere'])
  assert.deepEqual(dead('[x]: ../nope.md'), ['1: the link to ../nope.md leads nowhere'])
  assert.deepEqual(dead('```\n[c](c.md)\n```\n`[d](d.md)`'), [])
})

test('tidy: biome.json bans the same globals, in the same folders', () => {
  const config = JSON.parse(readText(projectRoot, 'biome.json') ?? '') as {
    overrides: {
      includes: string[]
      linter: { rules: { style?: { noRestrictedGlobals?: { options: object } } } }
    }[]
  }
  const banning = config.overrides.filter(({ linter }) => linter.rules.style?.noRestrictedGlobals)
  assert.equal(banning.length, 1)
  assert.deepEqual(banning[0]?.includes, [
    ...repeatableFolders.map((folder) => `${folder}/**`),
    '!**/*.test.ts',
  ])
  const options = banning[0]?.linter.rules.style?.noRestrictedGlobals?.options
  assert.deepEqual(options, { deniedGlobals: bannedGlobals })
})

test('tidy: what the checkers pass over is what Git ignores', () => {
  const ignored = (readText(projectRoot, '.gitignore') ?? '').split('\n')
  const folders = ignored.filter((line) => line.endsWith('/')).map((line) => line.slice(0, -1))
  assert.deepEqual(folders.map((name) => name.replace('*', '')).sort(), [...ignoredFolders].sort())
})

/** The names of the rules that the linter says a text breaks, and all it says. */
const lint = (path: string, text: string): { broken: Set<string>; said: string } => {
  const root = mkdtempSync(join(tmpdir(), 'unosys-lint-'))
  mkdirSync(join(root, dirname(path)), { recursive: true })
  writeFileSync(join(root, path), text)
  copyFileSync(join(projectRoot, 'biome.json'), join(root, 'biome.json'))
  const biome = join(projectRoot, 'node_modules/@biomejs/biome/bin/biome')
  const args = [biome, 'lint', '--max-diagnostics=500', '--colors=off', path]
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  rmSync(root, { recursive: true })
  const said = stdout + stderr
  const names = [...said.matchAll(/lint\/\w+\/(\w+)/g)].map((match) => match[1] ?? '')
  return { broken: new Set(names), said }
}

test('lint: each global that is banned in the kernel is found, with what to use instead', () => {
  const names = Object.keys(bannedGlobals)
  const { said } = lint(kernelFile, `${names.map((name) => `void ${name}`).join('\n')}\n`)
  for (const [name, instead] of Object.entries(bannedGlobals)) {
    assert(
      said.includes(`Do not use the global variable ${name}.`),
      `${name} is not found\n${said}`,
    )
    assert(said.includes(instead), `${name} is found without: ${instead}`)
  }
})

test('lint: a name that is not the global is no offence, nor is one in an adapter', () => {
  const own = 'export const f = (crypto: { fetch(): number }): number => crypto.fetch()\n'
  assert(!lint(kernelFile, own).broken.has('noRestrictedGlobals'))
  assert(!lint('src/adapters/x.ts', 'void setTimeout\n').broken.has('noRestrictedGlobals'))
})

test('lint: what the style forbids is found in programs, and what tests may do is let be', () => {
  const statements = 'f()\n'.repeat(71)
  const text = [
    'enum A { B }',
    'namespace C { export const d = 1 }',
    'export default function f(a: any) { return a!.b }',
    'export class E { constructor(private g: number) {} }',
    'export function many(a: string, b: string, c: string, d: string, e: string): void {}',
    'async function waits(): Promise<void> {}',
    'export function h(): void { waits() }',
    `export function long(): void {\n${statements}}`,
    "import i from 'fs'",
    "throw 'text'",
    "eval('1')",
  ].join('\n')
  const found = lint(kernelFile, text).broken
  const everywhere = [
    ...['noEnum', 'noNamespace', 'noDefaultExport', 'noExplicitAny', 'noParameterProperties'],
    ...['noFloatingPromises', 'useNodejsImportProtocol', 'useThrowOnlyError', 'noGlobalEval'],
  ]
  const programsOnly = ['noNonNullAssertion', 'noExcessiveLinesPerFunction', 'useMaxParams']
  for (const rule of [...everywhere, ...programsOnly]) assert(found.has(rule), `${rule} is off`)
  const inTest = lint('src/kernel/vault/x.test.ts', text).broken
  for (const rule of everywhere) assert(inTest.has(rule), `${rule} is off in tests`)
  for (const rule of programsOnly) assert(!inTest.has(rule), `${rule} is on in tests`)
  assert(
    lint('src/a.test.ts', "import { test } from 'node:test'\ntest.only('a', () => {})").broken.has(
      'noFocusedTests',
    ),
  )
})
