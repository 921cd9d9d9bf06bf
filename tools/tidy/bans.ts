/**
 * What repeatable code must not touch, each with what to use instead.
 *
 * Clocks, dice, disk and network come through ports; then the whole kernel runs in the simulator,
 * byte for byte repeatable. Global names are found by Biome, which knows a global from a variable
 * of the same name; they stand in biome.json too, and a test keeps the two lists equal. Names that
 * follow a dot are found here, by pattern.
 */
import { findAll, isRepeatable, type Rule, type SourceFile } from './rule.ts'

const clock = 'Clock of src/ports/clock.ts'
const random = 'Random of src/ports/random.ts'
const crypto = 'Crypto of src/ports/crypto.ts'
const outside = 'a port of src/ports, made real in src/adapters'
const bytes = 'compare bytes (src/base/bytes.ts): the order must not depend on a locale'

/** Global name → what to use instead. The same list as `deniedGlobals` in biome.json. */
export const bannedGlobals: Readonly<Record<string, string>> = {
  Buffer: 'Use Uint8Array and src/base/bytes.ts.',
  Date: `Use ${clock}.`,
  FinalizationRegistry: 'Release what you hold by a call; the garbage collector keeps no order.',
  Intl: `Instead, ${bytes}.`,
  WeakRef: 'Hold the value, or let it go; the garbage collector keeps no order.',
  WebSocket: 'Use Transport of src/ports/transport.ts.',
  XMLHttpRequest: 'Use Http of src/ports/http.ts.',
  console: 'Use Log of src/ports/log.ts.',
  crypto: `Use ${crypto}, and ${random} for dice.`,
  fetch: 'Use Http of src/ports/http.ts.',
  global: `Use ${outside}.`,
  globalThis: `Use ${outside}.`,
  performance: `Use ${clock}.`,
  process: `Use ${outside}.`,
  queueMicrotask: `Use ${clock}.`,
  setImmediate: `Use ${clock}.`,
  setInterval: `Use ${clock}.`,
  setTimeout: `Use ${clock}.`,
}

const bannedMembers: readonly [RegExp, string][] = [
  [/\bMath\s*\.\s*random\b/g, `$& is not repeatable: use ${random}`],
  [/\.\s*(?:localeCompare|toLocale\w+)\b/g, `$& depends on the locale: ${bytes}`],
  [/\bimport\.meta\b/g, `$& names a place on this machine: be given what you need by ${outside}`],
]

export const banRules: readonly Rule[] = [
  {
    name: 'members',
    appliesTo: isRepeatable,
    check: (file) => bannedMembers.flatMap(([pattern, text]) => findAll(file.code, pattern, text)),
  },
  {
    name: 'ignored-lint',
    appliesTo: isRepeatable,
    check: (file) =>
      findAll(
        file.text,
        /biome-ignore(?:-all|-start)?\s+lint\/style\/noRestrictedGlobals/g,
        '$&: the ban on clocks, dice, disk and network has no exceptions here; use a port',
      ),
  },
  {
    name: 'pure',
    appliesTo: (path) => isRepeatable(path),
    check: (file) =>
      declaresPure(file)
        ? findAll(
            file.code,
            /\b(?:async|await|Promise)\b/g,
            '$& in a file that declares itself @pure: return effects as values, and let the driver wait',
          )
        : [],
  },
]

/** A file is pure when its header comment, before any code, has a line that says `@pure`. */
export function declaresPure(file: SourceFile): boolean {
  const codeAt = file.uncommented.search(/\S/)
  const header = codeAt === -1 ? file.text : file.text.slice(0, codeAt)
  return /^[ \t]*(?:\/\/|\/?\*\*?)?[ \t]*@pure[ \t]*(?:\*\/)?[ \t]*$/m.test(header)
}
