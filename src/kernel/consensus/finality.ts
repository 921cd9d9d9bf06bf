/**
 * Proof that a block is final, as other layers show it to each other: a finalization certificate
 * with its epoch. Heights stand in no certificate; a block is named by its digest.
 *
 * @pure
 */
import { decode, encode, Reader } from '../../base/codec.ts'
import { isUnosysError } from '../../base/error.ts'
import type { Digest } from '../../base/ids.ts'
import { encodeCertificate, readCertificate } from './encoding.ts'
import type { ConsensusConfig } from './interface.ts'
import type { Certificate } from './types.ts'
import { certificateHolds, contextOf, type Verifier } from './verify.ts'

/** What a proof says: blocks of one log are in the order of their epochs, then of their views. */
export type FinalBlock = { readonly epoch: number; readonly view: number; readonly digest: Digest }

/** More than the certificate of the largest group. */
export const finalityBytesMax: number = 16 * 1024

/** `epoch u64 ‖ certificate`. */
export function encodeFinality(config: ConsensusConfig, certificate: Certificate): Uint8Array {
  const bytes = encodeCertificate(certificate, contextOf(config))
  return encode((writer) => writer.u64(config.epoch).fixed(bytes), bytes.length + 8)
}

/** The epoch that a proof says it is of; whether it proves anything is another question. */
export function epochOfFinality(bytes: Uint8Array): number | undefined {
  try {
    return new Reader(bytes).u64()
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) return undefined
    throw error
  }
}

/** Undefined if the bytes prove nothing to who has this configuration. */
export function readFinality(
  verifier: Omit<Verifier, 'mutation'>,
  bytes: Uint8Array,
): FinalBlock | undefined {
  try {
    const { certificate, epoch } = decode(bytes, (reader) => ({
      epoch: reader.u64(),
      certificate: readCertificate(reader, verifier.context),
    }))
    const { digest, kind, view } = certificate
    if (epoch !== verifier.config.epoch || kind !== 'finalize' || digest === undefined) return
    return certificateHolds(verifier, certificate) ? { epoch, view, digest } : undefined
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) return undefined
    throw error
  }
}

/** True if `first` is the later one. */
export const isLater = (first: FinalBlock, second: FinalBlock | undefined): boolean =>
  second === undefined ||
  first.epoch > second.epoch ||
  (first.epoch === second.epoch && first.view > second.view)
