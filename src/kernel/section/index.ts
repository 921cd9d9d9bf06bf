export * from './codec-batch.ts'
export {
  addedBlockBytes,
  readAddedBlock,
  readBlockRef,
  readReceipt,
  writeAddedBlock,
  writeBlockRef,
  writeReceipt,
} from './codec-block.ts'
export {
  operationNumbers,
  readOperation,
  reservedNumbers,
  writeOperation,
} from './codec-operation.ts'
export * from './codec-query.ts'
export { readEntry, readObjectView, writeEntry, writeObjectView } from './codec-view.ts'
export {
  type ConsensusState,
  decodeConsensusState,
  encodeConsensusState,
  type MemberKey,
} from './consensus-state.ts'
export { derivedRoot } from './derived.ts'
export * from './errors.ts'
export {
  type ExecutionBlock,
  type ExecutionEnvironment,
  type ExecutionOutcome,
  execute,
} from './execute.ts'
export * from './genesis.ts'
export { decodeGenesis, encodeGenesis } from './genesis-codec.ts'
export type * from './genesis-interface.ts'
export * from './interface.ts'
export { ItemKind } from './item-kind.ts'
export * from './limits.ts'
export { firstSeq } from './operations/create.ts'
export { openerOf } from './operations/session.ts'
export { page, verifyPage } from './page.ts'
export { answer, asksToCompact, mayReturn, viewOf } from './query.ts'
export {
  decodeReadmission,
  encodeReadmission,
  isReadmissionSigned,
  type Readmission,
  signReadmission,
} from './readmission.ts'
export { recallResults } from './sessions.ts'
export * from './signing.ts'
export { decodeState } from './snapshot-read.ts'
export { encodeState, stateChunks } from './snapshot-write.ts'
export { earliestExpiryMs, type SectionState, stateRoot } from './state.ts'
export type { PlacedBlock } from './turn.ts'
