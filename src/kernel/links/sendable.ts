import { assert } from '../../base/assert.ts'
import { digestBytes } from '../../base/ids.ts'
import type { OutgoingMessage } from './interface.ts'
import { bodyBytesMax, headBytesMax } from './limits.ts'

/** Our own layers send nothing that the wire has no room for: else it is their mistake. */
export function assertSendable(message: Omit<OutgoingMessage, 'channel'>): void {
  assert(message.head.length <= headBytesMax, 'the head of a message is too long')
  if (message.body === undefined) return
  assert(message.body.bytes.length <= bodyBytesMax, 'the body of a message is too long')
  assert(message.body.hash.length === digestBytes, 'a body comes with its SHA-256')
}
