export { createApi } from './api.ts'
export * from './errors.ts'
export * from './interface.ts'
export { refusalOf } from './problems.ts'
