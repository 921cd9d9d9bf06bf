/** One task to its end, in this thread. */
import { type ClusterReport, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { Violation } from '../../src/simulator/consensus-failures.ts'
import { type ChaosReport, WorldChaos } from '../../src/simulator/world-chaos.ts'
import { runBoundary } from './boundary.ts'
import { huntMutation, overTheBound } from './mutants.ts'
import { groupParts, worldParts } from './parts.ts'
import { mutationOf, type Task } from './plan.ts'

/** What a task came to, in a form that can be sent, recorded and added up. */
export type Outcome = {
  readonly task: Task
  /** What is wrong: the message of the violation, with the command that replays it. */
  readonly failure?: string
  /** Over the bound: the violation that was to be seen. Of a mutation: where it was noticed. */
  readonly seen?: string
  readonly runCount: number
  readonly crashCount: number
  readonly height: number
  readonly eventCount: number
  /** Virtual time from the end of trouble until everything was done. */
  readonly healedInMs: number
  readonly wallMs: number
}

type Figures = Omit<Outcome, 'task' | 'wallMs'>

/** Every tenth seed runs twice. */
const twiceEvery = 10
/** Every fiftieth group signs with real Ed25519. */
const realEvery = 50

const nothing: Figures = { runCount: 0, crashCount: 0, height: 0, eventCount: 0, healedInMs: 0 }

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Never throws: what goes wrong is the outcome's `failure`. */
export async function runTask(task: Task): Promise<Outcome> {
  const startedMs = performance.now()
  const figures = await figuresOf(task).catch(
    (error: unknown): Figures => ({ ...nothing, runCount: 1, failure: messageOf(error) }),
  )
  return { task, ...figures, wallMs: Math.round(performance.now() - startedMs) }
}

function figuresOf(task: Task): Promise<Figures> {
  switch (task.kind) {
    case 'consensus':
      return twice(task, consensusSeed)
    case 'world':
      return twice(task, worldSeed)
    case 'over':
      return over(task)
    case 'mutation':
      return mutation(task)
    case 'boundary':
      return boundary(task)
  }
}

type Report = { readonly figures: Figures; readonly whole: unknown; readonly replay: string }

async function twice(task: Task, run: (task: Task) => Promise<Report>): Promise<Figures> {
  const { figures, replay, whole } = await run(task)
  if (task.seed % twiceEvery !== 0) return figures
  const again = await run(task)
  const isSame = JSON.stringify(again.whole) === JSON.stringify(whole)
  const both = { ...figures, runCount: 2 }
  if (isSame) return both
  return { ...both, failure: `seed ${task.seed} gives two different runs\nreplay: ${replay}` }
}

const clusterFigures = (report: ClusterReport): Figures => ({
  runCount: 1,
  crashCount: report.crashCount,
  height: report.height,
  eventCount: report.eventCount,
  healedInMs: report.healedInMs,
})

async function consensusSeed({ nodeCount, seed }: Task): Promise<Report> {
  const realSignatures = seed % realEvery === 0
  const cluster = new ConsensusCluster({ seed, nodeCount, realSignatures, ...groupParts })
  const whole = await cluster.run()
  return { figures: clusterFigures(whole), whole, replay: cluster.replayCommand }
}

async function worldSeed({ nodeCount, seed }: Task): Promise<Report> {
  const replay = `npm run sim -- --world --seed ${seed} --nodes ${nodeCount}`
  const chaos = await WorldChaos.create({ seed, nodeCount, ...worldParts() })
  const whole: ChaosReport = await chaos.run()
  const { crashCount, eventCount, height, recoveryMs } = whole
  const figures = { runCount: 1, crashCount, height, eventCount, healedInMs: recoveryMs }
  return { figures, whole, replay }
}

/** Standing still is no surprise over the bound; two truths are what must be seen. */
async function over({ nodeCount, seed }: Task): Promise<Figures> {
  const cluster = overTheBound(seed, nodeCount)
  try {
    return clusterFigures(await cluster.run())
  } catch (error) {
    const seen = error instanceof Violation ? { seen: error.message } : {}
    return { ...nothing, runCount: 1, ...seen }
  }
}

async function mutation({ seed }: Task): Promise<Figures> {
  const name = mutationOf(seed)
  if (name === undefined) throw new Error(`there is no rule ${seed}`)
  const found = await huntMutation(name)
  const figures = { ...nothing, runCount: found.seedCount }
  if (found.message === undefined)
    return { ...figures, failure: `${name}: ${found.seedCount} seeds saw nothing` }
  return { ...figures, seen: `${name}: seed ${found.seed}` }
}

async function boundary({ seed }: Task): Promise<Figures> {
  return clusterFigures(await runBoundary(seed))
}
