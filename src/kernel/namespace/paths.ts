/**
 * Paths as applications write them. Names are compared byte for byte: no case folding and no
 * Unicode normalisation, so that a path means the same on every Processor.
 */
import { utf8 } from '../../base/bytes.ts'
import { NameCode, NameError } from './errors.ts'
import { depthMax, nameBytesMax, pathBytesMax } from './limits.ts'

const bad = (message: string): NameError => new NameError(NameCode.BadPath, message, {})

/** @throws NameError `namespace/bad-path` */
export function checkName(name: string): string {
  if (name === '') throw bad('a name is empty')
  if (name === '.' || name === '..') throw bad('a path must not contain . or .. as a name')
  if (!name.isWellFormed()) throw bad('a name contains an unpaired surrogate')
  if (name.includes('\0')) throw bad('a name contains a NUL character')
  if (name.includes('/')) throw bad('a name contains a slash')
  const bytes = utf8(name).length
  if (bytes > nameBytesMax)
    throw bad(`a name has ${bytes} bytes, at most ${nameBytesMax} are allowed`)
  return name
}

/**
 * The names of an absolute path; `/` has none. One trailing slash is allowed.
 * @throws NameError `namespace/bad-path`
 */
export function parsePath(path: string): readonly string[] {
  if (!path.startsWith('/')) throw bad('a path begins with a slash')
  // Checked before anything is encoded: a code unit takes at least one byte.
  if (path.length > pathBytesMax || utf8(path).length > pathBytesMax) {
    throw bad(`a path has more than ${pathBytesMax} bytes`)
  }
  if (path === '/') return []
  const trimmed = path.endsWith('/') ? path.slice(1, -1) : path.slice(1)
  const names = trimmed.split('/')
  if (names.length > depthMax) throw bad(`a path has more than ${depthMax} names`)
  return names.map(checkName)
}

/** The one spelling of a path. */
export const joinPath = (names: readonly string[]): string => `/${names.join('/')}`
