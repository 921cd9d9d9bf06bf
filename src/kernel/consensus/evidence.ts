/**
 * Evidence as bytes, to be kept and handed on: whoever has the configuration of its group and epoch
 * can judge it (`evidenceHolds`), now or later.
 *
 * @pure
 */
import { decode, encode } from '../../base/codec.ts'
import { digestBytes, digestOf, nodeIdBytes, nodeIdOf } from '../../base/ids.ts'
import { readVote, writeVote } from './encoding.ts'
import type { ConsensusEvidence } from './interface.ts'

const version = 1

/** `version u8 ‖ group 32 ‖ epoch u64 ‖ node 32 ‖ place u8 ‖ vote ‖ vote`. */
export const encodeEvidence = (evidence: ConsensusEvidence): Uint8Array =>
  encode((writer) => {
    const { epoch, first, group, member, second } = evidence
    writer.u8(version).hex(group).u64(epoch).hex(member).u8(first.signer)
    writeVote(writer, first)
    writeVote(writer, second)
  }, 384)

/** @throws CodecError */
export const decodeEvidence = (bytes: Uint8Array): ConsensusEvidence =>
  decode(bytes, (reader) => {
    reader.oneOf([version])
    const group = digestOf(reader.hex(digestBytes))
    const epoch = reader.u64()
    const member = nodeIdOf(reader.hex(nodeIdBytes))
    const signer = reader.u8()
    return {
      group,
      epoch,
      member,
      first: readVote(reader, signer),
      second: readVote(reader, signer),
    }
  })
