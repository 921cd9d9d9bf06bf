/** Rules on what must not be written into a file that others will clone. */
import { findAll, type Rule } from './rule.ts'

const anyFile = (): boolean => true

const machinePaths: readonly RegExp[] = [
  /(?<![\w.~/-])\/(?:work|root)\/[\w.]+/g,
  /(?<![\w.~/-])\/home\/(?:user|ubuntu|runner|node|root|dev)\b/g,
  /(?<![\w.~/-])\/Users\/\w+/g,
  /\b[A-Z]:\\+Users\b/g,
]

const registryHosts: readonly RegExp[] = [
  /\bregistry\.[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b/gi,
  /"resolved"\s*:\s*"https?:[^"]*"/g,
]

export const placeRules: readonly Rule[] = [
  {
    name: 'machine-path',
    appliesTo: anyFile,
    check: ({ text }) =>
      machinePaths.flatMap((pattern) =>
        findAll(
          text,
          pattern,
          '$& is a path of one machine: name it from the project, or make it an option',
        ),
      ),
  },
  {
    name: 'registry-host',
    appliesTo: anyFile,
    check: ({ text }) =>
      registryHosts.flatMap((pattern) =>
        findAll(
          text,
          pattern,
          '$& ties the project to one registry: leave the choice to npm of the reader',
        ),
      ),
  },
]
