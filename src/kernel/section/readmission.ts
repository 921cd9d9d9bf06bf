/**
 * Readmission: a member that lost its memory of votes comes back with a new consensus key, and a
 * new consensus epoch begins (PROTOCOL 2.7, 2.10). @pure
 *
 * An item of the log like a batch, but signed by a node: with its node key, which is its identity,
 * and with the new key, to show that it holds it. Anybody may carry it to the group.
 */
import { fromHex } from '../../base/bytes.ts'
import { decode, encode, type Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { digestBytes, type NodeId, nodeIdBytes, type WorldId } from '../../base/ids.ts'
import { type Crypto, type KeyPair, signatureBytes } from '../../ports/crypto.ts'
import { equalKeys, type MemberKey } from './consensus-state.ts'
import { ItemKind } from './item-kind.ts'
import { readmissionGapMs } from './limits.ts'
import type { SectionState } from './state.ts'

export type Readmission = {
  readonly world: WorldId
  /** The consensus epoch that it ends. */
  readonly epoch: number
  readonly node: NodeId
  /** Ed25519 public key, 32 bytes. */
  readonly consensusKey: Uint8Array
  /**
   * When it was asked for, by the node's wall clock. It decides nothing: one that came too soon is
   * another item when it is asked for again, since no group orders the same bytes twice.
   */
  readonly askedMs: number
  /** By the node key, and by the new consensus key, over the same bytes. */
  readonly signature: Uint8Array
  readonly possession: Uint8Array
}

type Fields = Omit<Readmission, 'signature' | 'possession'>

const consensusKeyBytes = 32

const writeFields = (writer: Writer, fields: Fields): Writer =>
  writer
    .hex(fields.world)
    .u64(fields.epoch)
    .hex(fields.node)
    .fixed(fields.consensusKey)
    .u64(fields.askedMs)

const bytesToSign = (fields: Fields): Uint8Array =>
  encode((writer) => writeFields(writer.fixed(domainPrefix(domains.readmission)), fields))

/** Sign a readmission of one's own node. */
export function signReadmission(
  crypto: Crypto,
  fields: Fields,
  keys: { readonly nodeSecretKey: Uint8Array; readonly consensus: KeyPair },
): Readmission {
  const bytes = bytesToSign(fields)
  const signature = crypto.sign(keys.nodeSecretKey, bytes)
  return { ...fields, signature, possession: crypto.sign(keys.consensus.secretKey, bytes) }
}

export const encodeReadmission = (readmission: Readmission): Uint8Array =>
  encode((writer) => {
    writeFields(writer.u8(ItemKind.Readmission), readmission)
    writer.fixed(readmission.signature).fixed(readmission.possession)
  })

/** @throws CodecError */
export const decodeReadmission = (bytes: Uint8Array): Readmission =>
  decode(bytes, (reader) => {
    if (reader.u8() !== ItemKind.Readmission) reader.refuse('not a readmission')
    return {
      world: reader.hex(digestBytes) as WorldId,
      epoch: reader.u64(),
      node: reader.hex(nodeIdBytes) as NodeId,
      consensusKey: reader.fixed(consensusKeyBytes).slice(),
      askedMs: reader.u64(),
      signature: reader.fixed(signatureBytes).slice(),
      possession: reader.fixed(signatureBytes).slice(),
    }
  })

/** The check that needs no state; consensus votes for no other readmissions. */
export function isReadmissionSigned(
  crypto: Crypto,
  world: WorldId,
  readmission: Readmission,
): boolean {
  const { consensusKey, node, possession, signature } = readmission
  if (readmission.world !== world) return false
  const bytes = bytesToSign(readmission)
  return (
    crypto.verify(fromHex(node), bytes, signature) && crypto.verify(consensusKey, bytes, possession)
  )
}

/**
 * The state with the member's new key, in the next epoch. As it is, for one that does not apply:
 * of another epoch, of a node that is no member, with a key that is in use, or too soon after the
 * node's last one.
 */
export function readmit(state: SectionState, readmission: Readmission): SectionState {
  const { consensus, effectiveMs } = state
  const { consensusKey, epoch, node } = readmission
  if (epoch !== consensus.epoch) return state
  const before = consensus.members.find((member) => member.node === node)
  if (before === undefined || effectiveMs < before.sinceMs + readmissionGapMs) return state
  if (consensus.members.some((member) => equalKeys(member, consensusKey))) return state
  const renewed: MemberKey = { node, consensusKey, sinceMs: effectiveMs }
  const members = consensus.members.map((member) => (member === before ? renewed : member))
  return { ...state, consensus: { epoch: epoch + 1, members } }
}
