import type { NodeId } from '../../base/ids.ts'
import { channels, type Links, type OutgoingMessage } from '../../kernel/links/index.ts'
import type { SimRandom } from '../sim-random.ts'
import { tamperedLinks, type WorldLiar } from './altered.ts'

const burstMax = 24
const everyMs = { min: 1, max: 60 }
const deadlineMs = 2_000

/**
 * Sends and asks as fast as its links take it: nonsense, halves of good messages, questions that
 * cost much, things that it was sent itself.
 */
export const linkFlooder: WorldLiar = ({ world, processor, process, random, lied }) => {
  const peers = world.processors.map(({ node }) => node).filter((node) => node !== processor.node)
  const heard: OutgoingMessage[] = []
  const flood = (links: Links): void => {
    const count = random.below(burstMax)
    for (let sent = 0; sent < count; sent++) one(links, random.pick(peers))
    process.after(random.between(everyMs), () => flood(links), 'floods')
  }
  const one = (links: Links, peer: NodeId): void => {
    const message = drawn(random, heard)
    lied()
    if (random.happens(0.4)) links.send(peer, message)
    else void Promise.allSettled([links.request(peer, message, { deadlineMs })])
  }
  return {
    links: (links) =>
      tamperedLinks(links, {
        started: flood,
        answer: (asked, honest) => {
          heard.push({ channel: asked.channel, head: asked.head.slice() })
          if (heard.length > 64) heard.shift()
          return honest()
        },
      }),
  }
}

function drawn(random: SimRandom, heard: readonly OutgoingMessage[]): OutgoingMessage {
  const channel = random.pick(Object.values(channels))
  const kind = random.below(4)
  if (heard.length > 0 && kind === 0) return random.pick(heard)
  if (heard.length > 0 && kind === 1) {
    const known = random.pick(heard)
    const head = known.head.slice(0, random.below(known.head.length + 1))
    return { channel: known.channel, head }
  }
  const head = random.bytes(random.below(200))
  // A known kind of request, with anything behind it.
  if (kind === 2 && head.length > 0) head[0] = 1 + random.below(4)
  return { channel, head }
}
