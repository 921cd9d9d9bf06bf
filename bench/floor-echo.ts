/**
 * The floor under a small strong write: one process that makes each message durable and sends it
 * back, without replicas, signatures or agreement. Messages that come during a sync share the next.
 *
 * Forked with a folder; says the rate of single syncs and its port, then serves.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

export type EchoReady = { readonly port: number; readonly syncsPerSecond: number }

/** Of each message. */
export const echoBytes = 256
const syncCount = 500

function syncRate(folder: string): number {
  const file = openSync(join(folder, 'syncs'), 'a')
  const bytes = Buffer.alloc(echoBytes, 1)
  const startMs = performance.now()
  for (let done = 0; done < syncCount; done++) {
    writeSync(file, bytes)
    fdatasyncSync(file)
  }
  const ms = performance.now() - startMs
  closeSync(file)
  return (syncCount / ms) * 1_000
}

async function serve(folder: string): Promise<number> {
  const file = await open(join(folder, 'echo'), 'a')
  let waiting: { readonly socket: Socket; readonly bytes: Buffer }[] = []
  let isSyncing = false
  const sync = async (): Promise<void> => {
    isSyncing = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      await file.writev(batch.map(({ bytes }) => bytes))
      await file.datasync()
      for (const { socket, bytes } of batch) socket.write(bytes)
    }
    isSyncing = false
  }
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes) => {
      waiting.push({ socket, bytes })
      if (!isSyncing) void sync()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

if (process.send !== undefined) {
  const folder = process.argv[2] ?? ''
  const syncsPerSecond = syncRate(folder)
  const ready: EchoReady = { syncsPerSecond, port: await serve(folder) }
  process.send(ready)
  process.on('disconnect', () => process.exit())
}
