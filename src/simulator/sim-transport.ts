import { UnosysError } from '../base/error.ts'
import type { Connection, Listener, Transport, TransportOptions } from '../ports/transport.ts'
import type { SimListening, SimNetwork } from './sim-network.ts'
import type { SimProcess } from './sim-process.ts'

/** An unanswered request for a connection is repeated after 1, 2, 4, 8, 16 s, then given up. */
const dialRetryMs = 1_000
const dialTryCountMax = 6

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'))

function refused(address: string, why: string): UnosysError {
  return new UnosysError('transport/unreachable', `cannot reach ${address}: ${why}`, { address })
}

/** One dial under way; settles once. */
type Dial = {
  readonly address: string
  readonly options: TransportOptions & { readonly signal: AbortSignal }
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: UnosysError) => void
  settled: boolean
}

/** The transport of one process of a simulated network. Made by `SimNetwork.transport`. */
export class SimTransport implements Transport {
  readonly #network: SimNetwork
  readonly #process: SimProcess
  readonly #host: string

  constructor(network: SimNetwork, process: SimProcess, host: string) {
    this.#network = network
    this.#process = process
    this.#host = host
  }

  async listen(
    address: string,
    options: TransportOptions,
    onConnection: (connection: Connection) => void,
  ): Promise<Listener> {
    const network = this.#network
    // Left-over work of a dead process may still ask; it gets no answer, as it would from nowhere.
    if (this.#process.state === 'dead') return new Promise(() => {})
    const bound = address.endsWith(':0') ? `${hostOf(address)}:${network.freePort()}` : address
    if (network.listeningAt(bound) !== undefined) {
      const message = `${bound} is in use`
      throw new UnosysError('transport/address-in-use', message, { address: bound })
    }
    const listening: SimListening = {
      address: bound,
      process: this.#process,
      options,
      onConnection: (connection) => onConnection(connection.listener),
    }
    network.addListening(listening)
    return {
      address: bound,
      close: async () => network.removeListening(listening),
    }
  }

  dial(
    address: string,
    options: TransportOptions & { readonly signal: AbortSignal },
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      const onAbort = (): void => this.#fail(dial, 'aborted')
      const dial: Dial = {
        address,
        options,
        resolve: (connection) => {
          signal.removeEventListener('abort', onAbort)
          resolve(connection)
        },
        reject: (error) => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        },
        settled: false,
      }
      if (signal.aborted) this.#fail(dial, 'aborted')
      else {
        signal.addEventListener('abort', onAbort)
        this.#request(dial, 1)
      }
    })
  }

  #fail(dial: Dial, why: string): void {
    if (dial.settled) return
    dial.settled = true
    dial.reject(refused(dial.address, why))
  }

  /** The request leaves; whether it is answered shows where it arrives. */
  #request(dial: Dial, tryCount: number): void {
    const owner = this.#network.ownerOf(dial.address) ?? dial.address
    const delayMs = this.#network.drawDelayMs(this.#process.name, owner)
    this.#network.scheduler.after(
      delayMs,
      () => this.#arrived(dial, tryCount),
      `dial ${dial.address}`,
    )
  }

  #arrived(dial: Dial, tryCount: number): void {
    if (dial.settled || this.#process.state === 'dead') return
    const network = this.#network
    const me = this.#process.name
    const owner = network.ownerOf(dial.address) ?? dial.address
    const unanswered =
      network.isBlocked(me, owner) || network.isBlocked(owner, me) || !network.isHostUp(owner)
    if (unanswered) {
      if (tryCount >= dialTryCountMax) this.#later(owner, () => this.#fail(dial, 'timed out'))
      else
        this.#process.after(
          dialRetryMs * 2 ** (tryCount - 1),
          () => this.#request(dial, tryCount + 1),
          'dial again',
        )
      return
    }
    const listening = network.listeningAt(dial.address)
    if (listening === undefined || network.drawDialFails(me, owner))
      this.#later(owner, () => this.#fail(dial, 'refused'))
    else listening.process.after(0, () => this.#accept(dial, listening), 'accept')
  }

  /** An answer on its way back to the dialler. */
  #later(from: string, task: () => void): void {
    const delayMs = this.#network.drawDelayMs(from, this.#process.name)
    this.#process.after(delayMs, task, 'dial answer')
  }

  #accept(dial: Dial, listening: SimListening): void {
    const network = this.#network
    if (dial.settled || this.#process.state === 'dead') return
    const owner = listening.process.name
    const isFull = network.acceptedCount(listening) >= listening.options.connectionCountMax
    if (isFull || network.listeningAt(dial.address) !== listening) {
      this.#later(owner, () => this.#fail(dial, isFull ? 'too many connections' : 'refused'))
      return
    }
    const connection = network.connect({
      dialler: this.#process,
      diallerAddress: this.#host,
      diallerOptions: dial.options,
      listening,
    })
    listening.onConnection(connection)
    this.#later(owner, () => {
      if (dial.settled) {
        connection.dialler.close('aborted')
        return
      }
      dial.settled = true
      dial.resolve(connection.dialler)
    })
  }
}
