/** A run of a consensus group as a story: one line for what a spectator would remember. */
import type { TraceEvent } from '../../src/simulator/trace.ts'

export class Story {
  #height = 0

  /** The line of an event, or nothing. */
  tell(event: TraceEvent): string | undefined {
    const line = this.#lineOf(event)
    if (line === undefined) return undefined
    return `${(event.atMs / 1000).toFixed(3).padStart(9)} s  ${line}`
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
