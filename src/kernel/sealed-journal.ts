/**
 * A journal whose values rest sealed under a key of this node: the consensus log and the section's
 * state tell nothing to whoever reads the disk. Keys (heights, views) stay readable, because order
 * is what they are for; a value is bound to its key, so that two cannot be exchanged.
 */

import { concat, fromHex } from '../base/bytes.ts'
import { domainPrefix, domains } from '../base/domains.ts'
import type { WorldId } from '../base/ids.ts'
import type { AeadKey, Crypto } from '../ports/crypto.ts'
import {
  type Journal,
  JournalCode,
  type JournalEntry,
  JournalError,
  type JournalWrite,
} from '../ports/journal.ts'
import { deriveKey, openBytes, type SealPorts, sealBytes } from './keys/index.ts'

/** The key under which a node's journals rest: from its storage key, for this world alone. */
export const journalKeyOf = (
  crypto: Crypto,
  input: { readonly storageKey: Uint8Array; readonly world: WorldId },
): AeadKey =>
  crypto.aeadKey(
    deriveKey(crypto, {
      secret: input.storageKey,
      domain: domains.journalKey,
      context: fromHex(input.world),
    }),
  )

export function sealedJournal(ports: SealPorts, key: AeadKey, inner: Journal): Journal {
  const associatedOf = (name: Uint8Array): Uint8Array =>
    concat([domainPrefix(domains.journalRecord), name])

  const sealed = (write: JournalWrite): JournalWrite => {
    if (write.kind !== 'put') return write
    const associated = associatedOf(write.key)
    return { ...write, value: sealBytes(ports, { key, plain: write.value, associated }) }
  }

  const opened = (name: Uint8Array, value: Uint8Array): Uint8Array => {
    const associated = associatedOf(name)
    const plain = openBytes(ports.crypto, { key, sealed: value, associated })
    if (plain !== undefined) return plain
    const message = 'a record of the journal does not open: damaged, or of another node'
    throw new JournalError(JournalCode.Damaged, message, { path: 'journal' })
  }

  return {
    commit: (writes) => inner.commit(writes.map(sealed)),
    get: async (name) => {
      const value = await inner.get(name)
      return value === undefined ? undefined : opened(name, value)
    },
    range: async (input) => {
      const entries = await inner.range(input)
      return entries.map((entry): JournalEntry => {
        return { key: entry.key, value: opened(entry.key, entry.value) }
      })
    },
    close: () => inner.close(),
  }
}
