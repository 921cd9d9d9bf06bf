/** Talking to a section's group, from any Processor, member or not. PROTOCOL 2.9. */
import type {
  AddedBlock,
  Answer,
  CommandResult,
  Page,
  PageRequest,
  Query,
  SignedBatch,
} from '../section/interface.ts'

export type CallOptions = {
  /** From now. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

export type GroupStatus = {
  readonly memberCount: number
  readonly quorum: number
  /** Members reachable now, this node included if it is one. */
  readonly reachableCount: number
  /** Highest height that this node knows to be executed. */
  readonly height: number
  readonly view: number
  readonly catchingUp: boolean
  /** Of a member: false while it has lost its memory of votes. Never of other nodes. */
  readonly votes: boolean
  /** Consensus epoch of this member, and height of its newest stable checkpoint; 0 elsewhere. */
  readonly epoch: number
  readonly stableHeight: number
  /** Bytes of blocks that no object names any more; kept until release exists. */
  readonly freedBytes: number
}

/** Blocks that became part of objects at one height: what a returning holder must have. */
export type AddedList = {
  readonly height: number
  readonly blocks: readonly (AddedBlock & { readonly replicas: number })[]
}

export interface Group {
  start(): Promise<void>
  stop(): Promise<void>

  /**
   * Have a batch ordered and executed; the results of its commands, equal and signed from q
   * members.
   *
   * @throws GroupError `group/unavailable` (a quorum was not reachable: nothing was sent, retry
   *   later), `group/unconfirmed` (sent, and no quorum answered in time: it MAY have happened;
   *   submit the same batch again), `group/overloaded`, `group/cancelled`.
   */
  submit(batch: SignedBatch, options: CallOptions): Promise<readonly CommandResult[]>

  /**
   * A linearizable read: one round trip when the members agree.
   *
   * @throws GroupError `group/unavailable`, `group/cancelled`, `group/too-large` (ask fewer
   * things).
   */
  read(queries: readonly Query[], options: CallOptions): Promise<readonly Answer[]>

  /**
   * A page of a listing from one member, checked against the root that a quorum confirmed.
   *
   * @throws GroupError `group/root-gone`: confirm the directory's newer root and ask again.
   */
  page(request: PageRequest, options: CallOptions): Promise<Page>

  /** Lists of added blocks from `fromHeight` on, agreed by b + 1 members; empty at the tip. */
  addedLists(
    input: { readonly fromHeight: number; readonly countMax: number },
    options: CallOptions,
  ): Promise<{ readonly lists: readonly AddedList[]; readonly nextHeight: number }>

  status(): GroupStatus
}
