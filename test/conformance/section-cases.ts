/** Values of the section's language, drawn from a seed: for fuzzing, and for pinned hashes. */
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import type {
  BlockId,
  Digest,
  DomainId,
  NodeId,
  ObjectId,
  PrincipalId,
  SessionId,
  Tag,
} from '../../src/base/ids.ts'
import {
  type Added,
  type AddedBlock,
  type Answer,
  type BaseRoot,
  type BlockRef,
  type Command,
  type CommandResult,
  type Delta,
  type DomainView,
  type Entry,
  type FreedBlock,
  type Genesis,
  type ObjectKind,
  type ObjectView,
  type Operation,
  type Page,
  type PageRequest,
  type PrincipalView,
  type Query,
  type Receipt,
  RejectCode,
  type SignedBatch,
} from '../../src/kernel/section/index.ts'

const crypto = createNodeCrypto()

/** Numbers and bytes from a seed alone: SHA-256 in counter mode. */
export class Dice {
  readonly #seed: Uint8Array
  #counter = 0
  #pool: Uint8Array = new Uint8Array(0)
  #used = 0

  constructor(seed: string) {
    this.#seed = utf8(seed)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let index = 0; index < length; index++) {
      if (this.#used >= this.#pool.length) {
        this.#pool = crypto.sha256(this.#seed, utf8(`${this.#counter++}`))
        this.#used = 0
      }
      bytes[index] = this.#pool[this.#used++] ?? 0
    }
    return bytes
  }

  /** 0 … max − 1. */
  below(max: number): number {
    let value = 0
    for (const byte of this.bytes(6)) value = value * 256 + byte
    return value % max
  }

  bool(): boolean {
    return this.below(2) === 1
  }

  /** Small, middling and the largest numbers alike. */
  number(max: number = Number.MAX_SAFE_INTEGER): number {
    const choice = this.below(4)
    if (choice === 0) return max
    return this.below(choice === 1 ? Math.min(max, 300) + 1 : max)
  }

  hex<Id extends string>(length: number): Id {
    return toHex(this.bytes(length)) as Id
  }

  blob(max: number): Uint8Array {
    return this.bytes(this.below(8) === 0 ? max : this.below(Math.min(max, 48) + 1))
  }

  list<Item>(max: number, draw: () => Item): Item[] {
    return Array.from({ length: this.below(max + 1) }, draw)
  }

  option<Value>(draw: () => Value): Value | undefined {
    return this.bool() ? draw() : undefined
  }

  oneOf<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value
  }
}

const object = (dice: Dice): ObjectId => dice.hex(16)
const tag = (dice: Dice): Tag => dice.hex(32)
const kind = (dice: Dice): ObjectKind => dice.oneOf([1, 2, 3] as const)
const u32 = (dice: Dice): number => dice.number(0xffff_ffff)
const replicas = (dice: Dice): number => 1 + dice.below(255)

const blockName = (dice: Dice): Pick<AddedBlock, 'id' | 'version' | 'hash'> => ({
  id: dice.hex<BlockId>(16),
  version: 1 + dice.number(2 ** 48 - 2),
  hash: dice.hex<Digest>(32),
})
const sealedBytes = (dice: Dice): number => dice.number(4 * 1024 * 1024 + 4 * 1024)
const block = (dice: Dice): AddedBlock => ({
  ...blockName(dice),
  sealedBytes: sealedBytes(dice),
  releaseTag: dice.bytes(16),
})
const freed = (dice: Dice): FreedBlock => ({ ...blockName(dice), sealedBytes: sealedBytes(dice) })
const ref = (dice: Dice): BlockRef => ({
  ...blockName(dice),
  sealedBytes: sealedBytes(dice),
  keyEpoch: u32(dice),
})
const base = (dice: Dice): BaseRoot => ({
  root: dice.option(() => ref(dice)),
  sealed: dice.blob(512),
})

function receipt(dice: Dice, blockCount: number): Receipt {
  const leaf = (): number | Digest =>
    blockCount > 0 && dice.below(4) > 0 ? dice.below(blockCount) : dice.hex<Digest>(32)
  const ascending = Array.from({ length: blockCount }, (_, index) => index).filter(() =>
    dice.bool(),
  )
  return {
    node: dice.hex<NodeId>(32),
    placementEpoch: u32(dice),
    putMs: dice.number(),
    signature: dice.bytes(64),
    leaves: dice.bool() ? ascending : dice.list(12, leaf),
  }
}

function added(dice: Dice): Added {
  const blocks = dice.list(12, () => block(dice))
  return { blocks, receipts: dice.list(4, () => receipt(dice, blocks.length)) }
}

