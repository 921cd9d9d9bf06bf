/** What happens to a world while it is up, as its owner hears of it. */
import type { StatusBody } from '../wire/schemas.ts'

export type ReadyProcessor = {
  readonly n: number
  readonly api: string
  readonly pid: number
  /** Its data folder. */
  readonly data: string
  readonly role: 'member' | 'storage'
}

/** Under `--json`, each is one line. */
export type WorldEvent =
  | { readonly event: 'creating'; readonly nodes: number; readonly data: string }
  | { readonly event: 'created'; readonly world: string; readonly tokenFile: string }
  | { readonly event: 'starting'; readonly n: number; readonly pid: number }
  | { readonly event: 'serving'; readonly n: number; readonly api: string; readonly pid: number }
  /** All Processors answer and a quorum agrees. */
  | {
      readonly event: 'ready'
      readonly processors: readonly ReadyProcessor[]
      readonly tokenFile: string
      readonly tookMs: number
      /** One sentence on where the keys rest. */
      readonly notice: string
    }
  /** A Processor ended by itself. */
  | {
      readonly event: 'died'
      readonly n: number
      readonly pid: number
      readonly code: number | null
      readonly signal: string | null
      readonly message: string
    }
  | { readonly event: 'restarting'; readonly n: number; readonly inMs: number }
  | { readonly event: 'stopping' }
  | { readonly event: 'stopped' }
  | {
      readonly event: 'failed'
      readonly code: string
      readonly message: string
      readonly exitCode: number
    }

export type ProcessorPhase = 'starting' | 'serving' | 'down' | 'stopped'

/** One line of the table. */
export type ProcessorState = {
  readonly n: number
  readonly role: 'member' | 'storage'
  readonly data: string
  phase: ProcessorPhase
  pid: number | undefined
  api: string | undefined
  /** As last heard; undefined while it does not answer. */
  status: StatusBody | undefined
}
