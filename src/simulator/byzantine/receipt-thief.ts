import { tamperedLinks, type WorldLiar } from './altered.ts'
import { askedOf, bytesOf, noCopy } from './requests.ts'

/** Signs receipts for blocks, deletes them at once, and then has never had them. */
export const receiptThief: WorldLiar = ({ processor, random, lied }) => {
  const steal = (): void => {
    const { disk } = processor
    for (const path of disk.paths()) {
      const node = disk.find(path)
      if (node === undefined || !/^vault\/..\/[^.]*$/.test(path)) continue
      lied()
      disk.tree.unlink(disk.place(path), node)
    }
  }
  return {
    links: (links) =>
      tamperedLinks(links, {
        answer: async (asked, honest) => {
          const kind = askedOf(asked)
          if (kind === 'get' && random.happens(0.5)) {
            return { head: noCopy(bytesOf(asked), 'absent') }
          }
          const answer = await honest()
          if (kind === 'receipt') steal()
          return answer
        },
      }),
  }
}
