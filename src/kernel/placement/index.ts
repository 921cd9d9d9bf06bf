export * from './interface.ts'
export { membersMax, partitionBits, weightMax } from './limits.ts'
export { createPlacement, partitionOfBlock, type Sha256 } from './rendezvous.ts'
