/** Of which epoch a consensus message is, by its head (docs/spec/consensus.md). */
import { Reader } from '../base/codec.ts'

const beforeEpochBytes = 1 + 1 + 32
const epochKind = 12

/** 0 for what is no message of consensus. */
export function epochOfHead(head: Uint8Array): number {
  return head.length < beforeEpochBytes + 8 ? 0 : new Reader(head.subarray(beforeEpochBytes)).u64()
}

/** True for "this is the epoch that I am in", which is no message of the machine. */
export const isEpochHead = (head: Uint8Array): boolean => head[1] === epochKind
