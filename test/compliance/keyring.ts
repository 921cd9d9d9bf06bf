import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Keyring, NodeKeys } from '../../src/ports/keyring.ts'

export type KeyringSubject = {
  readonly name: string
  /** A keyring that holds these keys. */
  readonly open: (keys: NodeKeys) => Promise<Keyring>
}

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

/** Keys as a node has them after two rotations. */
export const sampleKeys = (): NodeKeys => ({
  nodeSeed: key(1),
  consensusSeed: key(2),
  linkSecret: key(3),
  storageKeys: [
    { epoch: 0, key: key(4) },
    { epoch: 3, key: key(5) },
  ],
  computerKeys: [{ epoch: 2 ** 40, key: key(6) }],
})

/** What every `Keyring` promises. */
export function keyringCompliance({ name, open }: KeyringSubject): void {
  test(`${name}: gives the keys that it was given, newest last`, async () => {
    const keyring = await open(sampleKeys())
    assert.deepEqual(await keyring.load(), sampleKeys())
  })

  test(`${name}: keys belong to the caller, who may wipe them`, async () => {
    const given = sampleKeys()
    const keyring = await open(given)
    const loaded = await keyring.load()
    loaded.nodeSeed.fill(0)
    for (const { key: each } of loaded.storageKeys) each.fill(0)
    assert.deepEqual(await keyring.load(), sampleKeys())
    assert.deepEqual(given, sampleKeys())
    assert.equal(loaded.linkSecret.buffer.byteLength, 32, 'no memory is shared')
  })

  test(`${name}: says in one sentence where the keys rest`, async () => {
    const { notice } = await open(sampleKeys())
    assert.match(notice, /^[A-Z].+\.$/)
    assert.ok(!notice.includes('\n'))
  })
}
