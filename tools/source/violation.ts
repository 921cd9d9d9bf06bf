/** A rule that a file breaks, and how a checker says so. */
import { projectRoot } from './tree.ts'

export type Violation = {
  readonly path: string
  /** From 1. */
  readonly line: number
  /** What is wrong, what to do instead, and where the reason stands. */
  readonly message: string
}

export function showViolation(violation: Violation): string {
  return `${violation.path}:${violation.line}  ${violation.message}`
}

/** Run one checker as a program: print what it found, and exit 1 if that is anything. */
export function checkAsProgram(name: string, check: (root: string) => readonly Violation[]): void {
  const violations = check(projectRoot)
  for (const violation of violations) console.log(showViolation(violation))
  console.log(violations.length === 0 ? `${name}: in order` : `${name}: ${violations.length} found`)
  process.exitCode = violations.length === 0 ? 0 : 1
}
