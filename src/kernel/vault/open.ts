/** Opening a vault: folders, then the index from the names of the files. */
import type { BlockId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Disk } from '../../ports/disk.ts'
import type { StorageKey } from '../../ports/keyring.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Random } from '../../ports/random.ts'
import { OuterSeal } from './block-file.ts'
import { BlockIndex } from './block-index.ts'
import { BlockNames, nameCharacters } from './block-name.ts'
import type { Vault } from './interface.ts'
import { allFolders, folderOf, openError, prepareLayout, unfinishedSuffix } from './layout.ts'
import { defaultLimits, folderCount, partitionsPerFolder, type VaultLimits } from './limits.ts'
import { BlockReader } from './reader.ts'
import { openSealings, type Sealings } from './sealings.ts'
import { FolderVault } from './vault.ts'
import { BlockWriter } from './writer.ts'

export type VaultOptions = {
  readonly disk: Disk
  readonly crypto: Crypto
  readonly random: Random
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Newest last; files are sealed under the newest, older ones still open theirs. */
  readonly storageKeys: readonly StorageKey[]
  /** The world's, 32 bytes: the same on all replicas, in no file and no source. */
  readonly blockNameKey: Uint8Array
  /** `placement.partitionOf`: 0…16,383, the same in every placement epoch. */
  readonly partitionOf: (id: BlockId) => number
  readonly limits?: Partial<VaultLimits>
}

/** What a look through the folders found besides good names. */
type Scan = {
  /** Names of block files whose own hash does not hold; left where they are. */
  readonly strayNames: string[]
  strayCount: number
  /** Files that are no block files, such as those a desktop leaves. */
  foreignCount: number
  /** Blocks sealed under a storage key that this node does not have. */
  keylessCount: number
  /** Files sealed under the newest storage key. */
  sealedCount: number
}

/**
 * Open the vault in the node's data folder; create it if there is none. One process at a time.
 *
 * @throws VaultError `vault/unusable` with the path in words: rights, another format. `vault/full`:
 *   not even room for the folders.
 */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const { disk, crypto, clock, metrics, partitionOf } = options
  const limits = { ...defaultLimits, ...options.limits }
  const random = options.random.fork('vault')
  const log = options.log.for('vault')
  const names = new BlockNames(crypto, options.blockNameKey)
  const seal = new OuterSeal(crypto, random, options.storageKeys)
  const index = new BlockIndex({
    partitionCount: folderCount * partitionsPerFolder,
    partitionOf,
    salt: random.bytes(BlockIndex.saltBytes),
  })
  const startMs = clock.monotonicMs()
  const scan: Scan = {
    strayNames: [],
    strayCount: 0,
    foreignCount: 0,
    keylessCount: 0,
    sealedCount: 0,
  }
  let sealings: Sealings
  try {
    await prepareLayout(disk)
    for (const folder of allFolders) {
      for (const name of await disk.list(folder)) {
        if (name.endsWith(unfinishedSuffix)) {
          await disk.remove(`${folder}/${name}`)
          continue
        }
        const fields = names.parse(name)
        if (fields === undefined || folderOf(partitionOf(fields.id)) !== folder) {
          setAside(name, scan, limits)
          continue
        }
        if (!seal.knows(fields.keyEpoch)) scan.keylessCount += 1
        if (fields.keyEpoch === seal.keyEpoch) scan.sealedCount += 1
        // Of one block under two storage keys (a rewrite was interrupted) the newer counts.
        index.adopt(fields)
      }
    }
    const key = { epoch: seal.keyEpoch, names: scan.sealedCount }
    sealings = await openSealings({ disk, log }, key)
  } catch (error) {
    throw openError(error)
  }
  log.info('vault open', {
    blocks: index.count,
    openMs: Math.round(clock.monotonicMs() - startMs),
    otherFiles: scan.foreignCount,
  })
  reportScan(options, scan)
  const { readsInFlightMax } = limits
  const reader = new BlockReader({ disk, crypto, names, seal, readsInFlightMax })
  const writer = new BlockWriter(disk, limits, sealings)
  const { strayNames, strayCount } = scan
  const strays = { names: strayNames, count: strayCount }
  return new FolderVault({ index, names, seal, reader, writer, partitionOf, log, metrics, strays })
}

/** A name that is none of ours any more, or never was. */
function setAside(name: string, scan: Scan, limits: VaultLimits): void {
  if (name.length * 2 < nameCharacters) {
    scan.foreignCount += 1
    return
  }
  scan.strayCount += 1
  if (scan.strayNames.length < limits.strayNamesMax) scan.strayNames.push(name)
}

function reportScan({ log, metrics }: VaultOptions, scan: Scan): void {
  if (scan.strayCount > 0) {
    log
      .for('vault')
      .warn('block files with changed names; left in place, their blocks count as lost', {
        count: scan.strayCount,
        example: scan.strayNames[0],
      })
    metrics.count('vault.names_changed_total', scan.strayCount)
  }
  if (scan.keylessCount > 0)
    log.for('vault').warn('block files sealed under storage keys that this node does not have', {
      count: scan.keylessCount,
    })
}
