/**
 * Where a world's files are, and its bounds: what can be known without reading any of them. The
 * command line loads this and nothing heavier.
 */
import { join } from 'node:path'

/** Of a world that is not named otherwise; below the current folder. */
export const worldFolderDefault = '.unosys'

/** Processors of one world on one machine. */
export const nodesMax = 16
export const portMax = 65_535
/** Of the first Processor's API, the others count up. */
export const httpPortDefault = 7300

/** Where things are. */
export const worldPaths = (
  folder: string,
): { readonly config: string; readonly token: string; readonly passphrase: string } => ({
  config: join(folder, 'world.json'),
  token: join(folder, 'token'),
  passphrase: join(folder, 'passphrase'),
})

/** `world.json` until all else is written: where it is found, a creation broke off. */
export const unfinishedPath = (folder: string): string => join(folder, 'world.json.unfinished')

/** The folder of Processor `n`. */
export const processorFolder = (folder: string, n: number): string => join(folder, String(n))

export const processorPaths = (
  folder: string,
): {
  readonly config: string
  readonly genesis: string
  readonly keyring: string
  /** There until the Processor has run once: an empty journal is a new one then, not a lost one. */
  readonly neverStarted: string
  readonly journal: string
  /** Inside the journal's folder, when a run has found it damaged: the next one begins without. */
  readonly journalDamage: string
  /** Where a damaged journal is kept, from 1 on. */
  readonly journalAside: (count: number) => string
} => ({
  config: join(folder, 'processor.json'),
  genesis: join(folder, 'genesis'),
  keyring: join(folder, 'keyring'),
  neverStarted: join(folder, 'never-started'),
  journal: join(folder, 'journal'),
  journalDamage: join(folder, 'journal', 'damaged'),
  journalAside: (count) => join(folder, `journal-damaged-${count}`),
})
