/**
 * What names a state: its root and the hashes of the chunks that it is written in. The hash of the
 * manifest is what members vouch for at a checkpoint, so whoever fetches a state can check the
 * manifest against the checkpoint and each chunk, by itself, against the manifest. @pure
 */
import { toHex } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { type Digest, digestBytes, digestOf } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { chunkCountMax } from './limits.ts'

export type Manifest = {
  readonly height: number
  readonly stateRoot: Digest
  /** SHA-256 of each chunk, in order. */
  readonly chunks: readonly Digest[]
}

export const encodeManifest = (manifest: Manifest): Uint8Array =>
  encode(
    (writer) => {
      writer.u64(manifest.height).hex(manifest.stateRoot)
      writer.list(manifest.chunks, (inner, hash) => inner.hex(hash))
    },
    64 + manifest.chunks.length * digestBytes,
  )

/** @throws CodecError */
export const decodeManifest = (bytes: Uint8Array): Manifest =>
  decode(bytes, (reader) => ({
    height: reader.u64(),
    stateRoot: reader.hex(digestBytes) as Digest,
    chunks: reader.list(chunkCountMax, (inner) => inner.hex(digestBytes) as Digest),
  }))

/** The name of the state that the manifest describes. */
export const stateNameOf = (crypto: Crypto, encoded: Uint8Array): Digest =>
  digestOf(toHex(crypto.sha256(domainPrefix(domains.checkpointState), encoded)))

export const chunkHashOf = (crypto: Crypto, chunk: Uint8Array): Digest =>
  digestOf(toHex(crypto.sha256(chunk)))
