/**
 * What the checkpoints of a run must keep: the signatures that members gave are counted here, from
 * the bytes that they signed, and what members say or drop because of them is held against that.
 */
import { equalBytes, toHex } from '../base/bytes.ts'
import { Reader } from '../base/codec.ts'
import { domainPrefix, domains } from '../base/domains.ts'
import type { StableCheckpoint } from '../kernel/consensus/index.ts'
import type { JournalWrite } from '../ports/journal.ts'

const prefix = domainPrefix(domains.checkpoint)

export const isCheckpoint = (bytes: Uint8Array): boolean =>
  equalBytes(bytes.subarray(0, prefix.length), prefix)

/** Tables of the journal (docs/spec/consensus.md): the height index, and states of snapshots. */
const heightTable = [0x01, 0x07] as const
const stateTable = [0x02, 0x04] as const

const clears = (write: JournalWrite, [first, second]: readonly [number, number]): boolean =>
  write.kind === 'deleteRange' && write.from[0] === first && write.from[1] === second

/** Up to where the log goes with a commit; undefined when it stays, or when a state replaces it. */
export function prunedBy(writes: readonly JournalWrite[]): number | undefined {
  const write = writes.find((one) => clears(one, heightTable))
  const isInstall = writes.some((one) => clears(one, stateTable) && isWhole(one))
  if (write?.kind !== 'deleteRange' || isInstall) return undefined
  return new Reader(write.to.subarray(2)).u64() - 1
}

/** The whole table goes when the state is another one; a part of it when old ones go. */
const isWhole = (write: JournalWrite): boolean =>
  write.kind === 'deleteRange' && write.to[1] !== stateTable[1]

export class CheckpointChecks {
  readonly #quorum: number
  readonly #break: (what: string) => never
  /** `epoch height view digest state` → who signed it, and the signature. */
  readonly #vouchers = new Map<string, Map<number, Uint8Array>>()
  /** Heights that a quorum vouches for, ascending. */
  #stable: number[] = []

  constructor(quorum: number, onBroken: (what: string) => never) {
    this.#quorum = quorum
    this.#break = onBroken
  }

  signed(node: number, bytes: Uint8Array, signature: Uint8Array): void {
    const reader = new Reader(bytes.subarray(prefix.length))
    reader.fixed(32)
    const [epoch, height, view] = [reader.u64(), reader.u64(), reader.u64()]
    const name = [epoch, height, view, toHex(reader.fixed(32)), toHex(reader.fixed(32))].join(' ')
    const vouchers = this.#vouchers.get(name) ?? new Map<number, Uint8Array>()
    this.#vouchers.set(name, vouchers.set(node, signature))
    if (vouchers.size < this.#quorum || this.#stable.includes(height)) return
    this.#stable = [...this.#stable, height].sort((a, b) => a - b)
  }

  /** A correct member passes a certificate on. */
  passed(node: number, epoch: number, checkpoint: StableCheckpoint): void {
    const { digest, height, signatures, signers, state, view } = checkpoint
    const vouchers = this.#vouchers.get([epoch, height, view, digest, state].join(' '))
    const real = signers.filter((signer, place) => {
      const signature = signatures[place]
      const given = vouchers?.get(signer)
      return signature !== undefined && given !== undefined && equalBytes(given, signature)
    })
    if (new Set(real).size < this.#quorum)
      this.#break(`node ${node} passes on a checkpoint of height ${height} that was never one`)
  }

  /** Two are kept: whoever takes up the older state must find what follows it. */
  pruned(node: number, upTo: number): void {
    const before = this.#stable.at(-2) ?? 0
    if (upTo > before)
      this.#break(`node ${node} drops the log up to ${upTo}; a quorum allows ${before}`)
  }
}
