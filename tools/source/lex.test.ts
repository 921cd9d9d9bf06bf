import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closingBracket, lex, lineAt } from './lex.ts'

const code = (text: string): string => lex(text).code

test('lex: comments are blanked, lines and length stay', () => {
  const text = 'a // b\n/* c\n d */ e\n'
  assert.equal(code(text), 'a     \n    \n      e\n')
  assert.equal(lex(text).uncommented, code(text))
})

test('lex: strings are blanked in code and kept in uncommented', () => {
  const text = `f('a//b', "c'd") // e`
  assert.equal(code(text), `f('    ', "   ")     `)
  assert.equal(lex(text).uncommented, `f('a//b', "c'd")     `)
})

test('lex: an escaped quote does not end a string, a line end does', () => {
  assert.equal(code(`'a\\'b' c`), `'    ' c`)
  assert.equal(code(`'a\nb`), `' \nb`)
})

test('lex: the holes of templates are code, with templates and braces inside them', () => {
  assert.equal(code('`a${b}c` + d'), '` ${b} ` + d')
  assert.equal(code('`${f({ a: `x${y}` })}z` + w'), '`${f({ a: ` ${y}` })} ` + w')
  assert.equal(code('`\\${a}` b'), '`     ` b')
})

test('lex: a regular expression is told from a division', () => {
  assert.equal(code('x = /a"b/.test(y)'), 'x = /   /.test(y)')
  assert.equal(code('return /[/"]/u'), 'return /    /u')
  assert.equal(code('a / b / "c"'), 'a / b / " "')
  assert.equal(code('(a) / b // c'), '(a) / b     ')
})

test('lex: a first line for the shell is a comment', () => {
  assert.equal(code("#!/usr/bin/env 'x\na"), '                 \na')
})

test('lex: unfinished text ends with the file', () => {
  for (const text of ['/* a', '`a', '`a${', "'a", '/a', "'a\\", '`a\\']) {
    assert.equal(lex(text).code.length, text.length, text)
  }
})

test('closingBracket and lineAt find their place', () => {
  assert.equal(closingBracket('f(a, [b], { c: (d) }) + e', 1), 20)
  assert.equal(closingBracket('f(a', 1), -1)
  assert.equal(lineAt('a\nb\nc', 0), 1)
  assert.equal(lineAt('a\nb\nc', 4), 3)
})
