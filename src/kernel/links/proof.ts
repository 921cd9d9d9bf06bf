/** Portable proofs: one message with its envelope's signature, checkable by anybody. */
import { fromHex, toHex } from '../../base/bytes.ts'
import { CodecError, decode, type Reader, type Writer } from '../../base/codec.ts'
import { digestBytes, isHexOf, type NodeId, nodeIdBytes, nodeIdOf } from '../../base/ids.ts'
import { type Crypto, signatureBytes } from '../../ports/crypto.ts'
import { envelopeDigest } from './envelope.ts'
import type { Channel, SignedMessage } from './interface.ts'
import { envelopeMessagesMax, headBytesMax, messageOverheadBytes } from './limits.ts'
import { MessageHasher, type MessageKind, readContent, type SignedContent } from './message.ts'

const transcriptBytesMax = 64

/** What a proof proves: that `signer` sent exactly this, as a message of this kind. */
export type ProvenMessage = {
  readonly signer: NodeId
  readonly kind: MessageKind
  readonly channel: Channel
  /** Number of the request on that link; 0 for one-way messages. */
  readonly id: number
  readonly head: Uint8Array
  /** SHA-256 and length of the body, when there was one. */
  readonly bodyHash: Uint8Array | undefined
  readonly bodyLength: number | undefined
}

function contentOf(message: Uint8Array): SignedContent | undefined {
  try {
    return decode(message, readContent)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}

function isShaped(proof: SignedMessage): boolean {
  return (
    isHexOf(proof.signer, nodeIdBytes) &&
    proof.transcript.length <= transcriptBytesMax &&
    Number.isSafeInteger(proof.sequence) &&
    proof.sequence >= 0 &&
    proof.messageHashes.length <= envelopeMessagesMax &&
    proof.messageHashes.every((hash) => hash.length === digestBytes) &&
    proof.signature.length === signatureBytes
  )
}

/**
 * Check a proof from anywhere. Undefined when it does not prove that `proof.signer` sent the
 * message; costs one signature check and a hash for each message of the envelope's list.
 */
export function verifySignedMessage(
  crypto: Crypto,
  proof: SignedMessage,
): ProvenMessage | undefined {
  if (!isShaped(proof)) return undefined
  const content = contentOf(proof.message)
  const claimed = proof.messageHashes[proof.index]
  if (content === undefined || claimed === undefined) return undefined
  if (!crypto.equal(new MessageHasher(crypto).hash(proof.message), claimed)) return undefined
  const digest = envelopeDigest(crypto, proof, proof.messageHashes)
  if (!crypto.verify(fromHex(proof.signer), digest, proof.signature)) return undefined
  const { kind, channel, id, head, body } = content
  return {
    signer: proof.signer,
    kind,
    channel,
    id,
    head,
    bodyHash: body?.hash,
    bodyLength: body?.length,
  }
}

/** A proof as bytes, to be kept as evidence. At most about 8 KiB more than the message's head. */
export function writeSignedMessage(writer: Writer, proof: SignedMessage): void {
  writer.hex(proof.signer).blob(proof.transcript).u64(proof.sequence)
  writer.list(proof.messageHashes, (inner, hash) => inner.fixed(hash))
  writer.u16(proof.index).blob(proof.message).fixed(proof.signature)
}

/** @throws CodecError. What it returns is read, not checked: `verifySignedMessage` does that. */
export function readSignedMessage(reader: Reader): SignedMessage {
  const signer = nodeIdOf(toHex(reader.fixed(nodeIdBytes)))
  const transcript = reader.blob(transcriptBytesMax)
  const sequence = reader.u64()
  const messageHashes = reader.list(envelopeMessagesMax, (inner) => inner.fixed(digestBytes))
  const index = reader.u16()
  const message = reader.blob(headBytesMax + messageOverheadBytes)
  const signature = reader.fixed(signatureBytes)
  return { signer, transcript, sequence, messageHashes, index, message, signature }
}
