export * from './errors.ts'
export * from './interface.ts'
export { defaultLimits, releaseTagBytes, sealedBytesMax, type VaultLimits } from './limits.ts'
export { openVault, type VaultOptions } from './open.ts'
