/**
 * A simulated disk: what stays when a process goes. A node's process gets a `mount`, which is the
 * disk port; when the process is killed the mount is detached and all that was written stays, when
 * the power is cut `crash` throws the dice over everything that was not synced. In both cases the
 * old mount and its open files fail from then on; the restarted node mounts again.
 *
 * Operations take effect when they are called and are answered after a delay; a sync takes effect
 * when it is answered, so a crash in between finds it not done.
 */
import { assert } from '../base/assert.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import { DiskCode } from '../ports/disk.ts'
import { SimFile } from './sim-disk-file.ts'
import { SimMount } from './sim-disk-mount.ts'
import { diskFault, partsOf } from './sim-disk-path.ts'
import { SimFolder, type SimNode, type SimPlace, SimTree } from './sim-disk-tree.ts'
import type { Range, SimRandom } from './sim-random.ts'

/** What is wrong with the disk now. All off at first; set and unset at any time. */
export type DiskFaults = {
  /** No byte more fits. (The quota, when given, makes a disk full by itself.) */
  full: boolean
  /** Paths that may not be touched, with everything below them. */
  denied: readonly string[]
  /** Syncs fail, and what they were to make durable is lost for the disk. */
  failingSync: boolean
  /** Reads find an error of the medium. */
  failingRead: boolean
  /** No file and no folder can be opened: there are too many open ones. */
  busy: boolean
  /** How long each operation takes, and a sync on top; needs a mount with a clock. */
  delayMs: Range
  syncDelayMs: Range
}

const quotaBytesDefault = 2 ** 40

export class SimDisk {
  readonly random: SimRandom
  readonly tree = new SimTree()
  readonly faults: DiskFaults = {
    full: false,
    denied: [],
    failingSync: false,
    failingRead: false,
    busy: false,
    delayMs: { min: 0.02, max: 0.2 },
    syncDelayMs: { min: 0.2, max: 2 },
  }
  readonly #quotaBytes: number
  #usedBytes = 0
  #mount: SimMount | undefined

  constructor(options: { readonly random: SimRandom; readonly quotaBytes?: number }) {
    this.random = options.random.fork('disk')
    this.#quotaBytes = options.quotaBytes ?? quotaBytesDefault
  }

  /**
   * The disk for one run of the node. An earlier mount is detached.
   *
   * @param clock makes operations take time, and time stamps; without it all is answered at once.
   */
  mount(clock?: Clock): Disk {
    this.detach()
    this.#mount = new SimMount(this, clock)
    return this.#mount
  }

  /** The process is gone, the machine is not: what was written stays. */
  detach(): void {
    this.#mount?.end()
    this.#mount = undefined
  }

  /** The power is cut: the dice decide on everything that was not synced. */
  crash(): void {
    this.detach()
    this.tree.crash(this.random)
    this.#usedBytes = 0
    for (const { file } of this.tree.files()) this.#usedBytes += file.sizeBytes
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return this.tree.files().map(({ path }) => path)
  }

  /**
   * One bit of a file decays silently. Returns where; undefined when the file is empty.
   *
   * @param offset of the byte; anywhere by default.
   */
  rot(path: string, offset?: number): number | undefined {
    const node = this.find(path)
    assert(node instanceof SimFile, `no file ${path}`)
    return node.rot(this.random, offset)
  }

  get freeBytes(): number {
    return this.faults.full ? 0 : Math.max(0, this.#quotaBytes - this.#usedBytes)
  }

  /** Count bytes that come (or, negative, go). */
  use(bytes: number): void {
    this.#usedBytes += bytes
  }

  find(path: string): SimNode | undefined {
    let node: SimNode | undefined = this.tree.root
    for (const name of partsOf(path)) {
      if (!(node instanceof SimFolder)) return undefined
      node = node.names.get(name)
    }
    return node
  }

  /** @throws DiskError `disk/not-found` when the folder of `path` is missing. */
  place(path: string): SimPlace {
    const parts = partsOf(path)
    const name = parts.pop()
    assert(name !== undefined, 'the root has no name')
    const folder = this.find(parts.join('/'))
    if (folder === undefined) throw diskFault(DiskCode.NotFound, path, 'no such folder')
    if (!(folder instanceof SimFolder)) throw diskFault(DiskCode.Failed, path, 'not a folder')
    return { folder, name }
  }
}
