/**
 * A journal that is damaged is no memory: a member that went on from it could vote against what it
 * voted. It is set aside, and the Processor begins again without one: it serves data, the state
 * comes from the others, and it votes once they have readmitted it (PROTOCOL 2.6, 2.10).
 */
import { existsSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { messageOf, UnosysError } from '../base/error.ts'
import { syncFolder } from './world-files.ts'
import { processorPaths } from './world-layout.ts'

const damageCodes: ReadonlySet<string> = new Set(['journal/damaged', 'consensus/journal-damaged'])

/** True for an error that stands for it or comes from one that does. */
export const isJournalDamage = (error: unknown): boolean =>
  (error instanceof UnosysError && damageCodes.has(error.code)) ||
  (error instanceof Error && error.cause !== undefined && isJournalDamage(error.cause))

/** Have the next start set the journal aside: what was found damaged is not read by every start. */
export function markJournal(folder: string, error: unknown): void {
  writeFileSync(processorPaths(folder).journalDamage, `${messageOf(error)}\n`)
}

/** True when a run before found the journal damaged. */
export const isJournalMarked = (folder: string): boolean =>
  existsSync(processorPaths(folder).journalDamage)

/** Give the journal's folder another name, the first that is free. Returns that. */
export async function setJournalAside(folder: string): Promise<string> {
  const { journal, journalAside } = processorPaths(folder)
  let count = 1
  while (existsSync(journalAside(count))) count++
  await rename(journal, journalAside(count))
  await syncFolder(folder)
  return journalAside(count)
}
