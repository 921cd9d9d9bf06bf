import type { Added, AddedBlock, Receipt } from '../section/interface.ts'
import { replaceBlocksMax, replaceLeavesMax, replaceReceiptsMax } from './limits.ts'

/** Gathers blocks and receipts of several writes into one list; indexes of receipts move along. */
export class AddedList {
  #blocks: AddedBlock[] = []
  #receipts: Receipt[] = []
  #leafCount = 0

  get count(): number {
    return this.#blocks.length
  }

  /** True when it is time to stage: an operation names only so many blocks, receipts and leaves. */
  get isFull(): boolean {
    return (
      this.#blocks.length >= replaceBlocksMax ||
      this.#receipts.length >= replaceReceiptsMax ||
      this.#leafCount >= replaceLeavesMax
    )
  }

  add(added: Added): void {
    const shift = this.#blocks.length
    this.#blocks.push(...added.blocks)
    for (const receipt of added.receipts) {
      const leaves = receipt.leaves.map((leaf) => (typeof leaf === 'number' ? leaf + shift : leaf))
      this.#receipts.push({ ...receipt, leaves })
      this.#leafCount += leaves.length
    }
  }

  /** What was gathered; the list is empty afterwards. */
  take(): Added {
    const taken = { blocks: this.#blocks, receipts: this.#receipts }
    this.#blocks = []
    this.#receipts = []
    this.#leafCount = 0
    return taken
  }
}
