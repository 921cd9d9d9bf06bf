import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createFileKeyring, writeKeyring } from '../../src/adapters/file-keyring.ts'
import { simKeyring } from '../../src/simulator/sim-keyring.ts'
import { keyringCompliance } from './keyring.ts'

const folder = await mkdtemp(join(tmpdir(), 'unosys-keyring-'))
after(() => rm(folder, { recursive: true }))
let count = 0

keyringCompliance({
  name: 'file-keyring',
  open: async (keys) => {
    const path = join(folder, `keyring-${count++}`)
    await writeKeyring(path, keys)
    return createFileKeyring(path)
  },
})

keyringCompliance({ name: 'sim-keyring', open: async (keys) => simKeyring(keys) })
