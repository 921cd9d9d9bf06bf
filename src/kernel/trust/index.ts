export * from './interface.ts'
export * from './limits.ts'
export { openTrust } from './trust.ts'
