/**
 * The development keyring: the node's keys in one file that only its owner may read. Whoever can
 * read the disk has the keys; `notice` says so at every start. In production the keys are
 * delivered into memory and never rest anywhere.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodecError } from '../base/codec.ts'
import { type Keyring, KeyringCode, KeyringError, type NodeKeys } from '../ports/keyring.ts'
import { decodeKeyring, encodeKeyring, keyringBytesMax } from './file-keyring-format.ts'
import { systemReason } from './system-reason.ts'

const ownerOnly = 0o600
/** Any right of the group or of others. */
const othersMask = 0o077

/** Windows keeps rights elsewhere and shows made-up ones here; it cannot sync a folder either. */
const hasPosixRights = process.platform !== 'win32'

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

/** @param cause a sentence, or the error that says it. */
function refuse(code: KeyringCode, path: string, cause: unknown): KeyringError {
  const options = cause instanceof Error ? { cause } : undefined
  return new KeyringError(code, `keyring ${path}: ${systemReason(cause)}`, { path }, options)
}

async function openChecked(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw refuse(KeyringCode.Missing, path, error)
    throw refuse(KeyringCode.Unreadable, path, error)
  }
}

/** Rights and bytes of one and the same open file: nobody can swap it in between. */
async function readChecked(path: string): Promise<Uint8Array> {
  const file = await openChecked(path)
  try {
    const { mode, size } = await file.stat()
    if (hasPosixRights && (mode & othersMask) !== 0)
      throw refuse(KeyringCode.Exposed, path, 'others have rights on it')
    if (size > keyringBytesMax) throw refuse(KeyringCode.Malformed, path, 'too large')
    const { buffer, byteOffset, byteLength } = await file.readFile()
    return new Uint8Array(buffer, byteOffset, byteLength)
  } catch (error) {
    if (error instanceof KeyringError) throw error
    throw refuse(KeyringCode.Unreadable, path, error)
  } finally {
    await file.close()
  }
}

async function load(path: string): Promise<NodeKeys> {
  const bytes = await readChecked(path)
  try {
    return decodeKeyring(bytes)
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    throw refuse(KeyringCode.Malformed, path, error)
  } finally {
    bytes.fill(0)
  }
}

/** What an operator is told at each start. @param whose `this Processor` */
export const keyringNotice = (whose: string, path: string): string =>
  `DEVELOPMENT KEYRING: the keys of ${whose} rest in the file ${path}, ` +
  'guarded by nothing but its file rights.'

/** The keyring in the file `path`, as `writeKeyring` made it. */
export function createFileKeyring(path: string): Keyring {
  return {
    load: () => load(path),
    notice: keyringNotice('this Processor', path),
  }
}

async function syncFolder(path: string): Promise<void> {
  if (!hasPosixRights) return
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Write a new keyring, durable when the promise resolves. It never replaces one: lost keys are
 * lost data.
 *
 * @throws KeyringError `keyring/exists`, `keyring/unwritable` (nothing is left behind then).
 */
export async function writeKeyring(path: string, keys: NodeKeys): Promise<void> {
  const bytes = encodeKeyring(keys)
  let file: FileHandle
  try {
    file = await open(path, 'wx', ownerOnly)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw refuse(KeyringCode.Exists, path, error)
    throw refuse(KeyringCode.Unwritable, path, error)
  }
  try {
    await file.writeFile(bytes)
    await file.sync()
    await file.close()
    await syncFolder(dirname(path))
  } catch (error) {
    await file.close()
    await unlink(path)
    throw refuse(KeyringCode.Unwritable, path, error)
  } finally {
    bytes.fill(0)
  }
}
