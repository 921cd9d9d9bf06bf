/**
 * CometBFT #6031: the file that says what was signed last was replaced by a rename, and the folder
 * was not synced: after a power cut the old file was there again, and the node signed twice.
 *
 * Votes rest in the journal here, whose store does that by itself (test/compliance/journal.ts).
 * What is replaced by a rename is the vault's count of sealings, which must not go back either: a
 * nonce could come twice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSealings } from '../../src/kernel/vault/sealings.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { silentLog } from '../../src/simulator/consensus-node.ts'
import { SimDisk } from '../../src/simulator/sim-disk.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'

const seedCount = 60

/** Seeds of which the count that was taken is lost with the power. */
async function lostCounts(mounted: (disk: Disk) => Disk): Promise<number> {
  let lost = 0
  for (let seed = 1; seed <= seedCount; seed++) {
    const disk = new SimDisk({ random: new SimRandom(seed) })
    const before = mounted(disk.mount())
    await before.makeFolder('vault')
    await before.syncFolder('')
    await (await openSealings({ disk: before, log: silentLog }, { epoch: 1, names: 0 })).take()
    disk.crash()
    const count = await disk
      .mount()
      .read('vault/sealings.txt')
      .catch(() => new Uint8Array(0))
    const bound = /at most (\d+)/.exec(new TextDecoder().decode(count))?.[1]
    if (bound === undefined || Number(bound) < 1) lost++
  }
  return lost
}

test('a count that was replaced by a rename is there after a power cut', async () => {
  assert.equal(await lostCounts((disk) => disk), 0)
})

test('and without a sync of the folder some seeds lose it', async () => {
  const forgetful = (disk: Disk): Disk =>
    new Proxy(disk, {
      get: (target, name) =>
        name === 'syncFolder'
          ? (path: string) => (path === '' ? target.syncFolder(path) : Promise.resolve())
          : Reflect.get(target, name).bind(target),
    })
  assert((await lostCounts(forgetful)) > 0)
})
