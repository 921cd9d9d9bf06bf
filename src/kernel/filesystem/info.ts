/** From the section's view of an object to what an application is told. */
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectKeys } from '../keys/interface.ts'
import { joinPath } from '../namespace/index.ts'
import { attributesOf, type FileState, fileStateOf } from '../objects/index.ts'
import { FileCode, FileError } from './errors.ts'
import type { FileInfo } from './interface.ts'

/** `ObjectKind.Directory` and `.File` of the section, which this layer does not import. */
export const directoryKind = 1
export const fileKind = 2

type View = FileState['view']

/** Strong validator: the object and the seq of its last change. */
export const etagOf = (view: { readonly object: string; readonly seq: number }): string =>
  `"${view.object}-${view.seq}"`

export function infoOf(
  crypto: Crypto,
  names: readonly string[],
  opened: { readonly view: View; readonly keys: ObjectKeys },
): FileInfo {
  const { view, keys } = opened
  if (view.kind === fileKind) return fileInfo(names, fileStateOf(crypto, view, keys))
  if (view.kind !== directoryKind) {
    throw new FileError(FileCode.WrongKind, `${joinPath(names)} is not a file or directory`, {})
  }
  const attributes = attributesOf(crypto, view, keys)
  return {
    ...common(names, view),
    kind: attributes.volume ? 'volume' : 'directory',
    size: view.entryCount,
    blockBytes: attributes.blockBytes,
  }
}

export function fileInfo(names: readonly string[], state: FileState): FileInfo {
  return {
    ...common(names, state.view),
    kind: 'file',
    size: state.size,
    blockBytes: state.attributes.blockBytes,
  }
}

function common(
  names: readonly string[],
  view: View,
): Omit<FileInfo, 'kind' | 'size' | 'blockBytes'> {
  return {
    name: names.at(-1) ?? '',
    path: joinPath(names),
    id: view.object,
    etag: etagOf(view),
    createdMs: view.createdMs,
    modifiedMs: view.changedMs,
    replicas: view.replicas,
  }
}
