/**
 * The flags under which every Processor runs: no code from strings, no `__proto__`, built-in
 * objects that nobody can change. Packages that cannot live with them do not get in.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const flags = [
  '--disallow-code-generation-from-strings',
  '--disable-proto=delete',
  `--import=${new URL('./frozen-builtins.ts', import.meta.url).href}`,
  '--disable-sigusr1',
  '--no-warnings',
]

const script = `
  import { createNodeCrypto } from './node-crypto.ts'
  import { nodeClock } from './node-clock.ts'
  import { nodeRandom } from './node-random.ts'
  import { noiseHandshake } from './noise-handshake.ts'
  import { createPinoLog } from './pino-log.ts'
  import { MemoryMetrics } from './memory-metrics.ts'
  import { createFileKeyring } from './file-keyring.ts'

  const crypto = createNodeCrypto()
  const secret = nodeRandom.fork('x').bytes(32)
  const salt = nodeRandom.bytes(16)
  const hashed = await crypto.argon2id({ password: secret, salt, memoryKib: 64, passes: 1, length: 32 })
  const key = crypto.aeadKey(hashed)
  const nonce = nodeRandom.bytes(12)
  const sealed = crypto.seal({ key, nonce, plaintext: secret, associated: salt })
  const opened = crypto.open({ key, nonce, associated: salt, ...sealed })
  const refused = crypto.open({ key, nonce, associated: nonce, ...sealed })
  const pair = crypto.signKeyPair(secret)
  const digest = crypto.sha256(crypto.hmacSha256(secret, salt), salt)
  const verified = crypto.verify(pair.publicKey, digest, crypto.sign(pair.secretKey, digest))

  const start = (initiator) => noiseHandshake.start({
    initiator, linkKey: crypto.boxKeyPair(nodeRandom.bytes(32)), presharedKey: secret,
    prologue: salt, random: nodeRandom,
  })
  const [alice, bob] = [start(true), start(false)]
  bob.read(alice.write(salt))
  alice.read(bob.write(salt))
  bob.read(alice.write(salt))
  const agreed = crypto.equal(alice.result.sendKey, bob.result.receiveKey)

  await new Promise((resolve) => nodeClock.after(1, resolve))
  const metrics = new MemoryMetrics()
  metrics.count('test.runs')
  const missing = await createFileKeyring('/nonexistent/keyring').load().catch((error) => error.code)
  createPinoLog({ fd: 1 }).for('test').info('done', {
    opened: crypto.equal(opened, secret), refused: refused === undefined, verified, agreed,
    runs: metrics.snapshot()['test.runs'], missing,
  })
`

test('hardened: clock, random, crypto, handshake, keyring, log and metrics run under the flags', async () => {
  const run = promisify(execFile)
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const args = [...flags, '--input-type=module', '--eval', script]
  const { stdout, stderr } = await run(process.execPath, args, { cwd, timeout: 30_000 })
  assert.equal(stderr, '')
  const { time, ...line } = JSON.parse(stdout)
  assert.equal(typeof time, 'string')
  assert.deepEqual(line, {
    level: 'info',
    layer: 'test',
    opened: true,
    refused: true,
    verified: true,
    agreed: true,
    runs: 1,
    missing: 'keyring/missing',
    msg: 'done',
  })
})
