/** A state taken from others in the place of our own (PROTOCOL 2.8): fetched, written, taken up. */
import type { Epoch } from './epoch.ts'
import type { Application, FetchedState } from './interface.ts'
import type { Outbox } from './outbox.ts'
import { writesOf } from './records.ts'
import { nodeOf } from './state.ts'
import type { VouchedCheckpoint } from './types.ts'

/** What the driver does for a transfer. */
export type TransferHost = {
  readonly application: Pick<Application, 'fetchState'>
  readonly outbox: Outbox
  /** False in another epoch, and when the driver has stopped. */
  readonly isCurrent: (epoch: Epoch) => boolean
  /** Do it when the blocks of before that wait for votes of ours are executed. */
  readonly behindCommits: (task: () => void) => void
  /** Nobody had it. */
  readonly onFailed: (epoch: Epoch, checkpoint: VouchedCheckpoint) => void
  /** It is on the disk: to be taken up by calling `installed`, outside of any step. */
  readonly onDurable: (
    epoch: Epoch,
    checkpoint: VouchedCheckpoint,
    installed: FetchedState['installed'],
  ) => void
}

export class StateTransfer {
  readonly #host: TransferHost
  #controller = new AbortController()

  constructor(host: TransferHost) {
    this.#host = host
  }

  /** Resolves when it is fetched or was not to be had. Rejects when the application fails. */
  async begin(epoch: Epoch, checkpoint: VouchedCheckpoint): Promise<void> {
    const { application, behindCommits, isCurrent, onFailed } = this.#host
    const { setup } = epoch
    const others = checkpoint.signers.filter((signer) => signer !== setup.self)
    const holders = others.map((signer) => nodeOf(setup, signer))
    this.#controller = new AbortController()
    const { signal } = this.#controller
    const fetched = await application.fetchState?.({ ...checkpoint, holders, signal })
    if (!isCurrent(epoch)) return
    if (fetched === undefined) onFailed(epoch, checkpoint)
    // Blocks written behind it would make the journal say another height than that of the state.
    else behindCommits(() => this.#install(epoch, checkpoint, fetched))
  }

  #install(epoch: Epoch, checkpoint: VouchedCheckpoint, fetched: FetchedState): void {
    const { onDurable, outbox } = this.#host
    outbox.write(fetched.writes)
    outbox.write(writesOf({ kind: 'installed', checkpoint }, epoch.wire.context))
    outbox.whenDurable(() => onDurable(epoch, checkpoint, () => fetched.installed()))
    outbox.flush()
  }

  /** Nobody waits for it any more. */
  abort(): void {
    this.#controller.abort()
  }
}
