/**
 * A Processor that lies, in the place of src/main/processor.ts, for tests: the whole program as it
 * is, but for its links, which are replaced by those of lying-links.ts.
 */
import { registerHooks } from 'node:module'

const trueLinks = new URL('../../../src/kernel/links/index.ts', import.meta.url).href
const lyingLinks = new URL('./lying-links.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) => {
    const found = next(specifier, context)
    const isForLiar = found.url === trueLinks && context.parentURL !== lyingLinks
    return isForLiar ? { ...found, url: lyingLinks } : found
  },
})
await import('../../../src/main/processor.ts')
