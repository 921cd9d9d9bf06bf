/**
 * `npm run sim -- --seed 42`: watch a consensus group, or a whole world, live through the troubles
 * of one seed.
 *
 * Everything happens in this process, in virtual time, with the production code over simulated
 * links, disks and clocks. The same seed gives the same run, to the last event.
 */
import { type ClusterReport, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { type TraceListener, traceLine } from '../../src/simulator/trace.ts'
import { type ChaosReport, WorldChaos } from '../../src/simulator/world-chaos.ts'
import { runBoundary, scriptedRun } from './boundary.ts'
import { sourceCommit } from './commit.ts'
import { TraceFilter } from './filter.ts'
import { brokenBy } from './mutants.ts'
import { UsageError } from './numbers.ts'
import { type OneOptions, oneHelp, parseOneArguments } from './one-arguments.ts'
import { groupParts, worldParts } from './parts.ts'
import { Story } from './story.ts'

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

function tellPromises(report: ClusterReport, replay: string): void {
  say('')
  say('Promised and kept:')
  say(`  agreement    ${report.nodeCount} members, ${report.height} heights, one log`)
  say(`  exactly once ${report.itemCount} items submitted, each executed once, in one order`)
  say('  one vote     no member ever showed two votes of one kind in a view, across restarts')
  say('  ancestry     every skipped view was nullified, every block finalized by a quorum')
  say(`  recovery     everything done ${Math.round(report.healedInMs)} ms after the trouble ended`)
  say('  silence      with nothing left to do, nobody sent anything')
  say('')
  say(
    `${report.eventCount} events, ${report.messageCount} messages, ${report.view} views, ` +
      `${report.crashCount} crashes, trace ${report.traceHash}`,
  )
  say(`replay: ${replay}`)
}

function clusterOf(options: OneOptions, onTrace: TraceListener): ConsensusCluster {
  if (options.boundary !== undefined) return scriptedRun(options.boundary, onTrace)
  const { forget, itemCount, liars, mutant, nodeCount, realSignatures, seed } = options
  return new ConsensusCluster({
    ...{ seed, nodeCount, itemCount, forget, realSignatures, onTrace },
    ...liars,
    ...groupParts,
    ...(mutant === undefined ? {} : brokenBy(mutant)),
  })
}

async function runGroup(options: OneOptions): Promise<void> {
  const story = new Story()
  const listener: { filter?: TraceFilter } = {}
  const cluster = clusterOf(options, (event) => {
    if (listener.filter?.wants(event) === false) return
    const line = options.trace ? traceLine(event) : story.tell(event)
    if (line !== undefined) say(line)
  })
  const { fromHeight, node } = options
  const names = node === undefined ? undefined : cluster.namesOf(node)
  listener.filter = new TraceFilter({ fromHeight, names, member: node })
  const { boundary, nodeCount, seed } = options
  const what =
    boundary === undefined
      ? `A consensus group of ${nodeCount}, seed ${seed}`
      : `The scripted group of ${nodeCount}, member 0 dying at its effect ${boundary}`
  say(`${what}. Trouble: ${cluster.troubleText}.`)
  const run = boundary === undefined ? cluster.run() : runBoundary(boundary, cluster)
  tellPromises(await run, cluster.replayCommand)
}

async function runWorld(options: OneOptions): Promise<void> {
  const { fromHeight, node, nodeCount, seed } = options
  const replay = `npm run sim -- --world --seed ${seed} --nodes ${nodeCount}`
  const listener: { filter?: TraceFilter } = {}
  const chaos = await WorldChaos.create({
    ...{ seed, nodeCount, ...worldParts() },
    onTrace: (event) => {
      if (options.trace && listener.filter?.wants(event) === true) say(traceLine(event))
    },
  })
  listener.filter = new TraceFilter({
    fromHeight,
    names: node === undefined ? undefined : [`p${node}`],
    height: () => chaos.world.agreement.heightCount,
  })
  say(`A world of ${nodeCount} Processors, seed ${seed}.`)
  tellWorld(await chaos.run(), replay)
}

function tellWorld(report: ChaosReport, replay: string): void {
  say('')
  say(`Trouble: ${report.troubles.join(', ') || 'none'}.`)
  say('Promised and kept:')
  say('  linearizable each file was one register, and the log one log, to all applications')
  say(`  durable      all of ${report.acknowledgedCount} acknowledged writes are there`)
  say(`  agreement    one state at each of ${report.height} heights`)
  say('  no slander   no correct Processor was accused of more than being late')
  say(`  recovery     at rest ${Math.round(report.recoveryMs)} ms after the trouble ended`)
  say('')
  say(`${report.eventCount} events, ${report.crashCount} crashes, trace ${report.traceHash}`)
  say(`replay: ${replay}`)
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOneArguments(args)
    if (options === undefined) say(oneHelp)
    else if (options.world) await runWorld(options)
    else await runGroup(options)
    return 0
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    if (error instanceof UsageError) {
      process.stderr.write(`${what}\n\n${oneHelp}\n`)
      return 2
    }
    process.stderr.write(`${what}\ncommit: ${sourceCommit()}\n`)
    return 1
  }
}

// Whoever reads along may stop: `npm run sim | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await main(process.argv.slice(2))
