/** docs/REQUIREMENTS.md names tests that exist, for every requirement that it must name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, projectRoot, readText } from './source/tree.ts'

const page = 'docs/REQUIREMENTS.md'

/** Of the ground floor: a world of four Processors on one machine. */
const wanted = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 20, 21, 22, 23, 26, 27],
  ...[43, 44, 45, 46, 47, 48, 49, 53, 54, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65],
  ...[67, 68, 69, 25, 29, 52, 90, 91, 92, 93, 94, 96, 97, 98, 106],
]

type Row = {
  /** Undefined for a promise without a number. */
  readonly number: number | undefined
  readonly line: number
  readonly shownBy: readonly { readonly path: string; readonly title: string }[]
}

/** Rows of tables whose last cell names tests: `path` "title", "title"; `path` … */
function rowsOf(text: string): Row[] {
  return text.split('\n').flatMap((line, index): Row[] => {
    const cells = line.split('|').map((cell) => cell.trim())
    const last = cells.at(-2) ?? ''
    if (!last.includes('.test.ts`')) return []
    const shownBy = last.split(';').flatMap((part) => {
      const path = /`([^`]+\.test\.ts)`/.exec(part)?.[1]
      assert(path, `${page}:${index + 1} names no test file in "${part.trim()}"`)
      const titles = [...part.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')
      assert(titles.length > 0, `${page}:${index + 1} names no test of ${path}`)
      return titles.map((title) => ({ path, title }))
    })
    const number = /^C(\d+)$/.exec(cells[1] ?? '')?.[1]
    return [{ number: number === undefined ? undefined : Number(number), line: index + 1, shownBy }]
  })
}

/** The titles of the tests of a file, as they stand there: with `${…}` in them, or in a table. */
function titlesOf(source: string): string[] {
  const pattern = /\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g
  const titles = [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '')
  const listed = [...source.matchAll(/: *\n? *'(C\d+[^':]*: [^']*)',/g)]
  return [...titles, ...listed.map((match) => match[1] ?? '')]
}

const hasNumber = (title: string, number: number): boolean =>
  new RegExp(`\\bC${number}\\b`).test(title)

const guarantees = 'docs/GUARANTEES.md'
const text = readText(projectRoot, page) ?? ''
const rows = rowsOf(text)
const files = new Set(listFiles(projectRoot).filter((path) => path.endsWith('.test.ts')))

test('every requirement has a row, and none has two', () => {
  const numbers = rows.flatMap(({ number }) => number ?? [])
  assert.deepEqual(numbers, wanted)
})

test('every test that a row names is there, with the number in its title', () => {
  for (const { number, line, shownBy } of rows) {
    for (const { path, title } of shownBy) {
      assert(files.has(path), `${page}:${line} names ${path}, which is not there`)
      const named = titlesOf(readText(projectRoot, path) ?? '').filter((one) => one.includes(title))
      assert(named.length > 0, `${page}:${line}: no test of ${path} has "${title}" in its title`)
      if (number === undefined) continue
      const isNumbered = named.some((one) => hasNumber(one, number))
      assert(isNumbered, `${page}:${line}: "${title}" of ${path} does not carry C${number}`)
    }
  }
})

test('C97: each guarantee of the strong mode names tests that are there', () => {
  const promised = rowsOf(readText(projectRoot, guarantees) ?? '')
  assert(promised.length >= 10, `${promised.length} guarantees`)
  for (const { line, shownBy } of promised) {
    for (const { path, title } of shownBy) {
      const titles = titlesOf(readText(projectRoot, path) ?? '')
      const isThere = titles.some((one) => one.includes(title))
      assert(isThere, `${guarantees}:${line}: no test of ${path} has "${title}" in its title`)
    }
  }
})

test('what is not shown in full is a requirement of the tables', () => {
  const section = text.slice(text.indexOf('## Not shown in full'), text.indexOf('## The tour'))
  const numbers = [...section.matchAll(/^\| C(\d+) \|/gm)].map((match) => Number(match[1]))
  assert(numbers.length > 0)
  for (const number of numbers) assert(wanted.includes(number), `C${number} has no row`)
})

test('a row is read as it is meant', () => {
  const [row] = rowsOf('| C7 | works | `a/b.test.ts` "one", "two"; `c.test.ts` "three" |')
  assert.deepEqual(row, {
    number: 7,
    line: 1,
    shownBy: [
      { path: 'a/b.test.ts', title: 'one' },
      { path: 'a/b.test.ts', title: 'two' },
      { path: 'c.test.ts', title: 'three' },
    ],
  })
  assert.throws(() => rowsOf('| C7 | works | `a.test.ts` without a title |'))
  assert.deepEqual(titlesOf("test('C1: it\\'s', () => {})\ntest(\n  `C2: ${n}`,"), [
    "C1: it\\'s",
    'C2: ${n}',
  ])
  assert(hasNumber('C5, C57: x', 57) && !hasNumber('C57: x', 5))
})
