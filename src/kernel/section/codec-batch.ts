/** Encodings of commands, signed batches and results, and the stateless check of a batch. @pure */
import { decode, encode, Reader, type Writer } from '../../base/codec.ts'
import {
  type Digest,
  digestBytes,
  type SessionId,
  sessionIdBytes,
  type Tag,
  tagBytes,
  type WorldId,
} from '../../base/ids.ts'
import { type Crypto, type KeyPair, signatureBytes } from '../../ports/crypto.ts'
import { leafCountOf } from './codec-block.ts'
import { readObject, readOperation, writeOperation } from './codec-operation.ts'
import { type Command, type CommandResult, RejectCode, type SignedBatch } from './interface.ts'
import { ItemKind } from './item-kind.ts'
import {
  batchBytesMax,
  commandsPerBatchMax,
  leavesPerBatchMax,
  operationsPerCommandMax,
} from './limits.ts'
import { batchBytesToSign, commandHash, sessionIdOfKey } from './signing.ts'

const publicKeyBytes = 32
const itemKindBytes = 1

export const encodeCommand = (command: Command): Uint8Array =>
  encode((writer) => {
    writer.u64(command.sequence)
    writer.option(command.request, (inner, { id, print }) => inner.hex(id).hex(print))
    writer.list(command.operations, writeOperation)
  }, 512)

/** @throws CodecError */
export const decodeCommand = (bytes: Uint8Array): Command => decode(bytes, readCommand)

function readCommand(reader: Reader): Command {
  const sequence = reader.u64()
  if (sequence < 1) reader.refuse('sequence 0')
  const request = reader.option((inner) => ({
    id: inner.hex(digestBytes) as Digest,
    print: inner.hex(digestBytes) as Digest,
  }))
  const operations = reader.list(operationsPerCommandMax, readOperation)
  if (operations.length > 1 && operations.some(({ op }) => op === 'session'))
    reader.refuse('a session operation stands alone in its command')
  return { sequence, request, operations }
}

/**
 * A batch, and the encoding of each command where it is at hand: saves encoding them again; so do
 * the hashes of the commands, once somebody has asked for them.
 */
export type ExecutableBatch = SignedBatch & {
  readonly encodedCommands?: readonly Uint8Array[]
  commandHashes?: readonly Uint8Array[]
}

export function encodeSignedBatch(batch: SignedBatch): Uint8Array {
  const commands = batch.commands.map(encodeCommand)
  const bytes = commands.reduce((sum, command) => sum + command.length + 4, 256)
  return encode((writer) => {
    writer.u8(ItemKind.Batch).hex(batch.session).fixed(batch.sessionKey)
    writer.list(commands, (inner, command) => inner.blob(command))
    writer.fixed(batch.signature)
  }, bytes)
}

/** The session of an encoded batch, without decoding the rest. @throws CodecError */
export const sessionOfBatch = (bytes: Uint8Array): SessionId =>
  new Reader(bytes.subarray(itemKindBytes)).hex(sessionIdBytes) as SessionId

/** @throws CodecError */
export function decodeSignedBatch(bytes: Uint8Array): ExecutableBatch {
  return decode(bytes, (reader) => {
    if (bytes.length > batchBytesMax) reader.refuse('batch too long')
    if (reader.u8() !== ItemKind.Batch) reader.refuse('not a batch')
    const session = reader.hex(sessionIdBytes) as SessionId
    const sessionKey = reader.fixed(publicKeyBytes).slice()
    const encodedCommands = reader.list(commandsPerBatchMax, (inner) => inner.blob(batchBytesMax))
    let leavesLeft = leavesPerBatchMax
    const commands = encodedCommands.map((encoded) => {
      const command = decodeCommand(encoded)
      leavesLeft -= leafCountOfCommand(command)
      return leavesLeft < 0 ? reader.refuse('too many leaves in a batch') : command
    })
    for (const [index, { sequence }] of commands.entries()) {
      if (sequence <= (commands[index - 1]?.sequence ?? 0)) reader.refuse('sequences do not ascend')
    }
    const signature = reader.fixed(signatureBytes).slice()
    return { session, sessionKey, commands, signature, encodedCommands }
  })
}

const leafCountOfCommand = ({ operations }: Command): number =>
  operations.reduce((sum, one) => ('added' in one ? sum + leafCountOf(one.added) : sum), 0)

/**
 * Memory that a decoded batch takes, reckoned: ids and digests become text, small byte strings
 * arrays of their own, and a run of leaves a number for each. Bytes.
 */
