/**
 * Domain separation: every signature, hash and derived key of UnoSys starts from one of these
 * strings, so that bytes made for one purpose are never valid for another. Globally unique;
 * retired ones stay in the list, marked, and are never used again. Format:
 * `unosys/<purpose>/<version>`.
 */
import { concat, utf8 } from './bytes.ts'

export const domains = {
  worldId: 'unosys/world-id/1',
  linkKey: 'unosys/link-key/1',
  linkPrologue: 'unosys/link-prologue/1',
  linkTraffic: 'unosys/link-traffic/1',
  linkRekey: 'unosys/link-rekey/1',
  envelope: 'unosys/envelope/1',
  message: 'unosys/message/1',
  blockReply: 'unosys/block-reply/1',
  receipt: 'unosys/receipt/1',
  receiptLeaf: 'unosys/receipt-leaf/1',
  releaseTag: 'unosys/release-tag/1',
  releaseSecret: 'unosys/release-secret/1',
  vote: 'unosys/vote/1',
  checkpoint: 'unosys/checkpoint/1',
  checkpointState: 'unosys/checkpoint-state/1',
  readmission: 'unosys/readmission/1',
  proposal: 'unosys/proposal/1',
  header: 'unosys/header/1',
  payload: 'unosys/payload/1',
  leaderOrder: 'unosys/leader-order/1',
  command: 'unosys/command/1',
  commandBatch: 'unosys/command-batch/1',
  sessionCertificate: 'unosys/session-certificate/1',
  requestId: 'unosys/request-id/1',
  partition: 'unosys/partition/1',
  rendezvous: 'unosys/rendezvous/1',
  blockName: 'unosys/block-name/1',
  blockPlaceholder: 'unosys/block-placeholder/1',
  blockOuter: 'unosys/block-outer/1',
  blockInner: 'unosys/block-inner/1',
  delta: 'unosys/delta/1',
  objectBase: 'unosys/object-base/1',
  objectAttributes: 'unosys/object-attributes/1',
  objectTag: 'unosys/object-tag/1',
  directoryEntry: 'unosys/directory-entry/1',
  fileBlockTag: 'unosys/file-block-tag/1',
  entryTag: 'unosys/entry-tag/1',
  contentKey: 'unosys/content-key/1',
  domainKey: 'unosys/domain-key/1',
  previousKey: 'unosys/previous-key/1',
  everyone: 'unosys/everyone/1',
  blockNameKey: 'unosys/block-name-key/1',
  keyWrap: 'unosys/key-wrap/1',
  token: 'unosys/token/1',
  user: 'unosys/user/1',
  userSecret: 'unosys/user-secret/1',
  principal: 'unosys/principal/1',
  session: 'unosys/session/1',
  stateLeaf: 'unosys/state-leaf/1',
  stateNode: 'unosys/state-node/1',
  stateRoot: 'unosys/state-root/1',
  journalRecord: 'unosys/journal-record/1',
  journalKey: 'unosys/journal-key/1',
  keyring: 'unosys/keyring/1',
} as const

export type Domain = (typeof domains)[keyof typeof domains]

const prefixes = new Map<string, Uint8Array>()

/** The domain as it stands at the start of hashed or signed bytes: its UTF-8 and one zero byte. */
export function domainPrefix(domain: Domain): Uint8Array {
  let prefix = prefixes.get(domain)
  if (prefix === undefined) {
    prefix = utf8(`${domain}\0`)
    prefixes.set(domain, prefix)
  }
  return prefix
}

/** `domain ‖ 0 ‖ parts`: what is hashed or signed. The parts must be self-delimiting. */
export const separated = (domain: Domain, ...parts: readonly Uint8Array[]): Uint8Array =>
  concat([domainPrefix(domain), ...parts])
