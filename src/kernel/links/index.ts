export { type Counter, counters as linkCounters } from './counters.ts'
export * from './errors.ts'
export { linkKeyStatement } from './handshake.ts'
export * from './interface.ts'
export {
  bodyBytesMax,
  defaultLinkLimits,
  headBytesMax,
  type LinkLimits,
  linkProtocolVersion,
  smallReplyBytes,
} from './limits.ts'
export { createLinks, type LinkPorts, type LinksOptions } from './links.ts'
export { messageKinds } from './message.ts'
export {
  type ProvenMessage,
  readSignedMessage,
  verifySignedMessage,
  writeSignedMessage,
} from './proof.ts'
export { roomHere } from './reply-room.ts'
