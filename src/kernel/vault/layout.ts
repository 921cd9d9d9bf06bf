/**
 * Where files lie: `vault/<folder>/<name>`, the folder from the first 7 bits of the partition, as
 * two hexadecimal digits. docs/spec/vault.md says why 128.
 *
 * `vault/README.txt` tells people to leave the folder alone (C50) and, in its first line, programs
 * which format it has.
 */
import { assert } from '../../base/assert.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import { type Disk, DiskCode } from '../../ports/disk.ts'
import { VaultCode, VaultError } from './errors.ts'
import { folderCount, partitionsPerFolder } from './limits.ts'

export const vaultFolder = 'vault'
/** Ends the name of a file that will replace another. At start such files are removed. */
export const unfinishedSuffix = '.new'
const readmePath = `${vaultFolder}/README.txt`
const formatLine = 'UnoSys vault, format 1'
const readmeText = `${formatLine}

The files in these folders are blocks of a UnoSys world, sealed twice. Please leave them alone.
They belong to files that people keep in that world, perhaps not to you; nobody can read them here.
A file that is deleted, renamed or changed is noticed at the next access and this computer is
reported for it; the data itself survives on other computers. To give back the space, take this
computer out of the world in UnoSys first.
`

export function folderOf(partition: number): string {
  const folder = allFolders[Math.floor(partition / partitionsPerFolder)]
  assert(folder !== undefined, 'a partition is 0 to 16,383')
  return folder
}

const folderAt = (index: number): string => `${vaultFolder}/${index.toString(16).padStart(2, '0')}`

export const allFolders: readonly string[] = Array.from({ length: folderCount }, (_, index) =>
  folderAt(index),
)

/**
 * Make what is missing of the folders, durably, and check the format.
 *
 * @throws VaultError `vault/unusable` for another format; DiskError from the disk.
 */
export async function prepareLayout(disk: Disk): Promise<void> {
  const there = new Set(await disk.list(vaultFolder))
  if (there.has('README.txt')) await checkFormat(disk)
  const missing = allFolders.filter((folder) => !there.has(folder.slice(vaultFolder.length + 1)))
  if (there.size === 0) await disk.makeFolder(vaultFolder)
  for (const folder of missing) await disk.makeFolder(folder)
  if (!there.has('README.txt')) await writeReadme(disk)
  // Always: a former process may have made them and gone before it could sync.
  await disk.syncFolder(vaultFolder)
  await disk.syncFolder('')
}

/** Beside it and then over it: a torn one would read as another format. */
async function writeReadme(disk: Disk): Promise<void> {
  const fresh = `${readmePath}${unfinishedSuffix}`
  await disk.remove(fresh)
  await disk.writeSynced(fresh, [utf8(readmeText)])
  await disk.rename(fresh, readmePath)
}

async function checkFormat(disk: Disk): Promise<void> {
  const text = fromUtf8(await disk.read(readmePath)) ?? ''
  const line = text.split(/\r?\n/, 1)[0] ?? ''
  if (line === formatLine) return
  const what = `${readmePath} says "${line.slice(0, 80)}", this program knows "${formatLine}"`
  throw new VaultError(VaultCode.Unusable, `the vault has another format: ${what}`, { what })
}

/** What went wrong with the folder as a whole, for the operator. */
export function openError(error: unknown): unknown {
  if (!isUnosysError(error) || error instanceof VaultError) return error
  const full = error.code === DiskCode.Full
  const what = messageOf(error)
  return full
    ? new VaultError(
        VaultCode.Full,
        `no room to set up the vault: ${what}`,
        { what },
        { cause: error },
      )
    : new VaultError(
        VaultCode.Unusable,
        `the vault cannot be used: ${what}`,
        { what },
        { cause: error },
      )
}
