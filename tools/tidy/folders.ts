/** Rules on folders: the same door on every layer of the kernel, and links that lead somewhere. */
import { posix } from 'node:path'
import type { Violation } from '../source/violation.ts'
import { type Finding, type Rule, sourceFile } from './rule.ts'

/** What every folder under src/kernel/ has, and what for. */
const doorFiles: Readonly<Record<string, string>> = {
  'index.ts': 'what other layers use, exports only',
  'interface.ts': 'the types other layers use',
  'errors.ts': 'its error codes',
  'DESIGN.md': 'purpose, why not the obvious way, concepts, invariants, decisions and costs',
}

export const doorRule: Rule = {
  name: 'exports-only',
  appliesTo: (path) => /^src\/kernel\/[^/]+\/index\.ts$/.test(path),
  check: ({ code }) => {
    const reexport =
      /\bexport\s*(?:type\s+)?(?:\{[^}]*\}|\*(?:\s*as\s+[\w$]+)?)\s*from\s*(['"])\s*\1/g
    const rest = code.replace(reexport, (match) => match.replace(/[^\n]/g, ' '))
    const at = rest.search(/\S/)
    if (at === -1) return []
    const line = rest.slice(0, at).split('\n').length
    return [
      { line, message: 'index.ts holds "export … from" only: move the rest to a file of its own' },
    ]
  },
}

/** Folders of the kernel that lack a part of their door. */
export function missingDoors(paths: readonly string[]): Violation[] {
  const present = new Set(paths)
  const folders = new Set<string>()
  for (const path of paths) {
    const match = /^src\/kernel\/[^/]+(?=\/)/.exec(path)
    if (match !== null) folders.add(match[0])
  }
  const violations: Violation[] = []
  for (const folder of [...folders].sort()) {
    for (const [name, purpose] of Object.entries(doorFiles)) {
      const path = `${folder}/${name}`
      if (present.has(path)) continue
      violations.push({ path, line: 1, message: `is missing: every layer has it (${purpose})` })
    }
  }
  return violations
}

/** Relative links of a Markdown file that lead to nothing. `paths` are all files of the project. */
export function deadLinks(path: string, text: string, paths: ReadonlySet<string>): Violation[] {
  const prose = withoutCode(text)
  const findings: Finding[] = []
  for (const match of prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm)) {
    const target = decodeURI((match[1] ?? match[2] ?? '').replace(/[#?].*$/, ''))
    if (target === '' || /^[a-z][a-z0-9+.-]*:/i.test(target) || target.startsWith('//')) continue
    const joined = posix.join(target.startsWith('/') ? '' : posix.dirname(path), target)
    const clean = joined.replace(/^\/|\/$/g, '')
    if (clean === '.' || paths.has(clean) || [...paths].some((p) => p.startsWith(`${clean}/`)))
      continue
    const line = prose.slice(0, match.index).split('\n').length
    findings.push({ line, message: `the link to ${target} leads nowhere` })
  }
  return findings.map((finding) => ({ path, ...finding }))
}

/** Blank what stands in fences and backticks, lines kept. */
function withoutCode(text: string): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ')
  return text.replace(/^(```|~~~)[\s\S]*?^\1.*$/gm, blank).replace(/`[^`\n]*`/g, blank)
}

/** For tests: the findings of the door rule on one text. */
export function doorFindings(text: string): Finding[] {
  return doorRule.check(sourceFile('src/kernel/vault/index.ts', text))
}
