/** Long requests and answers travel as a message's body, short ones as its head. */
import { emptyBytes } from '../../base/bytes.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { IncomingMessage, OutgoingMessage } from '../links/interface.ts'
import { inlineBytesMax } from './limits.ts'

type Packed = Omit<OutgoingMessage, 'channel'>

export function pack(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): Packed {
  if (bytes.length <= inlineBytesMax) return { head: bytes }
  return { head: emptyBytes, body: { bytes, hash: crypto.sha256(bytes) } }
}

/** A message with a head has no body here: what else it brings is ignored. */
export const unpack = (message: Pick<IncomingMessage, 'head' | 'body'>): Uint8Array =>
  message.head.length > 0 ? message.head : (message.body?.bytes ?? emptyBytes)
