import type { Crypto } from '../../ports/crypto.ts'
import type { SimRandom } from '../sim-random.ts'
import { type Packed, tamperedLinks, type WorldLiar } from './altered.ts'

/** Answers everything, with something else: bytes changed, missing, added, or of another answer. */
export const replyForger: WorldLiar = ({ world, random, lied }) => {
  let other: Packed = { head: new Uint8Array(0) }
  return {
    links: (links) =>
      tamperedLinks(links, {
        answer: async (_, honest) => {
          const answer = await honest()
          const before = other
          other = { ...answer, head: answer.head.slice() }
          if (random.happens(0.3)) return answer
          lied()
          return random.happens(0.2) ? before : forged(world.crypto, random, answer)
        },
      }),
  }
}

function forged(crypto: Crypto, random: SimRandom, { head, body }: Packed): Packed {
  if (body !== undefined && random.happens(0.6)) {
    const bytes = changed(random, body.bytes)
    return { head, body: { bytes, hash: crypto.sha256(bytes) } }
  }
  const forgedHead = changed(random, head)
  return body === undefined ? { head: forgedHead } : { head: forgedHead, body }
}

function changed(random: SimRandom, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return random.bytes(8)
  const kind = random.below(3)
  if (kind === 0) return bytes.slice(0, random.below(bytes.length))
  const copy = new Uint8Array(bytes.length + (kind === 1 ? random.below(16) : 0))
  copy.set(bytes)
  const at = random.below(copy.length)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  return copy
}
