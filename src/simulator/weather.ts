import type { Range } from './sim-random.ts'

/**
 * What a network does to messages. TCP keeps order and loses nothing within a connection, so there
 * is no loss of single messages here: packets lost under way show as stalls, and what is really
 * lost is lost by the end of a connection.
 */
export type Weather = {
  /** One way; mostly near `min`, with a long tail up to `max`. */
  readonly delayMs: Range
  /** Chance, per message, of a retransmission that holds it and all behind it. */
  readonly stallChance: number
  readonly stallMs: Range
  /** Chance, per message, that the connection breaks there and a random suffix is lost. */
  readonly cutChance: number
  /** Chance that a dial is refused. */
  readonly dialFailChance: number
  /** Bytes that a sender puts on the line in a millisecond. */
  readonly bytesPerMs: number
  /** Bytes under way that the operating systems of both ends hold; more waits at the sender. */
  readonly windowBytes: number
}

/** A good local network: 0.2 to 2 ms, 100 MB/s, nothing breaks. */
export const calmWeather: Weather = {
  delayMs: { min: 0.2, max: 2 },
  stallChance: 0,
  stallMs: { min: 200, max: 200 },
  cutChance: 0,
  dialFailChance: 0,
  bytesPerMs: 100_000,
  windowBytes: 256 * 1024,
}

/** A bad Internet: long and uneven delays, stalls, broken connections. */
export const roughWeather: Weather = {
  delayMs: { min: 5, max: 300 },
  stallChance: 0.02,
  stallMs: { min: 200, max: 1_500 },
  cutChance: 0.01,
  dialFailChance: 0.1,
  bytesPerMs: 10_000,
  windowBytes: 256 * 1024,
}
