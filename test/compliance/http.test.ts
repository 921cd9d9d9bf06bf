import { createHonoHttpServer } from '../../src/adapters/hono-http.ts'
import { httpCompliance } from './http.ts'

httpCompliance({ name: 'hono-http', create: (onFault) => createHonoHttpServer({ onFault }) })
