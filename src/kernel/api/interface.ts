import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { StatusBody } from '../../wire/schemas.ts'
import type { FileSystem } from '../filesystem/interface.ts'
import type { AuthenticatedSession } from '../users/interface.ts'

export type ApiOptions = {
  readonly filesystem: FileSystem
  /** The session of a bearer token. @throws UnosysError `users/…` */
  readonly authenticate: (bearer: string) => Promise<AuthenticatedSession>
  readonly status: () => StatusBody
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}
