import type { Added, AddedBlock, Receipt } from '../section/interface.ts'
import { replaceBlocksMax, replaceReceiptsMax } from './limits.ts'

/** Gathers blocks and receipts of several writes into one list; indexes of receipts move along. */
export class AddedList {
  #blocks: AddedBlock[] = []
  #receipts: Receipt[] = []

  get count(): number {
    return this.#blocks.length
  }

  /** True when it is time to stage: an operation names only so many blocks and receipts. */
  get isFull(): boolean {
    return this.#blocks.length >= replaceBlocksMax || this.#receipts.length >= replaceReceiptsMax
  }

  add(added: Added): void {
    const shift = this.#blocks.length
    this.#blocks.push(...added.blocks)
    for (const receipt of added.receipts) {
      const leaves = receipt.leaves.map((leaf) => (typeof leaf === 'number' ? leaf + shift : leaf))
      this.#receipts.push({ ...receipt, leaves })
    }
  }

  /** What was gathered; the list is empty afterwards. */
  take(): Added {
    const taken = { blocks: this.#blocks, receipts: this.#receipts }
    this.#blocks = []
    this.#receipts = []
    return taken
  }
}
