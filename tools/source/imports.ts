/** What a file imports, found by pattern in its blanked text. */
import { closingBracket, type Lexed, lineAt } from './lex.ts'

export type Import = {
  /** As written: './x.ts', 'node:fs', 'ws'; undefined when it is computed at run time. */
  readonly specifier: string | undefined
  /** Only types come in: nothing is loaded. */
  readonly typeOnly: boolean
  readonly line: number
}

const clause = String.raw`[\w$]+(?:\s*,\s*(?:\{[^}]*\}|\*\s*as\s+[\w$]+))?|\{[^}]*\}|\*\s*as\s+[\w$]+`
const reexport = String.raw`\{[^}]*\}|\*(?:\s*as\s+[\w$]+)?`
const before = String.raw`(?<![\w$.#])`
const importFrom = new RegExp(`${before}import\\s*(type\\s+)?(${clause})\\s*from\\s*['"]`, 'g')
const exportFrom = new RegExp(`${before}export\\s*(type\\s+)?(${reexport})\\s*from\\s*['"]`, 'g')
const importBare = new RegExp(`${before}import\\s*['"]`, 'g')
const importCall = new RegExp(`${before}(?:import|import\\.meta\\.resolve)\\s*\\(`, 'g')
// Only with a string: `require` is a good name for a method, and modules have no such function.
const requireCall = new RegExp(`${before}require\\s*\\((?=\\s*['"\`])`, 'g')

/** All imports of a file: import, export … from, import for effect, import(), require(). */
export function importsOf(source: Lexed): Import[] {
  const found: (Import & { at: number })[] = []
  const add = (at: number, specifier: string | undefined, typeOnly: boolean): void => {
    found.push({ at, specifier, typeOnly, line: lineAt(source.code, at) })
  }
  for (const pattern of [importFrom, exportFrom]) {
    for (const match of source.code.matchAll(pattern)) {
      const typeOnly = match[1] !== undefined || bringsOnlyTypes(match[2] ?? '')
      add(match.index, quotedAt(source, match.index + match[0].length - 1), typeOnly)
    }
  }
  for (const match of source.code.matchAll(importBare)) {
    add(match.index, quotedAt(source, match.index + match[0].length - 1), false)
  }
  for (const pattern of [importCall, requireCall]) {
    for (const match of source.code.matchAll(pattern)) {
      add(match.index, argumentAt(source, match.index + match[0].length - 1), false)
    }
  }
  found.sort((a, b) => a.at - b.at)
  return found.map(({ specifier, typeOnly, line }) => ({ specifier, typeOnly, line }))
}

/** Whether every name between the braces is marked `type`. */
function bringsOnlyTypes(names: string): boolean {
  if (!names.startsWith('{')) return false
  const each = names
    .slice(1, -1)
    .split(',')
    .map((name) => name.trim())
  const present = each.filter((name) => name !== '')
  return present.length > 0 && present.every((name) => /^type\s+\S/.test(name))
}

/** The string whose opening quote stands at an offset. */
function quotedAt(source: Lexed, open: number): string | undefined {
  const quote = source.code.charAt(open)
  const close = source.code.indexOf(quote, open + 1)
  return close === -1 ? undefined : source.uncommented.slice(open + 1, close)
}

/** The argument of a call, when it is one plain string. */
function argumentAt(source: Lexed, open: number): string | undefined {
  const close = closingBracket(source.code, open)
  if (close === -1) return undefined
  const argument = source.uncommented.slice(open + 1, close).trim()
  return /^(['"`])(?:(?!\1|\$\{)[^\\])*\1,?$/.exec(argument) === null
    ? undefined
    : argument.replace(/,$/, '').slice(1, -1)
}
