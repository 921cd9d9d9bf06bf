/**
 * Execution of the log: one block after the other, the same on every member. @pure
 *
 * Upon a block: time moves forward; what has expired goes; each command of each batch runs, or is
 * answered from memory, in order. A command runs on the state as an immutable value, so undoing it
 * is to go on from the value before. docs/spec/operations.md section 1 is the full text.
 */
import { assert, unreachable } from '../../base/assert.ts'
import type { ObjectId, WorldId } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { type Actor, actorOf } from './access.ts'
import { recallRequest, rememberRequest } from './accounts.ts'
import { commandHashesOf, type ExecutableBatch } from './codec-batch.ts'
import { withoutExpired } from './expiry.ts'
import { type Command, type CommandResult, type Operation, RejectCode } from './interface.ts'
import { expiriesPerBlockMax } from './limits.ts'
import { apply } from './operations/apply.ts'
import { compact } from './operations/compact.ts'
import { create } from './operations/create.ts'
import { deleteObject } from './operations/delete.ts'
import { link } from './operations/link.ts'
import { rename } from './operations/rename.ts'
import { replace } from './operations/replace.ts'
import { openSession } from './operations/session.ts'
import { stage } from './operations/stage.ts'
import { unlink } from './operations/unlink.ts'
import { type Readmission, readmit } from './readmission.ts'
import { isOpening, liveSession, recallSequence, withResult, withSession } from './sessions.ts'
import type { SectionState, SessionState } from './state.ts'
import type { Execution, Outcome, PlacedBlock, Reject, Turn } from './turn.ts'

/** A block of the log as the section executes it. Its batches are valid (`isBatchSigned`). */
export type ExecutionBlock = {
  /** One more than the state's. */
  readonly height: number
  readonly timeMs: number
  readonly batches: readonly ExecutableBatch[]
  /** Executed after the batches, in order. */
  readonly readmissions?: readonly Readmission[]
}

export type ExecutionOutcome = {
  readonly state: SectionState
  /** Per batch, per command. */
  readonly results: readonly (readonly CommandResult[])[]
  /** Blocks that became part of the world at this height: what their holders must have. */
  readonly added: readonly PlacedBlock[]
  /** True if a member was readmitted: the consensus epoch ends with this block. */
  readonly endsEpoch: boolean
}

export type ExecutionEnvironment = {
  readonly crypto: Crypto
  readonly world: WorldId
  /** For tests alone, instead of the rule's `expiriesPerBlockMax`: the same for all members. */
  readonly expiriesMax?: number
}

/** Execute the next block. The given state stays as it is. */
export function execute(
  environment: ExecutionEnvironment,
  state: SectionState,
  block: ExecutionBlock,
): ExecutionOutcome {
  assert(environment.world === state.world, 'a log of this world')
  assert(block.height === state.height + 1, 'blocks are executed in order')
  const effectiveMs = Math.max(state.effectiveMs, block.timeMs)
  const run = new BlockRun(
    environment.crypto,
    withoutExpired(
      { ...state, height: block.height, effectiveMs },
      environment.expiriesMax ?? expiriesPerBlockMax,
    ),
  )
  const results = block.batches.map((batch) => run.batch(batch))
  const readmitted = (block.readmissions ?? []).reduce(readmit, run.state)
  const endsEpoch = readmitted !== run.state
  return { state: readmitted, results, added: run.added, endsEpoch }
}

class BlockRun {
  readonly added: PlacedBlock[] = []
  state: SectionState
  readonly #execution: Execution

  constructor(crypto: Crypto, state: SectionState) {
    this.#execution = { crypto, verifiedReceipts: new Map() }
    this.state = state
  }

