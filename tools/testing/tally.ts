/** What the run adds up to, and the last lines it prints. */
import type { FileResult } from './run-file.ts'

export type Failure = { readonly title: string; readonly detail: string }

export class Tally {
  passed = 0
  failed = 0
  skipped = 0
  readonly #failures: Failure[] = []
  readonly #skips: string[] = []

  /** A checker counts as one. */
  addProgram(name: string, result: { passed: boolean; output: string }): void {
    if (result.passed) {
      this.passed++
      return
    }
    this.failed++
    this.#failures.push({ title: name, detail: result.output.trim() })
  }

  addFile(result: FileResult): void {
    const { path, reports, faults } = result
    for (const report of reports) {
      if (report.outcome === 'passed') this.passed++
      if (report.outcome === 'failed') {
        this.failed++
        this.#failures.push({
          title: `${path}:${report.line}  ${report.name}`,
          detail: report.detail,
        })
      }
      if (report.outcome === 'skipped') {
        this.skipped++
        this.#skips.push(`${path}: ${report.name}: ${report.detail}`)
      }
    }
    for (const fault of faults) {
      this.failed++
      this.#failures.push({ title: `${path}  ${fault}`, detail: '' })
    }
    const wrote = result.output.trim()
    const wentWrong = faults.length > 0 || reports.some((report) => report.outcome === 'failed')
    if (wentWrong && wrote !== '') this.#failures.push({ title: `${path} wrote`, detail: wrote })
  }

  /** Something that is not a test went wrong, such as a pattern that matches nothing. */
  addFault(title: string): void {
    this.failed++
    this.#failures.push({ title, detail: '' })
  }

  get count(): number {
    return this.passed + this.failed + this.skipped
  }

  /** Skips with their reasons, failures with theirs, and the line that counts. */
  lines(): string[] {
    const lines: string[] = []
    if (this.#skips.length > 0) lines.push('', 'Skipped', ...this.#skips.map((skip) => `  ${skip}`))
    if (this.#failures.length > 0) lines.push('', 'Failed')
    for (const { title, detail } of this.#failures) {
      lines.push(`  ✗ ${title}`)
      if (detail !== '') lines.push(...detail.split('\n').map((line) => `      ${line}`))
    }
    return [...lines, '', this.total()]
  }

  total(): string {
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`
  }
}
