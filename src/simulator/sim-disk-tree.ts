/**
 * Names and folders of a simulated disk, as they are now and as they would be after a power cut.
 *
 * Every change of a name waits in a list until a folder that it touches is synced. At a crash each
 * waiting change happens or not, by the dice, in order; a rename is one change, so that the file
 * is there under one of its names. A folder whose own name was not synced takes all it holds
 * along.
 */
import { compareText } from '../base/bytes.ts'
import { SimFile } from './sim-disk-file.ts'
import type { SimRandom } from './sim-random.ts'

export class SimFolder {
  readonly names = new Map<string, SimNode>()
  readonly durableNames = new Map<string, SimNode>()
}

export type SimNode = SimFile | SimFolder

/** A name in a folder, whether something is there or not. */
export type SimPlace = { readonly folder: SimFolder; readonly name: string }

type Change = {
  /** Where `node` was, if its name went away; where it is, if it got one. */
  readonly from: SimPlace | undefined
  readonly to: SimPlace | undefined
  readonly node: SimNode
}

const isAt = (place: SimPlace | undefined, other: SimPlace): boolean =>
  place !== undefined && place.folder === other.folder && place.name === other.name

export class SimTree {
  readonly root = new SimFolder()
  #waiting: Change[] = []

  /** Something new at `place`; what was there loses its name. */
  link(place: SimPlace, node: SimNode): void {
    place.folder.names.set(place.name, node)
    this.#waiting.push({ from: undefined, to: place, node })
  }

  unlink(place: SimPlace, node: SimNode): void {
    place.folder.names.delete(place.name)
    this.#move(place, undefined, node)
  }

  rename(from: SimPlace, to: SimPlace, node: SimNode): void {
    from.folder.names.delete(from.name)
    to.folder.names.set(to.name, node)
    this.#move(from, to, node)
  }

  /** A change that goes on from one that still waits takes its place: a crash sees one change. */
  #move(from: SimPlace, to: SimPlace | undefined, node: SimNode): void {
    const index = this.#waiting.findLastIndex(
      (change) => change.node === node && isAt(change.to, from),
    )
    const [before] = index < 0 ? [] : this.#waiting.splice(index, 1)
    const origin = before === undefined ? from : before.from
    if (origin !== undefined || to !== undefined) this.#waiting.push({ from: origin, to, node })
  }

  /** What waits for a sync of `folder` now. */
  changesOf(folder: SimFolder): ReadonlySet<Change> {
    return new Set(
      this.#waiting.filter(
        (change) => change.from?.folder === folder || change.to?.folder === folder,
      ),
    )
  }

  /** A sync that began when `changes` waited has ended well. */
  synced(changes: ReadonlySet<Change>): void {
    for (const change of this.#waiting) if (changes.has(change)) happen(change)
    this.#waiting = this.#waiting.filter((change) => !changes.has(change))
  }

  crash(random: SimRandom): void {
    for (const change of this.#waiting) if (random.happens(0.5)) happen(change)
    this.#waiting = []
    crashFolder(this.root, random)
  }

  /** Every file with its path, by path. */
  files(): { path: string; file: SimFile }[] {
    const found: { path: string; file: SimFile }[] = []
    collect(this.root, '', found)
    return found
  }
}

function happen({ from, to, node }: Change): void {
  if (from?.folder.durableNames.get(from.name) === node) from.folder.durableNames.delete(from.name)
  to?.folder.durableNames.set(to.name, node)
}

function crashFolder(folder: SimFolder, random: SimRandom): void {
  folder.names.clear()
  const names = [...folder.durableNames.keys()].sort(compareText)
  for (const name of names) {
    const node = folder.durableNames.get(name)
    if (node instanceof SimFolder) crashFolder(node, random)
    else node?.crash(random)
    if (node !== undefined) folder.names.set(name, node)
  }
}

function collect(
  folder: SimFolder,
  prefix: string,
  found: { path: string; file: SimFile }[],
): void {
  for (const name of [...folder.names.keys()].sort(compareText)) {
    const node = folder.names.get(name)
    if (node instanceof SimFile) found.push({ path: `${prefix}${name}`, file: node })
    else if (node !== undefined) collect(node, `${prefix}${name}/`, found)
  }
}
