/** Strangers that speak to a Processor's port for links: noise, made-up frames, recorded talk. */
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { linkPath } from '../../src/adapters/ws-listen.ts'

export type Answer = {
  /** Bytes that came back. */
  readonly bytes: Buffer
  /** Whether the Processor ended the connection; else the stranger gave up. */
  readonly ended: boolean
}

const patienceMs = 15_000

/**
 * Send bytes as they are, one after the other, and listen until the Processor ends the connection.
 *
 * @param address `host:port`
 * @param signal ends the stranger's patience early.
 */
export function speak(
  address: string,
  parts: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<Answer> {
  const [host = '', port] = address.split(':')
  return new Promise((resolve) => {
    const heard: Buffer[] = []
    let ended = true
    const socket = connect({ host, port: Number(port), noDelay: true })
    const giveUp = (): void => {
      ended = false
      socket.destroy()
    }
    const patience = setTimeout(giveUp, patienceMs)
    signal?.addEventListener('abort', giveUp, { once: true })
    socket.on('data', (chunk: Buffer) => heard.push(chunk))
    // A connection that is reset is ended, too.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(patience)
      signal?.removeEventListener('abort', giveUp)
      resolve({ bytes: Buffer.concat(heard), ended })
    })
    socket.on('connect', async () => {
      for (const part of parts) {
        if (!socket.writable) return
        socket.write(part)
        // As messages of their own, as they were recorded.
        await wait(5)
      }
    })
  })
}

/** Open a WebSocket as a Processor does, and send these messages. */
export function speakFrames(
  address: string,
  messages: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve) => {
    const heard: Buffer[] = []
    let ended = true
    const socket = new WebSocket(`ws://${address}${linkPath}`, { perMessageDeflate: false })
    const giveUp = (): void => {
      ended = false
      socket.terminate()
    }
    const patience = setTimeout(giveUp, patienceMs)
    signal?.addEventListener('abort', giveUp, { once: true })
    socket.on('message', (data: Buffer) => heard.push(data))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      clearTimeout(patience)
      signal?.removeEventListener('abort', giveUp)
      resolve({ bytes: Buffer.concat(heard), ended })
    })
    socket.on('open', () => {
      for (const message of messages) socket.send(message)
    })
  })
}
