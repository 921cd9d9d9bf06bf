/**
 * A journal that is damaged is no memory: a member that went on from it could vote against what it
 * voted. It is set aside, and the Processor begins again without one: it serves data, the state
 * comes from the others, and it votes once they have readmitted it (PROTOCOL 2.6, 2.10). Where the
 * others are no quorum it is left where it is: it may be the only copy.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
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
  const path = processorPaths(folder).journalDamage
  writeFileSync(path, `${messageOf(error)}\n`, { flush: true, mode: 0o600 })
}

/** True when a run before found the journal damaged. */
export const isJournalMarked = (folder: string): boolean =>
  existsSync(processorPaths(folder).journalDamage)

/** Journals that are kept aside: a disk that rots on must not fill up with them. */
const keptCount = 2

/**
 * Give the journal's folder another name, and remove the oldest of those that have one. From here
 * on the Processor is none that never ran, whatever it was. Returns the new name.
 */
export async function setJournalAside(folder: string): Promise<string> {
  const { journal, journalAside, neverStarted } = processorPaths(folder)
  await rm(neverStarted, { force: true })
  await syncFolder(folder)
  let last = 0
  for (const name of await readdir(folder)) last = Math.max(last, asideCountOf(name))
  const aside = journalAside(last + 1)
  await rename(journal, aside)
  await syncFolder(folder)
  for (let count = last + 1 - keptCount; count > 0 && existsSync(journalAside(count)); count--)
    await rm(journalAside(count), { recursive: true })
  return aside
}

const asideCountOf = (name: string): number =>
  Number(/^journal-damaged-([1-9]\d{0,8})$/.exec(name)?.[1] ?? 0)
