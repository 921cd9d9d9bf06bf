/**
 * What all applications of a simulated world asked and were told, and whether one computer that
 * does one thing after another could have told them that.
 */
import { type DirectoryCall, directoryFault } from './linear-directory.ts'
import { type FileCall, fileFault } from './linear-file.ts'
import { appendFault, type LogCall } from './linear-log.ts'

/** An answer that no trouble excuses. */
export type ClientFault = { readonly what: string }

export class WorldHistories {
  /** Of files that are written as a whole. */
  readonly files: FileCall[] = []
  /** Of the file to which all append. */
  readonly log: LogCall[] = []
  /** Of the directory in which names come and go. */
  readonly directory: DirectoryCall[] = []
  readonly faults: ClientFault[] = []
  /** Changes that were acknowledged, and reads that were answered. */
  acknowledgedCount = 0
  answeredReadCount = 0
  /** Requests to which there was no answer, or one that says nothing. */
  unansweredCount = 0

  /**
   * The first thing that is wrong, in words. The histories end with reads through every Processor:
   * so what was acknowledged and is lost shows here, and what was done twice.
   *
   * @throws HistoryTooHard
   */
  fault(): string | undefined {
    const [first] = this.faults
    if (first !== undefined) return first.what
    const judged = [
      ['files', fileFault(this.files)],
      ['the log', appendFault(this.log)],
      ['the directory', directoryFault(this.directory)],
    ] as const
    for (const [what, fault] of judged) {
      if (fault !== undefined) return `${what}: not linearizable: ${fault}`
    }
    return undefined
  }
}
