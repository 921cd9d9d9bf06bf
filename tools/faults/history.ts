/** What applications did to a world and what they were told, ready to be judged. */
import { linearizabilityFault } from '../../src/simulator/linearizability.ts'
import { type Append, logFault } from './append-log.ts'
import { type DirectoryCall, directoryModel } from './directory-model.ts'
import { type RegisterOperation, registerFault } from './register.ts'

/** Of a file that nobody wrote yet. */
export const absent = 'absent'

const of = <Item>(lists: Map<string, Item[]>, path: string): Item[] => {
  const list = lists.get(path) ?? []
  lists.set(path, list)
  return list
}

/**
 * Times are milliseconds of one clock, that of the applications' process. Files that are written
 * whole are registers: each content names the write that it is of.
 */
export class History {
  readonly registers = new Map<string, RegisterOperation[]>()
  readonly logs = new Map<string, Append[]>()
  readonly directories = new Map<string, DirectoryCall[]>()
  /** Contents of logs as they were read in the end. */
  readonly #ends: { readonly path: string; readonly content: Uint8Array }[] = []
  /** Answers that no trouble excuses. */
  readonly faults: string[] = []
  /** When changes were acknowledged, in their order. */
  readonly acknowledgedAtMs: number[] = []
  readCount = 0
  /** Changes of which nobody knows, and such as were refused without effect. */
  openCount = 0
  refusedCount = 0

  register(path: string, operation: RegisterOperation): void {
    of(this.registers, path).push(operation)
  }

  append(path: string, append: Append): void {
    of(this.logs, path).push(append)
  }

  directory(call: DirectoryCall): void {
    of(this.directories, call.input.directory).push(call)
  }

  logEnd(path: string, content: Uint8Array): void {
    this.#ends.push({ path, content })
  }

  /** What is wrong, in words: each finding breaks a promise of the world. */
  verdict(): string[] {
    const found = [...this.faults]
    const note = (path: string, fault: string | undefined): void => {
      if (fault !== undefined) found.push(`${path}: ${fault}`)
    }
    for (const [path, operations] of this.registers) note(path, registerFault(operations, absent))
    for (const { path, content } of this.#ends) {
      note(path, logFault(this.logs.get(path) ?? [], content))
    }
    for (const [path, calls] of this.directories) {
      note(path, linearizabilityFault(directoryModel, calls))
    }
    return found
  }

  /** The longest time without any acknowledged change between two moments. */
  longestPauseMs(from: number, to: number): number {
    const moments = [from, ...this.acknowledgedAtMs.filter((at) => at > from && at < to), to]
    return Math.max(...moments.map((at, index) => at - (moments[index - 1] ?? at)))
  }
}
