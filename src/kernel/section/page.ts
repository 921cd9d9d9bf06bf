/**
 * Pages of a listing: made by one member, checked by the reader against the confirmed root. @pure
 */
import { fromHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { tagBytes } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { entryValueBytesMax, writeEntryValue } from './codec-view.ts'
import type { Page, PageRequest } from './interface.ts'
import { pageEntriesMax } from './limits.ts'
import { proveRange, verifyRange } from './merkle-proof.ts'
import type { SectionState } from './state.ts'

/** Entries that a page for this request has at most. */
const countMaxOf = ({ countMax }: PageRequest): number =>
  Math.max(1, Math.min(countMax, pageEntriesMax))

/** The page, undefined when the directory has another root in this state (or is not there). */
export function page(crypto: Crypto, state: SectionState, request: PageRequest): Page | undefined {
  const directory = state.objects.get(request.directory)
  if (directory === undefined || directory.entries.root(crypto) !== request.root) return undefined
  const countMax = countMaxOf(request)
  const { leaves, more, proof } = proveRange(crypto, directory.entries, {
    after: request.after,
    countMax,
  })
  return { entries: leaves.map(({ value }) => value), more, proof }
}

/**
 * True when the page holds, under the request's root, all entries after the cursor up to its last
 * one, as many as were asked for or all that there are, and `more` says which.
 */
export function verifyPage(crypto: Crypto, request: PageRequest, claimed: Page): boolean {
  const entries = claimed.entries.map((entry) => ({
    key: entry.tag,
    value: encode((writer) => writeEntryValue(writer, entry), 256),
  }))
  return verifyRange(crypto, {
    root: fromHex(request.root),
    keyBytes: tagBytes,
    valueBytesMax: entryValueBytesMax,
    after: request.after,
    countMax: countMaxOf(request),
    entries,
    more: claimed.more,
    proof: claimed.proof,
  })
}
