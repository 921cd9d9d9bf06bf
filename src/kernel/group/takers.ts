/**
 * Which members may have a batch although no quorum confirmed it. Only when it is certain that none
 * has may a caller hear that nothing happened: a member that refuses the second ask may have taken
 * the first, whose link broke, and one that lies may refuse a batch and have it ordered later.
 */
import type { NodeId } from '../../base/ids.ts'
import type { AskFailure } from './client.ts'

export class Takers {
  readonly #self: NodeId
  readonly #liarsMax: number
  /** Asked, and neither answered nor failed. */
  readonly #open = new Set<NodeId>()
  /** An ask of theirs ended so that they may have the batch. */
  readonly #possible = new Set<NodeId>()

  constructor(options: { readonly self: NodeId; readonly liarsMax: number }) {
    this.#self = options.self
    this.#liarsMax = options.liarsMax
  }

  /** False when it is certain that no member has the batch. */
  get any(): boolean {
    return this.#open.size + this.#possible.size > 0
  }

  asked(member: NodeId): void {
    this.#open.add(member)
  }

  failed(member: NodeId, failure: AskFailure): void {
    this.#open.delete(member)
    if (!failure.wasSent) return
    const isBelieved = member === this.#self || this.#liarsMax === 0
    if (!isBelieved || !refusals.has(failure.code)) this.#possible.add(member)
  }
}

/** Codes that say that a batch was not taken. */
const refusals: ReadonlySet<string> = new Set(['group/overloaded', 'link/overloaded'])
