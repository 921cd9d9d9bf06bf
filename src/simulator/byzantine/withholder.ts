import { noAnswer, tamperedLinks, type WorldLiar } from './altered.ts'
import { askedOf, bytesOf, noCopy } from './requests.ts'

/**
 * Takes blocks and never gives one: no answer, or one that says nothing. What else only it could
 * tell it keeps as well: pages of directories and lists of what was added.
 */
export const withholder: WorldLiar = ({ random, lied }) => ({
  links: (links) =>
    tamperedLinks(links, {
      answer: (asked, honest, signal) => {
        const kind = askedOf(asked)
        if (kind === 'get') {
          lied()
          const how = random.pick(['silent', 'busy', 'absent', 'missing'] as const)
          if (how === 'silent') return noAnswer(signal)
          return Promise.resolve({ head: noCopy(bytesOf(asked), how) })
        }
        if (kind === 'page' || kind === 'added') return noAnswer(signal)
        return honest()
      },
    }),
})
