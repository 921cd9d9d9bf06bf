import { type ExecutionOutcome, execute } from '../../kernel/section/index.ts'
import type { WorldLiar } from './altered.ts'

/**
 * Executes the log wrongly, and answers with what came of it: results that are not those of its
 * state, states that are not those of the log, roots over them.
 */
export const wrongExecutor: WorldLiar = ({ random, lied }) => ({
  execute: (environment, state, block): ExecutionOutcome => {
    const right = execute(environment, state, block)
    const kind = random.below(4)
    if (kind < 3) lied()
    // Says that all is done, and does nothing.
    if (kind === 0) {
      const idle = execute(environment, state, { ...block, batches: [] })
      return { ...idle, results: right.results, added: right.added }
    }
    // Does it, and says something else.
    if (kind === 1) {
      const results = right.results.map((batch) =>
        batch.map(({ ok }) =>
          ok
            ? ({ ok: false, code: 'conflict', operation: 0 } as const)
            : ({ ok: true, seqs: [1] } as const),
        ),
      )
      return { ...right, results }
    }
    // A state that no log leads to.
    if (kind === 2)
      return { ...right, state: { ...right.state, freedBytes: random.below(2 ** 30) } }
    return right
  },
})
