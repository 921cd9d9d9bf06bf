/**
 * One request under an Idempotency-Key. The section keeps what was done by the key alone, and
 * beside it a print of all that was asked: verb, path, options and every byte of the body. So the
 * same request again is answered as before, and another one under the same key is refused. The
 * print covers the key too: equal requests under different keys show nothing in common.
 */
import { assert } from '../../base/assert.ts'
import { compareText, toHex } from '../../base/bytes.ts'
import type { Digest } from '../../base/ids.ts'
import type { Crypto, Sha256Stream } from '../../ports/crypto.ts'
import type { ObjectCall } from '../objects/index.ts'

/** What a command carries of the request that it makes true. */
export type RequestMark = NonNullable<Parameters<ObjectCall['submit']>[1]>

type Asked = Readonly<Record<string, unknown>>

/** Of what nobody can ask: tells whether an id is known, for whatever request. */
const noPrint = '0'.repeat(64) as Digest

export class KeyedRequest {
  readonly #id: Digest
  readonly #printOf: (contentHash: string) => Digest
  readonly #hash: Sha256Stream
  /** Not begun yet. */
  #body: AsyncIterable<Uint8Array> | undefined
  #hashed: string | undefined
  #bodyBytes = 0
  #isFresh = false

  /**
   * @param hashOf keyed hash of a text, by a key that the caller's user alone has.
   * @param asked what is asked but for the body. The order of its names says nothing.
   */
  constructor(
    services: { readonly crypto: Crypto; readonly hashOf: (text: string) => Digest },
    idempotencyKey: string,
    asked: Asked,
  ) {
    const { crypto, hashOf } = services
    this.#id = hashOf(`key\n${idempotencyKey}`)
    const text = canonical(asked)
    this.#printOf = (hashed) => hashOf(`request\n${idempotencyKey}\n${text}\n${hashed}`)
    this.#hash = crypto.sha256Stream()
  }

  /** Passes the request's body on, and takes it into the print on the way. */
  taking(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    this.#body = body
    return this.#pass(body)
  }

  async *#pass(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.#body = undefined
    for await (const chunk of body) {
      this.#take(chunk)
      yield chunk
    }
  }

  /** True once the section was asked and did not know the id. */
  get isFresh(): boolean {
    return this.#isFresh
  }

  /** The section does not know the id: so nothing was done. */
  fresh(): void {
    this.#isFresh = true
  }

  /** True when the body has not been begun: the print of the whole request is not known yet. */
  get isUnread(): boolean {
    return this.#body !== undefined
  }

  /** Read a body that nobody has begun, for the print alone. */
  async readBody(): Promise<void> {
    const body = this.#body
    if (body === undefined) return
    this.#body = undefined
    for await (const chunk of body) this.#take(chunk)
  }

  #take(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.#bodyBytes += chunk.length
  }

  /** Of what was read so far. */
  get bodyBytes(): number {
    return this.#bodyBytes
  }

  /** The id with a print that fits no request. */
  get idOnly(): RequestMark {
    return { id: this.#id, print: noPrint }
  }

  /** To be asked for when the body is read to its end. */
  get mark(): RequestMark {
    assert(!this.isUnread, 'the print covers the body')
    this.#hashed ??= toHex(this.#hash.digest())
    return { id: this.#id, print: this.#printOf(this.#hashed) }
  }
}

/** One text for one meaning: names in order, absent ones left out. */
function canonical(asked: Asked): string {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  given.sort(([a], [b]) => compareText(a, b))
  return JSON.stringify(given)
}
