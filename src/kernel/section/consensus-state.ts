/** The consensus epoch as part of the state: who votes, with which key. @pure */
import { equalBytes } from '../../base/bytes.ts'
import type { Reader, Writer } from '../../base/codec.ts'
import { type NodeId, nodeIdBytes } from '../../base/ids.ts'
import { genesisMembersMax } from './limits.ts'

export type MemberKey = {
  readonly node: NodeId
  /** Ed25519 public key, 32 bytes. */
  readonly consensusKey: Uint8Array
  /** Effective time of the member's last readmission; 0 for the key of genesis. */
  readonly sinceMs: number
}

export type ConsensusState = {
  readonly epoch: number
  /** Sorted by node id. */
  readonly members: readonly MemberKey[]
}

export const equalKeys = (member: MemberKey, key: Uint8Array): boolean =>
  equalBytes(member.consensusKey, key)

export function writeConsensusState(writer: Writer, { epoch, members }: ConsensusState): void {
  writer.u64(epoch).list(members, (inner, { consensusKey, node, sinceMs }) => {
    inner.hex(node).fixed(consensusKey).u64(sinceMs)
  })
}

export function readConsensusState(reader: Reader): ConsensusState {
  const epoch = reader.u64()
  const members = reader.list(genesisMembersMax, (inner): MemberKey => {
    const node = inner.hex(nodeIdBytes) as NodeId
    return { node, consensusKey: inner.fixed(32).slice(), sinceMs: inner.u64() }
  })
  return { epoch, members }
}
