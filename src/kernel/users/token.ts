/**
 * The text of a token: `uno1_<id>.<secret>`, both in base32. The id finds the token's record in the
 * section; the secret opens the private keys that the record carries sealed. Nobody keeps the
 * secret but the token's holder. The prefix lets scanners find tokens that slipped into source or
 * logs; `1` is the version of the form.
 */
import { assert } from '../../base/assert.ts'
import { fromHex, parseBase32, toBase32, toHex } from '../../base/bytes.ts'
import { type PrincipalId, principalIdBytes } from '../../base/ids.ts'

export const tokenSecretBytes = 32
export const tokenPrefix = 'uno1_'

const partCharacters = Math.ceil((principalIdBytes * 8) / 5)

/** Characters of every token. */
export const tokenCharacters: number = tokenPrefix.length + 2 * partCharacters + 1

export type Token = { readonly principal: PrincipalId; readonly secret: Uint8Array }

export function formatToken({ principal, secret }: Token): string {
  assert(secret.length === tokenSecretBytes, 'a token secret has 32 bytes')
  return `${tokenPrefix}${toBase32(fromHex(principal))}.${toBase32(secret)}`
}

/** The one token that `formatToken` writes so; undefined for any other text, of any length. */
export function parseToken(text: string): Token | undefined {
  if (text.length !== tokenCharacters || !text.startsWith(tokenPrefix)) return undefined
  const idEnd = tokenPrefix.length + partCharacters
  if (text[idEnd] !== '.') return undefined
  const id = parseBase32(text.slice(tokenPrefix.length, idEnd))
  const secret = parseBase32(text.slice(idEnd + 1))
  if (id?.length !== principalIdBytes || secret?.length !== tokenSecretBytes) return undefined
  return { principal: toHex(id) as PrincipalId, secret }
}
