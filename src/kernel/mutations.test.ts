import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const source = join(import.meta.dirname, '..')
const programs = ['main', 'cli', 'adapters', 'sdk']

test('no program can make a kernel with replaced parts', () => {
  let count = 0
  for (const folder of programs) {
    const names = readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' })
    for (const name of names.filter((one) => one.endsWith('.ts'))) {
      const text = readFileSync(join(source, folder, name), 'utf8')
      assert(!/createAltered|kernel\/mutations/.test(text), `${folder}/${name}`)
      count++
    }
  }
  assert(count > 30, `${count} files`)
})
