import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLayers, layerOf, mayImport, purePackages, violation, violationsIn } from './layers.ts'
import { importsOf } from './source/imports.ts'
import { lex } from './source/lex.ts'
import { listFilesIn, projectRoot, readText } from './source/tree.ts'
import { showViolation } from './source/violation.ts'

// Goal: imports point down only, through doors; and a checker that misses nothing it promises.

const dependencies = ['ws', '@hono/node-server']

const messages = (path: string, text: string): string[] =>
  violationsIn(path, { text, dependencies }).map((found) => `${found.line}: ${found.message}`)

const allowed = (path: string, text: string): void => assert.deepEqual(messages(path, text), [])

const forbidden = (path: string, text: string, message: RegExp): void => {
  const found = messages(path, text)
  assert.equal(found.length, 1, `${text}: ${found.join('; ')}`)
  assert.match(found[0] ?? '', message)
}

test('layers: every import of the project is allowed', () => {
  const found = checkLayers(projectRoot).map(showViolation)
  assert.equal(found.length, 0, `\n${found.join('\n')}\n`)
})

test('layers: the table has no cycle, so "down" means something', () => {
  const visiting = new Set<string>()
  const done = new Set<string>()
  const visit = (layer: string): void => {
    if (done.has(layer)) return
    assert(!visiting.has(layer), `${[...visiting].join(' → ')} → ${layer}`)
    visiting.add(layer)
    for (const next of mayImport[layer] ?? []) {
      const inKernel = Object.keys(mayImport).filter((name) => name.startsWith('kernel/'))
      for (const each of next === 'kernel/*' ? inKernel : [next]) visit(each)
    }
    visiting.delete(layer)
    done.add(layer)
  }
  for (const layer of Object.keys(mayImport)) visit(layer)
})

test('layers: each name in a row is a row itself', () => {
  for (const [layer, row] of Object.entries(mayImport)) {
    for (const name of row) {
      assert(name === 'kernel/*' || Object.hasOwn(mayImport, name), `${layer} names ${name}`)
    }
  }
})

test('layers: a file finds its layer by its folder', () => {
  assert.equal(layerOf('src/base/bytes.ts'), 'base')
  assert.equal(layerOf('src/kernel/vault/deep/er/file.ts'), 'kernel/vault')
  assert.equal(layerOf('src/kernel/kernel.ts'), 'kernel')
  assert.equal(layerOf('src/loose.ts'), undefined)
  assert.equal(layerOf('src/utils/x.ts'), undefined)
  assert.equal(layerOf('src/kernel/misc/x.ts'), undefined)
  assert.equal(layerOf('tools/layers.ts'), undefined)
})

test('layers: a folder without a row is refused, whatever it imports', () => {
  forbidden('src/utils/x.ts', 'export const a = 1', /no layer has this folder/)
  forbidden('src/loose.ts', '', /no layer has this folder/)
})

test('layers: down is allowed, up and sideways are not', () => {
  allowed('src/kernel/vault/x.ts', "import { a } from '../../base/bytes.ts'")
  allowed('src/kernel/blocks/x.ts', "import { a } from '../vault/index.ts'")
  forbidden(
    'src/base/x.ts',
    "import { a } from '../ports/clock.ts'",
    /base must not import ports.*nothing/,
  )
  forbidden(
    'src/kernel/vault/x.ts',
    "import { a } from '../keys/index.ts'",
    /kernel\/vault must not import kernel\/keys/,
  )
  forbidden(
    'src/kernel/filesystem/x.ts',
    "import '../database/index.ts'",
    /must not import kernel\/database/,
  )
  forbidden(
    'src/host/x.ts',
    "import { a } from '../kernel/kernel.ts'",
    /host must not import kernel/,
  )
  forbidden('src/sdk/x.ts', "import { a } from '../main/world.ts'", /sdk must not import main/)
})

test('layers: types follow the same direction', () => {
  forbidden(
    'src/base/x.ts',
    "import type { A } from '../ports/clock.ts'",
    /base must not import ports/,
  )
})

test('layers: own folder is free, at any depth', () => {
  allowed(
    'src/kernel/vault/deep/x.ts',
    "import { a } from '../name.ts'\nimport { b } from './y.ts'",
  )
})

test('layers: another layer is entered by its door', () => {
  const from = 'src/kernel/blocks/x.ts'
  forbidden(from, "import { a } from '../vault/block-name.ts'", /inside kernel\/vault.*index\.ts/)
  forbidden(from, "import type { A } from '../vault/block-name.ts'", /inside kernel\/vault/)
  forbidden(from, "import { a } from '../vault/deep/index.ts'", /inside kernel\/vault/)
  allowed(from, "import type { A } from '../vault/interface.ts'")
  allowed(from, "import { type A, type B } from '../vault/interface.ts'")
  forbidden(from, "import { type A, b } from '../vault/interface.ts'", /types only/)
  forbidden(from, "export * from '../vault/interface.ts'", /types only/)
  allowed('src/main/x.ts', "import { a } from '../kernel/kernel.ts'")
  forbidden('src/main/x.ts', "import { a } from '../kernel/options.ts'", /inside kernel/)
  allowed('src/main/x.ts', "import { a } from '../adapters/node-clock.ts'")
})