export const decodedBytesOf = (batch: SignedBatch, encodedBytes: number): number =>
  encodedBytes * decodedFactor +
  batch.commands.reduce((sum, one) => sum + leafCountOfCommand(one), 0) * leafBytes

/** Measured: blocks take 6 times their encoding, commands that delete something 7 times. */
const decodedFactor = 8
/** A number in an array that grew. */
const leafBytes = 12

/**
 * Sign commands for one turn. `sessionPair` is the session's key; its public key is its identity.
 */
export function signBatch(
  crypto: Crypto,
  input: {
    readonly world: WorldId
    readonly sessionPair: KeyPair
    readonly commands: readonly Command[]
  },
): SignedBatch {
  const { world, sessionPair, commands } = input
  const session = sessionIdOfKey(crypto, sessionPair.publicKey)
  const commandHashes = commands.map((command) => commandHash(crypto, encodeCommand(command)))
  const bytes = batchBytesToSign(crypto, { world, session, commandHashes })
  const signature = crypto.sign(sessionPair.secretKey, bytes)
  return { session, sessionKey: sessionPair.publicKey, commands, signature }
}

/** Hashes of a batch's commands, in order: identities of their contents. */
export function commandHashesOf(crypto: Crypto, batch: ExecutableBatch): readonly Uint8Array[] {
  const { encodedCommands } = batch
  // Whoever made a batch may change it; one that was decoded stays as it is.
  if (encodedCommands === undefined)
    return batch.commands.map((command) => commandHash(crypto, encodeCommand(command)))
  batch.commandHashes ??= encodedCommands.map((bytes) => commandHash(crypto, bytes))
  return batch.commandHashes
}

/** The check of a decoded batch that needs no state; consensus votes for no other items. */
export function isBatchSigned(crypto: Crypto, world: WorldId, batch: ExecutableBatch): boolean {
  const { session, sessionKey, signature } = batch
  if (sessionIdOfKey(crypto, sessionKey) !== session) return false
  const signed = batchBytesToSign(crypto, {
    world,
    session,
    commandHashes: commandHashesOf(crypto, batch),
  })
  return crypto.verify(sessionKey, signed, signature)
}

const codes = {
  [RejectCode.Conflict]: 1,
  [RejectCode.RetryBase]: 2,
  [RejectCode.MustCompact]: 3,
  [RejectCode.NotFound]: 4,
  [RejectCode.Exists]: 5,
  [RejectCode.NotEmpty]: 6,
  [RejectCode.Denied]: 7,
  [RejectCode.Cycle]: 8,
  [RejectCode.Receipts]: 9,
  [RejectCode.Session]: 10,
  [RejectCode.Sequence]: 11,
  [RejectCode.Invalid]: 12,
  [RejectCode.Exhausted]: 13,
  [RejectCode.Reused]: 14,
} as const satisfies Record<RejectCode, number>
const codeOfNumber = new Map(
  Object.values(RejectCode).map((code): [number, RejectCode] => [codes[code], code]),
)

export function writeResult(writer: Writer, result: CommandResult): void {
  writer.bool(result.ok)
  if (result.ok) {
    writer.list(result.seqs, (inner, seq) => inner.u64(seq))
    writer.option(result.object, (inner, object) => inner.hex(object))
    return
  }
  writer.u8(codes[result.code]).u16(result.operation)
  writer.option(result.tag, (inner, tag) => inner.hex(tag))
  writer.option(result.lastSeq, (inner, seq) => inner.u64(seq))
}

/** @throws CodecError */
export function readResult(reader: Reader): CommandResult {
  if (reader.bool()) {
    const seqs = reader.list(operationsPerCommandMax, (inner) => inner.u64())
    const object = reader.option((inner) => readObject(inner))
    return { ok: true, seqs, ...(object === undefined ? {} : { object }) }
  }
  const code = codeOfNumber.get(reader.u8()) ?? reader.refuse('unknown code')
  const operation = reader.u16()
  const tag = reader.option((inner) => inner.hex(tagBytes) as Tag)
  const lastSeq = reader.option((inner) => inner.u64())
  return {
    ok: false,
    code,
    operation,
    ...(tag === undefined ? {} : { tag }),
    ...(lastSeq === undefined ? {} : { lastSeq }),
  }
}

/** The results of a batch's commands, in order. */
export const encodeResults = (results: readonly CommandResult[]): Uint8Array =>
  encode((writer) => writer.list(results, writeResult))

/** @throws CodecError */
export const decodeResults = (bytes: Uint8Array): CommandResult[] =>
  decode(bytes, (reader) => reader.list(commandsPerBatchMax, readResult))
