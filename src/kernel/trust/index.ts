export * from './interface.ts'
export * from './limits.ts'
export { createTrust } from './trust.ts'