const stages = (dice: Dice): { stages?: number[] } =>
  dice.bool() ? { stages: dice.list(5, () => dice.number()) } : {}

const draws: readonly ((dice: Dice) => Operation)[] = [
  (dice) => ({
    op: 'create',
    object: object(dice),
    kind: kind(dice),
    domain: dice.hex<DomainId>(16),
    domainEpoch: u32(dice),
    keyEpoch: u32(dice),
    wrappedKeys: dice.blob(1024),
    replicas: replicas(dice),
    attributes: dice.blob(512),
  }),
  (dice) => ({
    op: 'link',
    directory: object(dice),
    tag: tag(dice),
    seenSeq: dice.number(),
    sealedName: dice.blob(512),
    keyEpoch: u32(dice),
    object: object(dice),
  }),
  (dice) => ({ op: 'unlink', directory: object(dice), tag: tag(dice), seenSeq: dice.number() }),
  (dice) => ({
    op: 'rename',
    fromDirectory: object(dice),
    fromTag: tag(dice),
    fromSeq: dice.number(),
    toDirectory: object(dice),
    toTag: tag(dice),
    toSeq: dice.number(),
    sealedName: dice.blob(512),
    keyEpoch: u32(dice),
  }),
  (dice) => ({
    op: 'stage',
    object: object(dice),
    keyEpoch: u32(dice),
    added: added(dice),
    expiryMs: dice.number(),
  }),
  (dice) => ({
    op: 'apply',
    object: object(dice),
    keyEpoch: u32(dice),
    baseSeq: dice.number(),
    reads: dice.list(6, () => ({ tag: tag(dice), seenSeq: dice.number() })),
    writes: dice.list(6, () => tag(dice)),
    sealed: dice.blob(1024),
    added: added(dice),
    ...stages(dice),
    freed: dice.list(4, () => freed(dice)),
  }),
  (dice) => ({
    op: 'replace',
    object: object(dice),
    keyEpoch: u32(dice),
    seenSeq: dice.option(() => dice.number()),
    base: base(dice),
    added: added(dice),
    ...stages(dice),
    freed: dice.bool() ? 'all' : dice.list(4, () => freed(dice)),
  }),
  (dice) => ({
    op: 'compact',
    object: object(dice),
    keyEpoch: u32(dice),
    baseSeq: dice.number(),
    uptoSeq: dice.number(),
    base: base(dice),
    added: added(dice),
    ...stages(dice),
    freed: dice.list(4, () => freed(dice)),
  }),
  (dice) => ({ op: 'delete', object: object(dice) }),
]

const sessionOperation = (dice: Dice): Operation => ({
  op: 'session',
  sessionKey: dice.bytes(32),
  principal: dice.hex<PrincipalId>(32),
  expiryMs: dice.number(),
  certificate: dice.bytes(64),
})

/** Any operation but `session`, which stands alone. */
export const drawOperation = (dice: Dice): Operation => dice.oneOf(draws)(dice)

export const drawCommand = (dice: Dice, sequence: number = 1 + dice.number(2 ** 40)): Command => ({
  sequence,
  request: dice.option(() => ({ id: dice.hex<Digest>(32), print: dice.hex<Digest>(32) })),
  operations:
    dice.below(6) === 0 ? [sessionOperation(dice)] : dice.list(4, () => drawOperation(dice)),
})

export function drawBatch(dice: Dice): SignedBatch {
  const sessionKey = dice.bytes(32)
  const session = dice.hex<SessionId>(32)
  let sequence = 0
  const commands = dice.list(4, () => {
    sequence += 1 + dice.below(1000)
    return drawCommand(dice, sequence)
  })
  return { session, sessionKey, commands, signature: dice.bytes(64) }
}

export function drawResult(dice: Dice): CommandResult {
  if (dice.bool()) {
    const seqs = dice.list(8, () => dice.number())
    return { ok: true, seqs, ...(dice.bool() ? { object: object(dice) } : {}) }
  }
  return {
    ok: false,
    code: dice.oneOf(Object.values(RejectCode)),
    operation: dice.below(64),
    ...(dice.bool() ? { tag: tag(dice) } : {}),
    ...(dice.bool() ? { lastSeq: dice.number() } : {}),
  }
}

export function drawQuery(dice: Dice): Query {
  return dice.oneOf<() => Query>([
    () => ({ kind: 'object', object: object(dice), sinceSeq: dice.number() }),
    () => ({ kind: 'entry', directory: object(dice), tag: tag(dice) }),
    () => ({ kind: 'domain', domain: dice.hex<DomainId>(16) }),
    () => ({ kind: 'principal', principal: dice.hex<PrincipalId>(32) }),
    () => ({ kind: 'session', session: dice.hex<SessionId>(32) }),
  ])()
}

