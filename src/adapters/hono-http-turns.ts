/**
 * Requests of one connection, one after another (RFC 9112, 9.3.2): Node hands out each as soon as
 * it is read, while the one before may still be at work, and a client that sends a PUT and then a
 * GET on one connection is to see what it put.
 *
 * What waits is bounded: beyond a few requests no more is read of the connection, and one that
 * brings too many all the same is cut. What is no request any more is refused after those that
 * came whole before it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that wait on a connection before reading from it pauses. */
const waitingCountPause = 16
/** One read of a socket holds fewer, unless they are made for that. */
const waitingCountMax = 1_024

type Exchange = { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse }

type Line = {
  last: Promise<void>
  count: number
  isPausing: boolean
  isPaused: boolean
  running: Exchange | undefined
  /** Set once the connection brings nothing that can be understood: the last word on it. */
  refuse: (() => void) | undefined
}

export class Turns {
  readonly #lines = new WeakMap<Socket, Line>()

  /** Run `work` when all before it on its connection are answered; not at all if that is gone. */
  async run(exchange: Exchange, work: () => Promise<void>): Promise<void> {
    const { socket } = exchange.incoming
    const line = this.#lineOf(socket)
    if (line.count >= waitingCountMax) {
      socket.destroy()
      return
    }
    line.count++
    if (line.count > waitingCountPause) pauseSoon(line, socket)
    const turn = line.last.then(() => take(line, exchange, work))
    line.last = turn.then(
      () => leave(line, socket),
      () => leave(line, socket),
    )
    await turn
  }

  /**
   * The rest of the connection is no request: `refuse` is called when what came whole is answered,
   * at once when it is the body of the running request that broke off.
   */
  refuse(socket: Socket, refuse: () => void): void {
    const line = this.#lineOf(socket)
    line.refuse ??= refuse
    if (line.running === undefined ? line.count === 0 : !line.running.incoming.complete) {
      answerLast(line, socket)
    }
  }

  #lineOf(socket: Socket): Line {
    const known = this.#lines.get(socket)
    if (known !== undefined) return known
    const line: Line = {
      last: Promise.resolve(),
      count: 0,
      isPausing: false,
      isPaused: false,
      running: undefined,
      refuse: undefined,
    }
    this.#lines.set(socket, line)
    return line
  }
}

/** Not at once: at the end of each request that it has read, Node reads on. */
function pauseSoon(line: Line, socket: Socket): void {
  if (line.isPausing) return
  line.isPausing = true
  setImmediate(() => {
    line.isPausing = false
    if (line.count <= waitingCountPause) return
    line.isPaused = true
    socket.pause()
  })
}

async function take(line: Line, exchange: Exchange, work: () => Promise<void>): Promise<void> {
  const { incoming, outgoing } = exchange
  const { socket } = incoming
  // Gone, or told that the answer before was the last one.
  if (!socket.writable) return
  if (line.refuse !== undefined && !incoming.complete) {
    answerLast(line, socket)
    return
  }
  const closed = new Promise<void>((resolve) => outgoing.once('close', resolve))
  line.running = exchange
  try {
    await work()
    await closed
  } finally {
    line.running = undefined
  }
}

function leave(line: Line, socket: Socket): void {
  line.count--
  if (line.isPaused && line.count <= waitingCountPause) {
    line.isPaused = false
    socket.resume()
  }
  if (line.count === 0 && line.refuse !== undefined) answerLast(line, socket)
}

function answerLast(line: Line, socket: Socket): void {
  if (!socket.writable || line.running?.outgoing.headersSent === true) socket.destroy()
  else line.refuse?.()
}
