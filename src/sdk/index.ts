export type { Content } from './bodies.ts'
export { UnosysClient } from './client.ts'
export * from './errors.ts'
export * from './interface.ts'
