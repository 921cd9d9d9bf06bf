/**
 * What is dropped or refused, each with a counter of its own in the metrics. The texts are also the
 * reasons by which connections are closed.
 */
export const counters = {
  /** A frame that does not open: altered, repeated, left out, moved, or plain noise. */
  Unauthentic: 'links.dropped_unauthentic',
  /** An envelope that opens but whose signature is missing or not the peer's. */
  BadSignature: 'links.dropped_bad_signature',
  /** A body whose bytes do not have the hash that its message was signed with. */
  BadBody: 'links.dropped_bad_body',
  /** Opens, but is no envelope: unknown kind, wrong lengths, a tail. */
  Malformed: 'links.dropped_malformed',
  /** Longer than anything that may come here. */
  TooLong: 'links.dropped_too_long',
  /** A request number used twice, a reply on another channel: no honest peer does that. */
  Misuse: 'links.dropped_misuse',
  /** Refused more requests than it may have, without reading the refusals. */
  Flood: 'links.dropped_flood',
  /** No sign of life. */
  Silent: 'links.closed_silent',
  /** The computer key is missing or wrong, another world, or noise instead of a handshake. */
  Handshake: 'links.refused_handshake',
  Version: 'links.refused_version',
  Epoch: 'links.refused_epoch',
  /** The node's certificate does not cover the link key that was used. */
  Certificate: 'links.refused_certificate',
  UnknownNode: 'links.refused_unknown_node',
  /** Not the node that was dialled. */
  WrongIdentity: 'links.refused_wrong_identity',
  /** Too many handshakes under way. */
  Limit: 'links.refused_limit',
  Timeout: 'links.refused_timeout',
  /** A second link of a pair. */
  Duplicate: 'links.refused_duplicate',
} as const
export type Counter = (typeof counters)[keyof typeof counters]
