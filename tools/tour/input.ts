/** Real input: files that every checkout of the project has. */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { listFilesIn, projectRoot } from '../source/tree.ts'
import type { LocalFile } from './transfer.ts'

export type TourInput = {
  readonly large: LocalFile
  /** Written while a Processor is killed. */
  readonly second: LocalFile
  /** Small files: where they lie here, and their paths below it. */
  readonly folder: { readonly root: string; readonly names: readonly string[] }
}

/** Where the tour puts things; its own names, so that they can be looked for on the disks. */
export const tourPaths = {
  root: '/public/tour-of-unosys',
  large: '/public/tour-of-unosys/large-file-of-the-tour.bin',
  second: '/public/tour-of-unosys/written-while-killing.bin',
  folder: '/public/tour-of-unosys/folder-of-small-files',
  meanwhile: '/public/tour-of-unosys/while-one-is-down',
} as const

/** The Node binary that runs this (over 100 MB), and the source of the project. */
export function realInput(): TourInput {
  const node = { path: realpathSync(process.execPath) }
  return { large: node, second: node, folder: sourceFolder() }
}

/** The first bytes of the large file, and some of the small ones. */
export function shortInput(size: {
  readonly bytesMax: number
  readonly fileCount: number
}): TourInput {
  const { bytesMax, fileCount } = size
  const { large, folder } = realInput()
  const part = { ...large, bytesMax }
  return {
    large: part,
    second: part,
    folder: { ...folder, names: folder.names.slice(0, fileCount) },
  }
}

function sourceFolder(): TourInput['folder'] {
  const names = listFilesIn(projectRoot, 'src').filter((name) => name.endsWith('.ts'))
  return { root: join(projectRoot, 'src'), names: names.map((name) => name.slice('src/'.length)) }
}
