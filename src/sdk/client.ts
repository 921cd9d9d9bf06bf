/** The client of applications: one Processor, one token, every verb of the HTTP API. */
import { aborted, type Content, collected, incoming, outgoing } from './bodies.ts'
import { SdkCode, UnosysApiError } from './errors.ts'
import type {
  BlockMap,
  CallOptions,
  ChangeOptions,
  ClientOptions,
  CreateOptions,
  FileContent,
  FileInfo,
  Listing,
  ReadOptions,
  Status,
  WriteOptions,
} from './interface.ts'
import { routeOf } from './paths.ts'
import { type Request, Requester } from './request.ts'

/**
 * Files and directories of a world, through the Processor on this machine. For Node and browsers.
 * Paths are absolute (`/public/a.txt`) and mean the same at every Processor.
 *
 * Every call fails with `UnosysApiError`.
 */
export class UnosysClient {
  readonly #requester: Requester

  constructor(options: ClientOptions) {
    this.#requester = new Requester(options)
  }

  /** How the Processor and its world are. */
  status(options: CallOptions = {}): Promise<Status> {
    return this.#json<Status>({ method: 'GET', route: '/v1/status', options })
  }

  /** What is at a path: file, directory or volume. */
  stat(path: string, options: CallOptions = {}): Promise<FileInfo> {
    const query = { view: 'info' }
    return this.#json<FileInfo>({ method: 'GET', route: routeOf(path), query, options })
  }

