/** Cases whose bytes are pinned: one of each thing that consensus signs, sends or stores. */
import { concat, toHex } from '../../src/base/bytes.ts'
import { digestOf, nodeIdOf } from '../../src/base/ids.ts'
import {
  blockOf,
  checkpointBytes,
  encodeCertificate,
  payloadHashOf,
  payloadOf,
  voteBytes,
} from '../../src/kernel/consensus/encoding.ts'
import { encodeEvidence } from '../../src/kernel/consensus/evidence.ts'
import { defaultConsensusLimits } from '../../src/kernel/consensus/limits.ts'
import { epochWrites, writesOf } from '../../src/kernel/consensus/records.ts'
import type {
  Block,
  Certificate,
  JournalRecord,
  Message,
  VoteKind,
} from '../../src/kernel/consensus/types.ts'
import { encodeEpoch, encodeMessage, type WireContext } from '../../src/kernel/consensus/wire.ts'
import type { Crypto } from '../../src/ports/crypto.ts'
import type { JournalWrite } from '../../src/ports/journal.ts'

export type ConsensusCase = { readonly name: string; readonly hex: string }

const seedOf = (member: number): Uint8Array => new Uint8Array(32).fill(member + 1)

/** With seven members: a bitmap that does not fill its byte. */
export function consensusCases(crypto: Crypto): ConsensusCase[] {
  const context = { group: digestOf('a1'.repeat(32)), epoch: 3, memberCount: 7, quorum: 5 }
  const wire: WireContext = { crypto, context, limits: defaultConsensusLimits }
  const block = (view: number, parent?: Block): Block => {
    const payload = payloadOf(crypto, [Uint8Array.of(1, 2, 3), new Uint8Array(0)])
    return blockOf(crypto, context, {
      header: {
        view,
        parentView: parent?.header.view ?? 0,
        parentDigest: parent?.digest ?? digestOf('b2'.repeat(32)),
        payloadHash: payloadHashOf(crypto, payload),
        timeMs: 1_750_000_000_123,
        flags: 0,
      },
      payload,
    })
  }
  const certificate = (kind: VoteKind, view: number, of?: Block): Certificate => {
    const signers = [0, 2, 3, 5, 6]
    const digest = of?.digest
    const bytes = voteBytes(context, { kind, view, digest })
    const sign = (member: number): Uint8Array =>
      crypto.sign(crypto.signKeyPair(seedOf(member)).secretKey, bytes)
    return { kind, view, digest, signers, signatures: signers.map(sign) }
  }
  const one = block(1)
  const two = block(2, one)
  const notarized = certificate('notarize', 1, one)
  const nullified = certificate('nullify', 4)
  const finalized = certificate('finalize', 2, two)
  const [signature] = notarized.signatures
  const vote = { kind: 'notarize', view: 1, digest: one.digest, signer: 0 } as const
  const ownVote = { ...vote, signature: signature ?? new Uint8Array(64) }
  const checkpoint = { height: 2, view: 2, digest: two.digest, state: one.digest }
  const stable = { ...checkpoint, signers: finalized.signers, signatures: finalized.signatures }
  const epoch = {
    epoch: 4,
    baseHeight: 9,
    genesis: two.digest,
    members: [{ node: nodeIdOf('c3'.repeat(32)), consensusKey: new Uint8Array(32).fill(7) }],
  }
  const evidence = {
    member: nodeIdOf('c3'.repeat(32)),
    group: context.group,
    epoch: context.epoch,
    first: ownVote,
    second: { ...ownVote, digest: two.digest },
  }
  const messages: Message[] = [
    { kind: 'propose', block: two, justification: [notarized, nullified] },
    { kind: 'vote', vote: ownVote },
    { kind: 'certificates', certificates: [finalized, nullified] },
    { kind: 'status', view: 9, finalView: 7, height: 5, stableHeight: 4 },
    { kind: 'ask', fromView: 3, toView: 8 },
    { kind: 'fetch', fromHeight: 6, view: 2, digest: two.digest },
    {
      kind: 'range',
      fromHeight: 1,
      blocks: [one],
      tail: [two.header],
      certificate: finalized,
    },
    { kind: 'block', block: one },
    { kind: 'lacking', fromHeight: 6, digest: two.digest },
    { kind: 'checkpointVote', vote: { ...checkpoint, signer: 0, signature: ownVote.signature } },
    { kind: 'checkpoint', checkpoint: stable },
  ]
  const stored: JournalRecord[] = [
    { kind: 'myVote', vote: ownVote },
    { kind: 'haveCertificate', certificate: nullified },
    { kind: 'haveBlock', block: one },
    { kind: 'dropBlock', view: 1, digest: one.digest },
    { kind: 'final', certificate: finalized },
    { kind: 'executed', height: 2, block: two, certificate: finalized },
    { kind: 'executed', height: 1, block: one, certificate: undefined },
    { kind: 'prune', belowView: 64 },
    { kind: 'muted' },
    { kind: 'stable', checkpoint: stable },
    { kind: 'pruneLog', upTo: { height: 2, view: 2 } },
    { kind: 'installed', checkpoint },
  ]
  return [
    { name: 'signed notarize vote', hex: toHex(voteBytes(context, vote)) },
    {
      name: 'signed nullify vote',
      hex: toHex(voteBytes(context, { kind: 'nullify', view: 4, digest: undefined })),
    },
    { name: 'header digest', hex: one.digest },
    { name: 'payload hash', hex: one.header.payloadHash },
    { name: 'certificate', hex: toHex(encodeCertificate(finalized, context)) },
    { name: 'signed checkpoint', hex: toHex(checkpointBytes(context, checkpoint)) },
    {
      name: 'message epoch',
      hex: toHex(encodeEpoch({ start: epoch, vouched: undefined }, wire).head),
    },
    {
      name: 'message epoch with a state',
      hex: toHex(encodeEpoch({ start: epoch, vouched: stable }, wire).head),
    },
    ...epochWrites(epoch, true).map((write, place) => ({
      name: `epoch write ${place}`,
      hex: textOf(write),
    })),
    { name: 'evidence', hex: toHex(encodeEvidence(evidence)) },
    ...messages.map((message) => {
      const { body, head } = encodeMessage(message, wire)
      const bytes = body === undefined ? [head] : [head, body.bytes]
      return { name: `message ${message.kind}`, hex: toHex(concat(bytes)) }
    }),
    ...stored.map((record, place) => ({
      name: `record ${place} ${record.kind}`,
      hex: writesOf(record, context).map(textOf).join(', '),
    })),
  ]
}

const textOf = (write: JournalWrite): string =>
  write.kind === 'put'
    ? `put ${toHex(write.key)} ${toHex(write.value)}`
    : write.kind === 'delete'
      ? `delete ${toHex(write.key)}`
      : `deleteRange ${toHex(write.from)} ${toHex(write.to)}`
