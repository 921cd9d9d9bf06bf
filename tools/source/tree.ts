/** The project's own files: what a clone holds, without what is installed or made by running. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The project's folder. */
export const projectRoot: string = dirname(dirname(import.meta.dirname))

// The same list as .gitignore; a test holds the two together.
export const ignoredFolders: readonly string[] = [
  'node_modules',
  '.install-lock',
  '.unosys',
  'dist',
]
const ignoredEndings = ['.log', '.cpuprofile', '.heapsnapshot']

/** Files under `folder`, as paths from `root` with `/` on every system, sorted. */
export function listFiles(root: string, folder = ''): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (entry.name !== '.git' && !isIgnoredFolder(entry.name))
        found.push(...listFiles(root, path))
    } else if (entry.isFile() && entry.name !== '.git') {
      if (!ignoredEndings.some((ending) => entry.name.endsWith(ending))) found.push(path)
    }
  }
  return found.sort()
}

/** The same, or nothing when the folder does not exist. */
export function listFilesIn(root: string, folder: string): string[] {
  const stat = statSync(join(root, folder), { throwIfNoEntry: false })
  return stat?.isDirectory() === true ? listFiles(root, folder) : []
}

/** A file's text; undefined when it is not text (it holds a zero byte). */
export function readText(root: string, path: string): string | undefined {
  const bytes = readFileSync(join(root, path))
  return bytes.includes(0) ? undefined : bytes.toString('utf8')
}

function isIgnoredFolder(name: string): boolean {
  return ignoredFolders.some((ignored) => name === ignored || name.startsWith(`${ignored}.`))
}
