/**
 * What the state keeps beside what its root covers, as one hash: for checking that members agree in
 * it too, and that a snapshot brings it back. Walks the whole state. @pure
 */
import { toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import type { Digest } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SectionState } from './state.ts'

/** Equal states have equal ones, however they came about. */
export function derivedRoot(crypto: Crypto, state: SectionState): Digest {
  const writer = new Writer(4_096).u64(state.stagedBlockCount)
  writer.u32(state.expiries.size)
  for (const { key } of state.expiries.leaves()) writer.hex(key)
  for (const { value: account } of state.accounts.leaves()) {
    writer.hex(account.principal).u64(account.sessionCount).u32(account.requestOrder.size)
    for (const { key, value } of account.requestOrder.leaves()) writer.hex(key).hex(value)
  }
  for (const { value: object } of state.objects.leaves()) {
    writer.hex(object.object).u64(object.deltaBytes)
    for (const { value: stage } of object.stages.leaves()) {
      writer.u64(stage.number).u64(stage.blockCount).u64(stage.sealedBytes)
    }
  }
  for (const { epoch, members } of state.placements) {
    writer.u32(epoch).list(members, (inner, node) => inner.hex(node))
  }
  return toHex(crypto.sha256(writer.finish())) as Digest
}
