/**
 * TypeScript source with its comments and the inside of its strings blanked out.
 *
 * The checkers look for words in code. A plain search would find them in comments and messages as
 * well, and a full parser is not worth its weight here: knowing where comments, strings, templates
 * and regular expressions begin and end is enough. Blanked text has the same length and the same
 * lines, so that an offset in one is an offset in the other.
 *
 * The one guess is whether `/` divides or begins a regular expression. It is answered by what
 * stands before it, which is right for formatted code (after `)` it is taken for a division).
 */
export type Lexed = {
  /** The file as it is. */
  readonly text: string
  /** Comments blanked; strings kept. For reading what stands in an import. */
  readonly uncommented: string
  /** Comments and the inside of strings, templates and regular expressions blanked. */
  readonly code: string
}

type Cursor = {
  readonly text: string
  readonly uncommented: string[]
  readonly code: string[]
  at: number
  /** For each template literal around the cursor, the depth of braces in its `${…}`. */
  readonly templates: number[]
}

const regexAfterWord =
  /(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|instanceof|throw|await|yield|new|else|do)$/

/** Read one file's text. Never fails: an unfinished string or comment ends with the file. */
export function lex(text: string): Lexed {
  const cursor: Cursor = {
    text,
    uncommented: [...text.split('')],
    code: [...text.split('')],
    at: 0,
    templates: [],
  }
  while (cursor.at < text.length) step(cursor)
  return { text, uncommented: cursor.uncommented.join(''), code: cursor.code.join('') }
}

/** The line, from 1, in which an offset stands. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1))
    line++
  return line
}

/** The offset of the bracket that closes the one at `open`, or -1. For blanked code. */
export function closingBracket(code: string, open: number): number {
  const closers: Record<string, string> = { '(': ')', '[': ']', '{': '}' }
  const expected: string[] = []
  for (let at = open; at < code.length; at++) {
    const char = code.charAt(at)
    const closer = closers[char]
    if (closer !== undefined) expected.push(closer)
    else if (char === expected.at(-1)) {
      expected.pop()
      if (expected.length === 0) return at
    }
  }
  return -1
}

function step(cursor: Cursor): void {
  const { text, at } = cursor
  const char = text.charAt(at)
  const next = text.charAt(at + 1)
  if (at === 0 && char === '#' && next === '!') blankComment(cursor, endOfLine(text, at))
  else if (char === '/' && next === '/') blankComment(cursor, endOfLine(text, at))
  else if (char === '/' && next === '*') blankComment(cursor, endAfter(text, '*/', at + 2))
  else if (char === "'" || char === '"') blankInside(cursor, endOfString(text, at))
  else if (char === '`') blankTemplate(cursor)
  else if (char === '}' && cursor.templates.at(-1) === 0) closeTemplateHole(cursor)
  else if (char === '/' && beginsRegex(cursor)) blankInside(cursor, endOfRegex(text, at))
  else {
    countBrace(cursor, char)
    cursor.at++
  }
}

function countBrace(cursor: Cursor, char: string): void {
  const depth = cursor.templates.at(-1)
  if (depth === undefined) return
  if (char === '{') cursor.templates[cursor.templates.length - 1] = depth + 1
  if (char === '}') cursor.templates[cursor.templates.length - 1] = depth - 1
}

function blankComment(cursor: Cursor, end: number): void {
  blank(cursor.uncommented, cursor.at, end)
  blank(cursor.code, cursor.at, end)
  cursor.at = end
}

/** Blank what stands between the quotes; `end` is the offset after the closing quote. */
function blankInside(cursor: Cursor, end: number): void {
  blank(cursor.code, cursor.at + 1, Math.max(cursor.at + 1, end - 1))
  cursor.at = end
}

/** From a backtick, or from the brace that closes a hole, to the next hole or the end. */
function blankTemplate(cursor: Cursor): void {
  const { text } = cursor
  let at = cursor.at + 1
  while (at < text.length && text.charAt(at) !== '`' && !text.startsWith('${', at)) {
    at += text.charAt(at) === '\\' ? 2 : 1
  }
  blank(cursor.code, cursor.at + 1, Math.min(at, text.length))
  if (text.startsWith('${', at)) {
    cursor.templates.push(0)
    cursor.at = at + 2
  } else {
    cursor.at = at + 1
  }
}

function closeTemplateHole(cursor: Cursor): void {
  cursor.templates.pop()
  blankTemplate(cursor)
}

function blank(chars: string[], from: number, to: number): void {
  for (let at = from; at < to && at < chars.length; at++) {
    if (chars[at] !== '\n' && chars[at] !== '\r') chars[at] = ' '
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end === -1 ? text.length : end
}

function endAfter(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from)
  return end === -1 ? text.length : end + mark.length
}

function endOfString(text: string, from: number): number {
  const quote = text.charAt(from)
  let at = from + 1
  while (at < text.length && text.charAt(at) !== quote && text.charAt(at) !== '\n') {
    at += text.charAt(at) === '\\' ? 2 : 1
  }
  return Math.min(at + 1, text.length)
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  let at = from + 1
  while (at < text.length && text.charAt(at) !== '\n') {
    const char = text.charAt(at)
    if (char === '/' && !inClass) return at + 1
    if (char === '[') inClass = true
    if (char === ']') inClass = false
    at += char === '\\' ? 2 : 1
  }
  return Math.min(at, text.length)
}

function beginsRegex(cursor: Cursor): boolean {
  const before = cursor.code
    .slice(Math.max(0, cursor.at - 200), cursor.at)
    .join('')
    .trimEnd()
  if (before === '') return true
  return /[(,=:[!&|?{};+\-*%~^<>]$/.test(before) || regexAfterWord.test(before)
}
