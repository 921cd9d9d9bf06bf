/**
 * The exact bytes that signatures and hashes of the section's language are over. @pure
 * docs/spec/operations.md section 7. Long lists go in as their count and one SHA-256.
 */
import { concat, toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { type Domain, domainPrefix, domains } from '../../base/domains.ts'
import type { Digest, NodeId, PrincipalId, SessionId, WorldId } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { addedBlockBytes, writeAddedBlock } from './codec-block.ts'
import type { AddedBlock } from './interface.ts'

const start = (domain: Domain, expectedBytes: number): Writer =>
  new Writer(expectedBytes).fixed(domainPrefix(domain))

/** Hash over a block as receipts sign it. */
export function receiptLeafOf(crypto: Crypto, block: AddedBlock): Digest {
  const writer = start(domains.receiptLeaf, addedBlockBytes + 64)
  writeAddedBlock(writer, block)
  return toHex(crypto.sha256(writer.finish())) as Digest
}

/** What a holder signs, with its node key, for the blocks that it took in one batch. */
export function receiptBytesToSign(
  crypto: Crypto,
  receipt: {
    readonly world: WorldId
    readonly placementEpoch: number
    readonly node: NodeId
    readonly putMs: number
    /** Leaf hashes in the receipt's order, 32 bytes each. */
    readonly leaves: readonly Uint8Array[]
  },
): Uint8Array {
  return start(domains.receipt, 192)
    .hex(receipt.world)
    .u32(receipt.placementEpoch)
    .hex(receipt.node)
    .u64(receipt.putMs)
    .u32(receipt.leaves.length)
    .fixed(crypto.sha256(concat(receipt.leaves)))
    .finish()
}

/** What a user or token signs to open or renew a session. */
export function sessionCertificateBytesToSign(certificate: {
  readonly world: WorldId
  /** Ed25519 public key of the session, 32 bytes. */
  readonly sessionKey: Uint8Array
  readonly expiryMs: number
}): Uint8Array {
  return start(domains.sessionCertificate, 128)
    .hex(certificate.world)
    .fixed(certificate.sessionKey)
    .u64(certificate.expiryMs)
    .finish()
}

/** The session that a public key means. */
export const sessionIdOfKey = (crypto: Crypto, sessionKey: Uint8Array): SessionId =>
  toHex(crypto.sha256(sessionKey)) as SessionId

/** Identity of a command's content, from its encoding. 32 bytes. */
export const commandHash = (crypto: Crypto, encodedCommand: Uint8Array): Uint8Array =>
  crypto.sha256(domainPrefix(domains.command), encodedCommand)

/** What a session signs for one batch. */
export function batchBytesToSign(
  crypto: Crypto,
  batch: {
    readonly world: WorldId
    readonly session: SessionId
    readonly commandHashes: readonly Uint8Array[]
  },
): Uint8Array {
  return start(domains.commandBatch, 160)
    .hex(batch.world)
    .hex(batch.session)
    .u32(batch.commandHashes.length)
    .fixed(crypto.sha256(concat(batch.commandHashes)))
    .finish()
}

/** A world's id from its encoded genesis document. */
export const worldIdOfBytes = (crypto: Crypto, genesis: Uint8Array): WorldId =>
  toHex(crypto.sha256(domainPrefix(domains.worldId), genesis)) as WorldId

/** A principal's id: SHA-256 of its sign key. */
export const principalIdOfKey = (crypto: Crypto, signKey: Uint8Array): PrincipalId =>
  toHex(crypto.sha256(signKey)) as PrincipalId
