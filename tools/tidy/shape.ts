/** Rules on the shape of source: sizes, silent catches, return types, honest tests. */
import { closingBracket, lineAt } from '../source/lex.ts'
import { type Finding, findAll, isProgram, isScript, isTest, type Rule } from './rule.ts'

export const fileLinesMax = 600
export const lineColumnsMax = 100

const silentCatch =
  /\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\s*(?:\([^)]*\)|[\w$]+)\s*=>\s*(?:\{\s*\}|undefined|null|void 0)\s*,?\s*\)|\.catch\(\s*noop\s*\)/g

export const shapeRules: readonly Rule[] = [
  {
    name: 'file-lines',
    appliesTo: isScript,
    check: ({ text }) => {
      const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
      if (lines <= fileLinesMax) return []
      const message = `${lines} lines, at most ${fileLinesMax}: split by verb, one verb or noun per file`
      return [{ line: fileLinesMax + 1, message }]
    },
  },
  {
    name: 'line-columns',
    appliesTo: isScript,
    check: ({ text, uncommented, code }) => {
      const kept = uncommented.split('\n')
      const blanked = code.split('\n')
      return text.split('\n').flatMap((line, index): Finding[] => {
        // Quotes, or the inside of a string that runs over lines: the formatter leaves those too.
        const holdsString = /['"`]/.test(blanked[index] ?? '') || kept[index] !== blanked[index]
        const mayBeLong = holdsString || /:\/\/|biome-ignore|^#!/.test(line)
        if (line.length <= lineColumnsMax || mayBeLong) return []
        const message = `${line.length} columns, at most ${lineColumnsMax}: break the line`
        return [{ line: index + 1, message }]
      })
    },
  },
  {
    name: 'silent-catch',
    appliesTo: isProgram,
    check: ({ code }) =>
      findAll(
        code,
        silentCatch,
        'this catch swallows every error: react to the code you expect, and let the rest go on',
      ),
  },
  {
    name: 'return-type',
    appliesTo: isProgram,
    check: ({ code }) => [...untypedFunctions(code), ...untypedArrows(code)],
  },
  {
    name: 'unfinished',
    appliesTo: (path) => path.startsWith('src/'),
    check: ({ text }) =>
      findAll(text, /\b(?:TODO|FIXME|XXX|HACK)\b/g, '$&: finish it, or open an issue and name it'),
  },
  {
    name: 'test-only',
    appliesTo: isTest,
    check: ({ code }) =>
      findAll(
        code,
        /\b(?:test|it|describe|suite|t)\.only\b|\bonly:\s*true\b/g,
        '$& would hide every other test: remove it; use npm test -- --grep while working',
      ),
  },
  {
    name: 'skip-reason',
    appliesTo: isTest,
    check: ({ code }) =>
      findAll(
        code,
        /\b(?:test|it|describe|suite)\.(?:skip|todo)\b|\b(?:skip|todo):\s*true\b|\bt\.(?:skip|todo)\(\s*\)/g,
        "$& gives no reason: write { skip: 'why' }; the reason is printed with the result",
      ),
  },
]

function untypedFunctions(code: string): Finding[] {
  const findings: Finding[] = []
  for (const match of code.matchAll(/^export\s+(?:async\s+)?function\s*\*?\s*([\w$]+)\s*/gm)) {
    const open = afterGenerics(code, match.index + match[0].length)
    const close = closingBracket(code, open)
    if (code.charAt(open) !== '(' || close === -1) continue
    if (/^\s*:/.test(code.slice(close + 1))) continue
    findings.push(withoutType(code, match.index, match[1] ?? ''))
  }
  return findings
}

function untypedArrows(code: string): Finding[] {
  const findings: Finding[] = []
  for (const match of code.matchAll(/^export\s+const\s+([\w$]+)\s*=\s*(?:async\s*)?(?=[(<])/gm)) {
    const open = afterGenerics(code, match.index + match[0].length)
    const close = closingBracket(code, open)
    if (code.charAt(open) !== '(' || close === -1) continue
    if (!/^\s*=>/.test(code.slice(close + 1))) continue
    findings.push(withoutType(code, match.index, match[1] ?? ''))
  }
  return findings
}

function withoutType(code: string, at: number, name: string): Finding {
  const message = `${name} is exported without a return type: write it, so that a change of it is seen`
  return { line: lineAt(code, at), message }
}

/** Past `<…>` if it stands here. An arrow's `>` inside does not close it. */
function afterGenerics(code: string, from: number): number {
  if (code.charAt(from) !== '<') return from
  let depth = 0
  for (let at = from; at < code.length; at++) {
    if (code.charAt(at) === '<') depth++
    if (code.charAt(at) === '>' && code.charAt(at - 1) !== '=') depth--
    if (depth === 0) return at + 1 + (/^\s*/.exec(code.slice(at + 1))?.[0].length ?? 0)
  }
  return from
}
