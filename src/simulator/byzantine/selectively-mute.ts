import type { NodeId } from '../../base/ids.ts'
import { noAnswer, tamperedLinks, type WorldLiar } from './altered.ts'

/** Speaks with some, and is silent towards others; whom, changes from time to time. */
export const selectivelyMute: WorldLiar = ({ world, process, random, lied }) => {
  const nodes = world.processors.map(({ node }) => node)
  let shunned: ReadonlySet<NodeId> = new Set()
  const turn = (): void => {
    shunned = new Set(nodes.filter(() => random.happens(0.5)))
    process.after(random.between({ min: 200, max: 4_000 }), turn, 'shuns others')
  }
  turn()
  const isShunned = (peer: NodeId): boolean => {
    if (!shunned.has(peer)) return false
    lied()
    return true
  }
  return {
    links: (links) =>
      tamperedLinks(links, {
        outgoing: (peer, message) => (isShunned(peer) ? [] : [message]),
        answer: (asked, honest, signal) => (isShunned(asked.from) ? noAnswer(signal) : honest()),
      }),
  }
}
