/** Disk and journals of a simulated Processor with somebody who sees all bytes that go to them. */
import type { AppendFile, Disk } from '../ports/disk.ts'
import type { Journal, JournalOpener } from '../ports/journal.ts'

/** Hears where bytes went, and the bytes: a view for the time of the call. */
export type ByteListener = (where: string, parts: readonly Uint8Array[]) => void
/** Hears names of files. */
export type NameListener = (where: string, name: string) => void

export function watchedDisk(
  disk: Disk,
  listeners: { readonly onBytes: ByteListener; readonly onName: NameListener },
): Disk {
  const { onBytes, onName } = listeners
  const where = 'on a disk'
  const named = 'in the name of a file'
  return {
    makeFolder: (path) => {
      onName(named, path)
      return disk.makeFolder(path)
    },
    list: (path) => disk.list(path),
    read: (path) => disk.read(path),
    stat: (path) => disk.stat(path),
    write: (path, parts, options) => {
      onName(named, path)
      onBytes(where, parts)
      return disk.write(path, parts, options)
    },
    writeSynced: (path, parts, options) => {
      onName(named, path)
      onBytes(where, parts)
      return disk.writeSynced(path, parts, options)
    },
    syncFile: (path) => disk.syncFile(path),
    syncFolder: (path) => disk.syncFolder(path),
    openAppend: async (path) => {
      onName(named, path)
      const file = await disk.openAppend(path)
      const watched: AppendFile = {
        append: (parts) => {
          onBytes(where, parts)
          return file.append(parts)
        },
        sync: () => file.sync(),
        close: () => file.close(),
      }
      return watched
    },
    rename: (from, to) => {
      onName(named, to)
      return disk.rename(from, to)
    },
    remove: (path) => disk.remove(path),
    freeBytes: () => disk.freeBytes(),
  }
}

export function watchedJournals(journals: JournalOpener, onBytes: ByteListener): JournalOpener {
  return {
    open: async (name) => {
      const journal = await journals.open(name)
      const watched: Journal = {
        commit: (writes) => {
          for (const write of writes) {
            if (write.kind === 'put') onBytes('in a journal', [write.key, write.value])
          }
          return journal.commit(writes)
        },
        get: (key) => journal.get(key),
        range: (input) => journal.range(input),
        close: () => journal.close(),
      }
      return watched
    },
  }
}