  /** Whether something is at a path. */
  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options)
      return true
    } catch (error) {
      if (error instanceof UnosysApiError && error.code === 'filesystem/not-found') return false
      throw error
    }
  }

  /** Everything in a directory, page by page as it is consumed. */
  async *list(
    path: string,
    options: CallOptions & { readonly pageSize?: number } = {},
  ): AsyncGenerator<FileInfo, void, undefined> {
    let cursor: string | undefined
    do {
      const at = cursor === undefined ? {} : { cursor }
      const page = await this.listPage(path, { ...options, ...at })
      yield* page.entries
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  /** One page of a directory, with the directory itself and where the next page begins. */
  listPage(
    path: string,
    options: CallOptions & { readonly pageSize?: number; readonly cursor?: string } = {},
  ): Promise<Listing> {
    const query = { limit: options.pageSize ?? 1_000, cursor: options.cursor }
    return this.#json<Listing>({ method: 'GET', route: routeOf(path), query, options })
  }

  /** Open a file for reading, whole or a range. Reads one version to its end. */
  async read(path: string, options: ReadOptions = {}): Promise<FileContent> {
    const { signal } = options
    const response = await this.#requester.send({
      method: 'GET',
      route: routeOf(path),
      query: { view: 'content' },
      headers: { range: rangeOf(options) },
      options,
    })
    if (response.headers.get('unosys-kind') !== 'file') {
      await response.body?.cancel()
      throw new UnosysApiError('filesystem/wrong-kind', `${path} is a directory`, {
        status: response.status,
        detail: { is: 'directory' },
      })
    }
    return { ...extentOf(response), bytes: incoming(response, signal) }
  }

  /** The bytes of a file or range, at once; for what fits into memory. */
  async readAll(path: string, options: ReadOptions = {}): Promise<Uint8Array> {
    return collected((await this.read(path, options)).bytes)
  }

  /** Create or replace a whole file. Readers see the old file or the new one, never a part. */
  write(path: string, content: Content, options: WriteOptions = {}): Promise<FileInfo> {
    const { blockBytes, replicas, parents, sizeBytes } = options
    return this.#json<FileInfo>({
      method: 'PUT',
      route: routeOf(path),
      query: { blockBytes, replicas, parents },
      body: outgoing(content, sizeBytes),
      options,
    })
  }

  /** Write inside an existing file. Beyond its end, zeros stand between. Atomic. */
  patch(
    path: string,
    content: Content,
    options: ChangeOptions & { readonly at: number; readonly sizeBytes?: number },
  ): Promise<FileInfo> {
    return this.#patchBytes(path, content, options)
  }

  /** Add to the end of an existing file. Atomic. */
  append(
    path: string,
    content: Content,
    options: ChangeOptions & { readonly sizeBytes?: number } = {},
  ): Promise<FileInfo> {
    return this.#patchBytes(path, content, { ...options, at: 'end' })
  }

  /** Set the length of a file: cut it, or extend it with zeros. */
  truncate(path: string, size: number, options: ChangeOptions = {}): Promise<FileInfo> {
    return this.#change(path, { op: 'truncate', size }, options)
  }

  /** Move a file or directory, atomically. `replace` allows an existing file at `to`. */
  rename(
    from: string,
    to: string,
    options: ChangeOptions & { readonly replace?: boolean } = {},
  ): Promise<FileInfo> {
    const replace = options.replace === undefined ? {} : { replace: options.replace }
    return this.#change(from, { op: 'rename', to, ...replace }, options)
  }

  /** Make a directory. With `parents`, an existing one is no error. */
  mkdir(path: string, options: ChangeOptions & CreateOptions = {}): Promise<FileInfo> {
    return this.#make('directory', path, options)
  }

  /** Make a volume: a directory under `/` that brings its own defaults. */
  makeVolume(
    path: string,
    options: ChangeOptions & Omit<CreateOptions, 'parents'> = {},
  ): Promise<FileInfo> {
    return this.#make('volume', path, options)
  }

  /** Remove a file, or an empty directory or volume. */
  async remove(path: string, options: ChangeOptions = {}): Promise<void> {
    await this.#requester.send({ method: 'DELETE', route: routeOf(path), options })
  }

  /** Which Processors, by number, hold the blocks of a file. */
  blockMap(
    path: string,
    options: CallOptions & { readonly fromBlock?: number; readonly countMax?: number } = {},
  ): Promise<BlockMap> {
    const query = { view: 'blocks', fromBlock: options.fromBlock, limit: options.countMax }
    return this.#json<BlockMap>({ method: 'GET', route: routeOf(path), query, options })
  }

  #make(
    kind: 'directory' | 'volume',
    path: string,
    options: ChangeOptions & CreateOptions,
  ): Promise<FileInfo> {
    const { blockBytes, replicas, parents } = options
    const query = { kind, blockBytes, replicas, parents }
    return this.#json<FileInfo>({ method: 'PUT', route: routeOf(path), query, options })
  }

  #patchBytes(
    path: string,
    content: Content,
    options: ChangeOptions & { readonly at: number | 'end'; readonly sizeBytes?: number },
  ): Promise<FileInfo> {
    return this.#json<FileInfo>({
      method: 'PATCH',
      route: routeOf(path),
      query: { at: options.at },
      headers: { 'content-type': 'application/octet-stream' },
      body: outgoing(content, options.sizeBytes),
      options,
    })
  }

  #change(path: string, change: object, options: ChangeOptions): Promise<FileInfo> {
    return this.#json<FileInfo>({
      method: 'PATCH',
      route: routeOf(path),
      headers: { 'content-type': 'application/json' },
      body: outgoing(JSON.stringify(change)),
      options,
    })
  }

  async #json<Body>(request: Request): Promise<Body> {
    const response = await this.#requester.send(request)
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    if (isJson) return (await jsonOf(response, request.options.signal)) as Body
    await response.body?.cancel()
    const message = 'the answer is not JSON; is this the address of a Processor?'
    throw new UnosysApiError(SdkCode.BadAnswer, message, { status: response.status })
  }
}

/** An answer that breaks off leaves open what it would have told, not what was done. */
async function jsonOf(response: Response, signal: AbortSignal | undefined): Promise<unknown> {
  try {
    return await response.json()
  } catch (error) {
    if (signal?.aborted === true) throw aborted(error)
    const { status } = response
    const message = 'the answer broke off; what was asked for may have happened'
    throw new UnosysApiError(SdkCode.CutOff, message, { status, cause: error })
  }
}

function rangeOf({ start = 0, end }: ReadOptions): string | undefined {
  if (end !== undefined && (start < 0 || end <= start)) {
    const message = 'a range is [start, end) with start < end, or a negative start alone'
    throw new UnosysApiError('filesystem/bad-range', message, { status: 416 })
  }
  if (start < 0) return `bytes=${start}`
  if (end !== undefined) return `bytes=${start}-${end - 1}`
  return start === 0 ? undefined : `bytes=${start}-`
}

function extentOf(response: Response): Omit<FileContent, 'bytes'> {
  const etag = response.headers.get('etag') ?? ''
  const length = Number(response.headers.get('content-length') ?? 0)
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '')
  if (match === null) return { etag, sizeBytes: length, start: 0, end: length }
  const [, first, last, size] = match
  return { etag, sizeBytes: Number(size), start: Number(first), end: Number(last) + 1 }
}