export const drawEntry = (dice: Dice): Entry => ({
  tag: tag(dice),
  seq: dice.number(),
  object: object(dice),
  kind: kind(dice),
  creator: dice.hex<PrincipalId>(32),
  keyEpoch: u32(dice),
  sealedName: dice.blob(512),
})

const delta = (dice: Dice): Delta => ({
  seq: dice.number(),
  writer: dice.hex<PrincipalId>(32),
  keyEpoch: u32(dice),
  timeMs: dice.number(),
  sealed: dice.blob(1024),
  added: dice.list(5, () => block(dice)),
})

export const drawView = (dice: Dice): ObjectView => ({
  object: object(dice),
  kind: kind(dice),
  domain: dice.hex<DomainId>(16),
  domainEpoch: u32(dice),
  keyEpoch: u32(dice),
  wrappedKeys: dice.blob(1024),
  replicas: replicas(dice),
  attributes: dice.blob(512),
  seq: dice.number(),
  createdMs: dice.number(),
  changedMs: dice.number(),
  entriesRoot: dice.option(() => dice.hex<Digest>(32)),
  entryCount: u32(dice),
  baseSeq: dice.number(),
  base: dice.option(() => base(dice)),
  deltas: dice.list(4, () => delta(dice)),
  unlinked: dice.bool(),
})

const domain = (dice: Dice): DomainView => ({
  domain: dice.hex<DomainId>(16),
  epoch: u32(dice),
  seq: dice.number(),
  grants: dice.list(4, () => ({
    principal: dice.bool() ? ('everyone' as const) : dice.hex<PrincipalId>(32),
    rights: dice.below(16),
    wrapped: dice.blob(256),
  })),
  ownOnly: dice.bool(),
})

const principal = (dice: Dice): PrincipalView => ({
  principal: dice.hex<PrincipalId>(32),
  kind: dice.bool() ? 'user' : 'token',
  owner: dice.hex<PrincipalId>(32),
  signKey: dice.bytes(32),
  wrapKey: dice.bytes(32),
  rights: dice.below(16),
  expiryMs: dice.number(),
  revoked: dice.bool(),
  sealed: dice.blob(1024),
  salt: dice.blob(64),
})

export function drawAnswer(dice: Dice): Answer {
  return dice.oneOf<() => Answer>([
    () => ({ kind: 'object', object: dice.option(() => drawView(dice)) }),
    () => ({
      kind: 'entry',
      directorySeq: dice.number(),
      found: dice.bool(),
      entry: dice.option(() => drawEntry(dice)),
    }),
    () => ({ kind: 'domain', domain: dice.option(() => domain(dice)) }),
    () => ({ kind: 'principal', principal: dice.option(() => principal(dice)) }),
    () => ({ kind: 'session', found: dice.bool(), lastSequence: dice.number() }),
  ])()
}

export const drawPageRequest = (dice: Dice): PageRequest => ({
  directory: object(dice),
  root: dice.hex<Digest>(32),
  after: dice.option(() => tag(dice)),
  countMax: 1 + dice.below(1_000),
})

export const drawPage = (dice: Dice): Page => ({
  entries: dice.list(6, () => drawEntry(dice)),
  more: dice.bool(),
  proof: dice.blob(4_096),
})

/** Well-formed, not sensible: for encodings only. */
export const drawGenesis = (dice: Dice): Genesis => ({
  protocol: u32(dice),
  salt: dice.bytes(32),
  createdMs: dice.number(),
  members: dice.list(5, () => ({
    node: dice.hex<NodeId>(32),
    linkKey: dice.bytes(32),
    consensusKey: dice.bytes(32),
    role: dice.bool() ? ('member' as const) : ('storage' as const),
    weight: dice.below(256),
  })),
  defaultReplicas: replicas(dice),
  principals: dice.list(3, () => principal(dice)),
  domains: dice.list(3, () => domain(dice)),
  directories: dice.list(3, () => ({
    view: {
      object: object(dice),
      domain: dice.hex<DomainId>(16),
      domainEpoch: u32(dice),
      keyEpoch: u32(dice),
      wrappedKeys: dice.blob(1024),
      replicas: replicas(dice),
      attributes: dice.blob(512),
    },
    parent: dice.option(() => object(dice)),
    entryTag: dice.option(() => tag(dice)),
    sealedName: dice.option(() => dice.blob(512)),
  })),
  sealedBlockNameKey: dice.blob(256),
  domainOfPath: dice.list(3, () => ({
    path: `/${dice.hex(4)}`,
    domain: dice.hex<DomainId>(16),
  })),
})
