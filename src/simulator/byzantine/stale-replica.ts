import { toHex } from '../../base/bytes.ts'
import { type Packed, tamperedLinks, type WorldLiar } from './altered.ts'
import { askedOf, bytesOf, heightAt, heightIn, withHeight } from './requests.ts'

const keptMax = 200

/**
 * Answers a read as it answered it the first time, however long ago, and now and then names a
 * newer height with it.
 */
export const staleReplica: WorldLiar = ({ random, lied }) => {
  const first = new Map<string, Packed>()
  let newest = 0
  return {
    links: (links) =>
      tamperedLinks(links, {
        answer: async (asked, honest) => {
          if (askedOf(asked) !== 'read') return honest()
          const query = toHex(bytesOf(asked).subarray(1 + 8))
          const now = await honest()
          const height = now.head.length > 8 ? heightIn(now.head, heightAt.reply) : 0
          newest = Math.max(newest, height)
          const old = first.get(query)
          if (old === undefined) {
            if (first.size < keptMax) first.set(query, { ...now, head: now.head.slice() })
            return now
          }
          if (random.happens(0.2)) return now
          lied()
          if (old.head.length <= 8 || random.happens(0.5)) return { ...old, head: old.head.slice() }
          const claimed = newest + random.below(2)
          return { ...old, head: withHeight(old.head, heightAt.reply, claimed) }
        },
      }),
  }
}
