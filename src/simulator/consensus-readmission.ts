/** The item by which a simulated member gets a new key: what ends a consensus epoch. */
import { equalBytes, toHex } from '../base/bytes.ts'
import { Reader, Writer } from '../base/codec.ts'
import type { ConsensusMember } from '../kernel/consensus/index.ts'

const readmissionMark = 0x76
const keyBytes = 32
const readmissionBytes = 1 + 1 + 8 + keyBytes

export type ReadmissionItem = {
  /** Place in the configuration. */
  readonly member: number
  /** The epoch that it ends; in another one it has no effect. */
  readonly epoch: number
  readonly key: Uint8Array
}

export function makeReadmission({ epoch, key, member }: ReadmissionItem): Uint8Array {
  return new Writer().u8(readmissionMark).u8(member).u64(epoch).fixed(key).finish().slice()
}

/** Undefined for other items. */
export function readmissionOf(item: Uint8Array): ReadmissionItem | undefined {
  if (item[0] !== readmissionMark || item.length !== readmissionBytes) return undefined
  const reader = new Reader(item.subarray(1))
  return { member: reader.u8(), epoch: reader.u64(), key: reader.fixed(keyBytes).slice() }
}

/** The members after a block of items, in an epoch; undefined when none of them ends it. */
export function membersAfterItems(
  items: readonly Uint8Array[],
  before: { readonly epoch: number; readonly members: readonly ConsensusMember[] },
): ConsensusMember[] | undefined {
  const members = [...before.members]
  let changed = false
  for (const item of items) {
    const readmission = readmissionOf(item)
    const member = members[readmission?.member ?? -1]
    if (readmission?.epoch !== before.epoch || member === undefined) continue
    if (equalBytes(member.consensusKey, readmission.key)) continue
    members[readmission.member] = { ...member, consensusKey: readmission.key }
    changed = true
  }
  return changed ? members : undefined
}

/** For the pool: the same wish, the same key. */
export const readmissionName = ({ epoch, key, member }: ReadmissionItem): string =>
  `readmission ${epoch} ${member} ${toHex(key)}`
