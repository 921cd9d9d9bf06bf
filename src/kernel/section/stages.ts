/** Stages: blocks of a large write that no operation named yet, packed. @pure */
import { compareBytes, equalBytes } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/codec.ts'
import { addedBlockBytes, readAddedBlock, writeAddedBlock } from './codec-block.ts'
import { type AddedBlock, RejectCode } from './interface.ts'
import { numberKey } from './merkle-map.ts'
import type { ObjectState, SectionState, Stage } from './state.ts'
import { type Reject, reject, type Turn } from './turn.ts'

/** Id and version: the first bytes of an encoded block, in their order. */
const nameBytes = 16 + 6

/** Blocks as a stage keeps them: encoded, ascending by id and version. */
export function packBlocks(blocks: readonly AddedBlock[]): Uint8Array {
  const parts = blocks.map((block) => {
    const writer = new Writer(addedBlockBytes)
    writeAddedBlock(writer, block)
    return writer.finish()
  })
  parts.sort(compareBytes)
  const packed = new Uint8Array(parts.length * addedBlockBytes)
  for (const [index, part] of parts.entries()) packed.set(part, index * addedBlockBytes)
  return packed
}

/** The blocks of a stage, ascending. @throws CodecError where `packed` did not come from us. */
export function* unpackBlocks(packed: Uint8Array): Generator<AddedBlock> {
  const reader = new Reader(packed)
  while (reader.remainingBytes > 0) yield readAddedBlock(reader)
}

/** True when the stage has exactly this block. */
export function findStaged(stage: Stage, block: AddedBlock): boolean {
  const writer = new Writer(addedBlockBytes)
  writeAddedBlock(writer, block)
  const wanted = writer.finish()
  const wantedName = wanted.subarray(0, nameBytes)
  let low = 0
  let high = stage.blockCount
  while (low < high) {
    const middle = (low + high) >> 1
    const start = middle * addedBlockBytes
    const order = compareBytes(stage.blocks.subarray(start, start + nameBytes), wantedName)
    if (order === 0) {
      return equalBytes(stage.blocks.subarray(start, start + addedBlockBytes), wanted)
    }
    if (order < 0) low = middle + 1
    else high = middle
  }
  return false
}

const isLive = (state: SectionState, stage: Stage): boolean => stage.expiryMs > state.effectiveMs

/** Live stages of this session for the object. */
export function ownStages(turn: Turn, object: ObjectState): Stage[] {
  const own: Stage[] = []
  for (const { value: stage } of object.stages.leaves()) {
    if (stage.session === turn.session && isLive(turn.state, stage)) own.push(stage)
  }
  return own
}

/** The stages that an operation names; without a list, all of this session for the object. */
export function namedStages(
  turn: Turn,
  object: ObjectState,
  numbers: readonly number[] | undefined,
): { readonly stages: readonly Stage[] } | Reject {
  if (numbers === undefined) return { stages: ownStages(turn, object) }
  if (new Set(numbers).size !== numbers.length) return reject(RejectCode.Invalid)
  const stages: Stage[] = []
  for (const number of numbers) {
    const stage = object.stages.get(numberKey(number))
    if (stage === undefined || !isLive(turn.state, stage)) return reject(RejectCode.Receipts)
    stages.push(stage)
  }
  return { stages }
}
