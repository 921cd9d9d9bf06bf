/**
 * `npm run sim -- --seed 42`: watch a consensus group live through the troubles of one seed.
 *
 * Everything happens in this process, in virtual time, with the production code of consensus over
 * simulated links, disks and clocks. The same seed gives the same run, to the last event.
 */
import { parseArgs } from 'node:util'
import { createNodeCrypto } from '../src/adapters/node-crypto.ts'
import { type ClusterReport, ConsensusCluster } from '../src/simulator/consensus-cluster.ts'
import { type TraceEvent, traceLine } from '../src/simulator/trace.ts'

const help = `Usage: npm run sim -- [options]

  --seed N     which run (default 42)
  --nodes N    members of the group, 1 to 31 (default 4)
  --liars N    members that lie (drawn from the seed when not given)
  --items N    what clients submit (default 30)
  --trace      every event on a line, not the story alone
  --real       sign with real Ed25519
  --help       this

Ends with what was promised and kept, or with what was broken (exit code 1), and the command that
replays it.`

type SimOptions = {
  readonly seed: number
  readonly nodeCount: number
  readonly liarCount: number | undefined
  readonly itemCount: number
  readonly trace: boolean
  readonly realSignatures: boolean
}

class UsageError extends Error {}

function wholeNumber(text: string, name: string, range: { min: number; max: number }): number {
  const value = Number(text)
  if (/^\d{1,15}$/.test(text) && value >= range.min && value <= range.max) return value
  throw new UsageError(`--${name} takes a whole number from ${range.min} to ${range.max}`)
}

function parseOptions(args: readonly string[]): SimOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '42' },
      nodes: { type: 'string', default: '4' },
      liars: { type: 'string' },
      items: { type: 'string', default: '30' },
      trace: { type: 'boolean', default: false },
      real: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    seed: wholeNumber(values.seed, 'seed', { min: 0, max: 1e15 }),
    nodeCount: wholeNumber(values.nodes, 'nodes', { min: 1, max: 31 }),
    liarCount:
      values.liars === undefined
        ? undefined
        : wholeNumber(values.liars, 'liars', { min: 0, max: 31 }),
    itemCount: wholeNumber(values.items, 'items', { min: 1, max: 100_000 }),
    trace: values.trace,
    realSignatures: values.real,
  }
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** The story: one line for what a spectator would remember. */
class Story {
  #height = 0

  tell(event: TraceEvent): void {
    const line = this.#lineOf(event)
    if (line !== undefined) say(`${(event.atMs / 1000).toFixed(3).padStart(9)} s  ${line}`)
  }

  #lineOf({ facts, kind }: TraceEvent): string | undefined {
    const [first, second, third, fourth] = facts
    switch (kind) {
      case 'process/start':
        return `${memberOf(first)} starts`
      case 'node/crash':
        return `member ${first} dies (${second})`
      case 'process/freeze':
        return `${memberOf(first)} freezes`
      case 'process/thaw':
        return `${memberOf(first)} goes on`
      case 'net/partition':
        return `the network splits: ${sides(String(first))}`
      case 'net/heal':
        return 'the network is whole again'
      case 'disk/fail':
        return `the disk of member ${first} ${second}`
      case 'cluster/heal':
        return 'all trouble ends'
      case 'node/execute': {
        if (Number(second) <= this.#height) return undefined
        this.#height = Number(second)
        return (
          `height ${second}: member ${first} executes the block of view ${third}, ` +
          items(Number(fourth))
        )
      }
      default:
        return undefined
    }
  }
}

/** Processes are called `n2`, those of liars `liar2`. */
function memberOf(process: string | number | undefined): string {
  const name = String(process)
  return name.startsWith('liar') ? `member ${name.slice(4)}, a liar,` : `member ${name.slice(1)}`
}

const items = (count: number): string =>
  count === 0 ? 'which is empty' : count === 1 ? 'one item' : `${count} items`

function sides(letters: string): string {
  const left: number[] = []
  const right: number[] = []
  for (const [index, letter] of [...letters].entries()) (letter === 'l' ? left : right).push(index)
  return `members ${left.join(' ') || 'none'} here, ${right.join(' ') || 'none'} there`
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

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  if (options === undefined) {
    say(help)
    return 0
  }
  const { itemCount, liarCount, nodeCount, realSignatures, seed } = options
  const story = new Story()
  const cluster = new ConsensusCluster({
    seed,
    nodeCount,
    itemCount,
    realSignatures,
    ...(liarCount === undefined ? {} : { liarCount }),
    crypto: createNodeCrypto(),
    settle: () => new Promise((resolve) => setImmediate(resolve)),
    onTrace: (event) => (options.trace ? say(traceLine(event)) : story.tell(event)),
  })
  say(`A consensus group of ${nodeCount}, seed ${seed}. Trouble: ${cluster.troubleText}.`)
  const report = await cluster.run()
  tellPromises(report, cluster.replayCommand)
  return 0
}

// Whoever reads along may stop: `npm run sim | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

try {
  process.exitCode = await main()
} catch (error) {
  const isUsage =
    error instanceof UsageError ||
    (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE'))
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  if (isUsage) process.stderr.write(`\n${help}\n`)
  process.exitCode = isUsage ? 2 : 1
}
