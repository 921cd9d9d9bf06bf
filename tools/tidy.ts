/**
 * The style guide as a program: what is banned, with what to use instead.
 *
 * Each rule is a small entry of tools/tidy/: `bans` (clocks, dice, disk, network), `shape` (sizes,
 * silent catches, return types, honest tests), `places` (paths of one machine, registry hosts),
 * `folders` (the door of each layer, links of documents). What a linter with a parser sees better
 * stands in biome.json: banned globals, functions over 70 lines, `any`, `!`, `enum`, `namespace`,
 * default exports, promises that nobody awaits. CONTRIBUTING.md has the whole list.
 *
 * Run alone: `node tools/tidy.ts` (with the pinned Node).
 */
import { listFiles, readText } from './source/tree.ts'
import { checkAsProgram, type Violation } from './source/violation.ts'
import { banRules } from './tidy/bans.ts'
import { deadLinks, doorRule, missingDoors } from './tidy/folders.ts'
import { placeRules } from './tidy/places.ts'
import { type Rule, sourceFile } from './tidy/rule.ts'
import { shapeRules } from './tidy/shape.ts'

export const rules: readonly Rule[] = [...banRules, ...shapeRules, ...placeRules, doorRule]

// Vectors come from elsewhere and stay as they came.
const foreign = ['test/conformance/vectors/']

/** All rules over all of the project's files. */
export function checkTidy(root: string): Violation[] {
  const paths = listFiles(root)
  const present = new Set(paths)
  const violations: Violation[] = [...missingDoors(paths)]
  for (const path of paths) {
    if (foreign.some((folder) => path.startsWith(folder))) continue
    const text = readText(root, path)
    if (text === undefined) continue
    violations.push(...tidyFile(path, text))
    if (path.endsWith('.md')) violations.push(...deadLinks(path, text, present))
  }
  return violations
}

/** The rules that look at one file alone. */
export function tidyFile(path: string, text: string): Violation[] {
  const applying = rules.filter((rule) => rule.appliesTo(path))
  if (applying.length === 0) return []
  const file = sourceFile(path, text)
  return applying.flatMap((rule) =>
    rule.check(file).map((finding) => ({
      path,
      line: finding.line,
      message: `${finding.message} [${rule.name}]`,
    })),
  )
}

if (process.argv[1] === import.meta.filename) checkAsProgram('tidy', checkTidy)
