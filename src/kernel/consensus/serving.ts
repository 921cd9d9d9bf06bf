/** Answers to members that are behind, from the journal. */
import type { Epoch } from './epoch.ts'
import { readProvedRange } from './journal.ts'
import type { FetchRequest, MemberIndex, Message } from './types.ts'

/** One answer under way for each peer: more questions of the same peer are not heard. */
export class Serving {
  readonly #busy = new Set<MemberIndex>()

  /** Undefined for a question that is not heard. Rejects when the journal fails. */
  async answer(
    epoch: Epoch,
    to: MemberIndex,
    { fromHeight, digest }: FetchRequest,
  ): Promise<Message | undefined> {
    if (this.#busy.has(to)) return undefined
    this.#busy.add(to)
    try {
      const range = await readProvedRange(epoch.reader, fromHeight)
      if (range === undefined) return { kind: 'lacking', fromHeight, digest }
      return { kind: 'range', ...range }
    } finally {
      this.#busy.delete(to)
    }
  }
}
