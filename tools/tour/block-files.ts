/**
 * The block files of a Processor, seen as its administrator sees them: names and bytes on a disk.
 */
import {
  closeSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseBase32, toHex } from '../../src/base/bytes.ts'

/** Of docs/spec/vault.md: `<id>-<version>-<epoch>-<pages>-<content hash>-<name hash>`. */
const fieldCount = 6

export type BlockFile = {
  readonly path: string
  readonly name: string
  /** Hexadecimal, as `view=blocks` shows it. */
  readonly id: string
}

/** All files of the vault that carry a block's name. */
export function blockFilesOf(processorFolder: string): BlockFile[] {
  const vault = join(processorFolder, 'vault')
  return readdirSync(vault, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: folder }) =>
      readdirSync(join(vault, folder)).map((name) => ({ folder, name })),
    )
    .flatMap(({ folder, name }) => {
      const fields = name.split('-')
      const id = fields.length === fieldCount ? parseBase32(fields[0] ?? '') : undefined
      return id === undefined ? [] : [{ path: join(vault, folder, name), name, id: toHex(id) }]
    })
}

/** The block files by block id. */
export function blockFilesById(processorFolder: string): Map<string, BlockFile[]> {
  const found = new Map<string, BlockFile[]>()
  for (const file of blockFilesOf(processorFolder)) {
    const same = found.get(file.id)
    if (same === undefined) found.set(file.id, [file])
    else same.push(file)
  }
  return found
}

/** Turn one bit of the byte in the middle of a file. Its size and name stay. */
export function changeOneByte(path: string): { readonly offset: number } {
  const offset = Math.floor(statSync(path).size / 2)
  const file = openSync(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    readSync(file, byte, 0, 1, offset)
    byte[0] = (byte[0] ?? 0) ^ 1
    writeSync(file, byte, 0, 1, offset)
  } finally {
    closeSync(file)
  }
  return { offset }
}

/** Change one character in the middle of a file's name. The content stays. */
export function changeOneCharacter(file: BlockFile): {
  readonly path: string
  readonly name: string
} {
  const at = Math.floor(file.name.length / 2)
  const old = file.name.charAt(at)
  const changed = old === 'a' ? 'b' : 'a'
  const name = file.name.slice(0, at) + changed + file.name.slice(at + 1)
  const path = file.path.slice(0, -file.name.length) + name
  renameSync(file.path, path)
  return { path, name }
}