test('layers: Node and npm stay outside, pure packages come in by name', () => {
  forbidden('src/kernel/vault/x.ts', "import fs from 'node:fs'", /src\/ports.*src\/adapters/)
  forbidden('src/simulator/x.ts', "import { createHash } from 'node:crypto'", /src\/ports/)
  forbidden('src/base/x.ts', "import { z } from 'zod'", /must not import zod/)
  forbidden('src/sdk/x.ts', "import fs from 'node:fs'", /must not import node:fs/)
  allowed('src/wire/x.ts', "import { z } from 'zod'")
  allowed('src/wire/x.ts', "import { z } from 'zod/mini'")
  allowed('src/adapters/x.ts', "import fs from 'node:fs'\nimport ws from 'ws'")
  allowed('src/adapters/x.ts', "import { serve } from '@hono/node-server/x'")
  forbidden('src/adapters/x.ts', "import x from 'left-pad'", /not among "dependencies"/)
  assert.deepEqual(Object.keys(purePackages), ['wire'])
})

test('layers: nobody imports a test, or reaches outside src', () => {
  forbidden('src/base/x.ts', "import { a } from './y.test.ts'", /must not import a test/)
  forbidden('src/main/x.ts', "import { a } from '../../tools/layers.ts'", /only tests and tools/)
})

test('layers: tests may import anything', () => {
  allowed('src/base/x.test.ts', "import '../main/world.ts'\nimport 'node:fs'")
})

test('layers: what is computed at run time is refused where it could hide something', () => {
  forbidden('src/kernel/vault/x.ts', 'const a = await import(name)', /computed at run time/)
  forbidden(
    'src/kernel/vault/x.ts',
    'const a = await import(`./${name}.ts`)',
    /computed at run time/,
  )
  allowed('src/adapters/x.ts', 'const a = await import(name)')
})

test('layers: the message has the line, what is allowed and where the reason stands', () => {
  const found = violationsIn('src/kernel/vault/x.ts', {
    text: "// one\n\nimport { a } from '../links/index.ts'\n",
    dependencies,
  })
  assert.deepEqual(found.map(showViolation), [
    'src/kernel/vault/x.ts:3  kernel/vault must not import kernel/links (it may import: base, ports); ' +
      'see docs/ARCHITECTURE.md, "The house"',
  ])
})

test('layers: violation answers for one import', () => {
  const found = { path: 'src/ports/a.ts', specifier: '../base/b.ts', typeOnly: false }
  assert.equal(violation(found, []), undefined)
})

const specifiers = (text: string): string[] =>
  importsOf(lex(text)).map(
    ({ specifier, typeOnly }) => `${typeOnly ? 'type ' : ''}${specifier ?? '(computed)'}`,
  )

test('imports: every form is found', () => {
  const text = [
    "import a from './a'",
    "import a, { b } from './b'",
    "import * as c from './c'",
    "import a, * as c2 from './c2'",
    "import type { D } from './d'",
    "import { type E } from './e'",
    "import {\n  f, // why 'not'\n  type G,\n} from './f'",
    "import './g'",
    "export { h } from './h'",
    "export * from './i'",
    "export * as j from './j'",
    "export type { K } from './k'",
    "const l = await import('./l')",
    "type M = import('./m').M",
    "const n = require('./n')",
    'const o = await import(\n  "./o",\n)',
  ].join('\n')
  assert.deepEqual(specifiers(text), [
    ...['./a', './b', './c', './c2', 'type ./d', 'type ./e', './f', './g', './h', './i', './j'],
    ...['type ./k', './l', './m', './n', './o'],
  ])
})

test('imports: what only looks like one is not', () => {
  const text = [
    "// import a from './a'",
    'const text = "import b from \'./b\'"',
    "const c = `import d from './d'`",
    "this.import('./e')",
    'class A { require(path: string): void {} }',
    "export const from = 'x'",
    "export type A = { from: 'y' }\nexport { z } from './z'",
  ].join('\n')
  assert.deepEqual(specifiers(text), ['./z'])
})

test('imports: in the project, every line that looks like an import is found', () => {
  for (const path of listFilesIn(projectRoot, 'src')) {
    if (!path.endsWith('.ts')) continue
    const text = readText(projectRoot, path) ?? ''
    const loose = [...lex(text).uncommented.matchAll(/^(?:import|\}|export).* from '([^']+)'$/gm)]
    const found = new Set(importsOf(lex(text)).map(({ specifier }) => specifier))
    for (const match of loose) assert(found.has(match[1]), `${path}: ${match[0]}`)
  }
})
