import type { Keyring, NodeKeys } from '../ports/keyring.ts'

/** The keys as they are handed over, in memory only. Each load gives fresh copies. */
export function simKeyring(keys: NodeKeys): Keyring {
  const copyOf = <Key extends { key: Uint8Array }>(each: Key): Key => ({
    ...each,
    key: each.key.slice(),
  })
  return {
    notice: 'The keys of this Processor were delivered into its memory.',
    load: async () => ({
      nodeSeed: keys.nodeSeed.slice(),
      consensusSeed: keys.consensusSeed.slice(),
      linkSecret: keys.linkSecret.slice(),
      storageKeys: keys.storageKeys.map(copyOf),
      computerKeys: keys.computerKeys.map(copyOf),
    }),
  }
}