  batch(batch: ExecutableBatch): CommandResult[] {
    const hashes = commandHashesOf(this.#execution.crypto, batch)
    return batch.commands.map((command, index) => {
      const hash = hashes[index]
      assert(hash !== undefined, 'a hash for each command')
      return this.#command(batch, command, hash)
    })
  }

  #command(batch: ExecutableBatch, command: Command, hash: Uint8Array): CommandResult {
    const { sequence } = command
    const session = liveSession(this.state, batch.session)
    if (session === undefined && !isOpening(command)) return refused(RejectCode.Session)
    if (session !== undefined) {
      const recalled = recallSequence(session, sequence, hash)
      if (!recalled.run) return recalled.result
    }
    const [operation] = command.operations
    if (operation?.op === 'session') {
      const opened = openSession(this.#execution, this.state, { operation, batch, live: session })
      if ('code' in opened && session === undefined) return refusedAs(opened, 0)
      if ('code' in opened) return this.#remember(batch, { sequence, hash }, refusedAs(opened, 0))
      this.state = opened
      return this.#remember(batch, { sequence, hash }, { ok: true, seqs: [0] })
    }
    assert(session !== undefined, 'only an opening runs without a session')
    const actor = actorOf(this.state, session.principal)
    if (actor === undefined) return refused(RejectCode.Session)
    const result = this.#once(session, actor, command)
    return this.#remember(batch, { sequence, hash }, result)
  }

  /** Run a command, unless its request id is known by a success. */
  #once(session: SessionState, actor: Actor, command: Command): CommandResult {
    const { request } = command
    if (request !== undefined) {
      const known = recallRequest(this.state, actor.owner, request)
      if (known !== undefined) return known
    }
    const done = this.#run(session, actor, command.operations)
    if (request === undefined || !done.ok) return done
    const object = objectOf(this.state, command.operations.at(-1))
    const result = object === undefined ? done : { ...done, object }
    this.state = rememberRequest(this.state, { owner: actor.owner, request, result })
    return result
  }

  /** All operations, or none. */
  #run(session: SessionState, actor: Actor, operations: readonly Operation[]): CommandResult {
    const added: PlacedBlock[] = []
    const turn: Turn = {
      ...this.#execution,
      state: this.state,
      actor,
      session: session.session,
      added,
    }
    const seqs: number[] = []
    for (const [index, operation] of operations.entries()) {
      const outcome = runOperation(turn, operation)
      if (typeof outcome !== 'number') return refusedAs(outcome, index)
      seqs.push(outcome)
    }
    this.state = turn.state
    for (const block of added) this.added.push(block)
    return { ok: true, seqs }
  }

  #remember(
    batch: ExecutableBatch,
    executed: { readonly sequence: number; readonly hash: Uint8Array },
    result: CommandResult,
  ): CommandResult {
    const session = this.state.sessions.get(batch.session)
    assert(session !== undefined, 'a session outlives its command')
    this.state = withSession(this.state, withResult(session, { ...executed, result }))
    return result
  }
}

function runOperation(turn: Turn, operation: Operation): Outcome {
  switch (operation.op) {
    case 'create':
      return create(turn, operation)
    case 'link':
      return link(turn, operation)
    case 'unlink':
      return unlink(turn, operation)
    case 'rename':
      return rename(turn, operation)
    case 'stage':
      return stage(turn, operation)
    case 'apply':
      return apply(turn, operation)
    case 'replace':
      return replace(turn, operation)
    case 'compact':
      return compact(turn, operation)
    case 'delete':
      return deleteObject(turn, operation)
    case 'session':
      // Decoding refuses it beside others; alone it does not come here.
      return { code: RejectCode.Invalid }
    default:
      return unreachable(operation)
  }
}

/** What an operation that was carried out was about, if it left it somewhere. */
function objectOf(state: SectionState, operation: Operation | undefined): ObjectId | undefined {
  if (operation === undefined) return undefined
  if (operation.op === 'rename') {
    return state.objects.get(operation.toDirectory)?.entries.get(operation.toTag)?.object
  }
  return 'object' in operation ? operation.object : undefined
}

const refused = (code: RejectCode): CommandResult => ({ ok: false, code, operation: 0 })
const refusedAs = (outcome: Reject, operation: number): CommandResult => ({
  ok: false,
  operation,
  ...outcome,
})
