/**
 * Block files made durable through a journal, as barely as it can be done: what came in one turn is
 * appended to a segment under one sync and acknowledged, then laid down as files, unsynced. A full
 * segment's files and folders are synced in the background, as they must be before it is freed.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const segmentBytes = 32 * 1024 * 1024
const segmentsMax = 4
const folderCount = 128
const syncLanes = 8
const nonceBytes = 12
const tagBytes = 16

const writev = promisify(fs.writev)
const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)
const open = promisify(fs.open)
const close = promisify(fs.close)

type Waiting = {
  readonly path: string
  readonly parts: readonly Buffer[]
  readonly done: () => void
}

export class FloorVault {
  readonly #root: string
  readonly #key = createSecretKey(Buffer.alloc(32, 9))
  #queue: Waiting[] = []
  #busy = false
  #segment: number
  #segmentBytes = 0
  #segmentCount = 0
  #paths: string[] = []
  readonly #freeing: Promise<void>[] = []

  constructor(root: string) {
    this.#root = root
    fs.mkdirSync(join(root, 'journal'), { recursive: true })
    for (let folder = 0; folder < folderCount; folder++)
      fs.mkdirSync(join(root, folder.toString(16).padStart(2, '0')))
    this.#segment = this.#openSegment()
  }

  #openSegment(): number {
    return fs.openSync(join(this.#root, 'journal', String(this.#segmentCount++)), 'a', 0o600)
  }

  #pathOf(name: string): string {
    return join(
      this.#root,
      (Number.parseInt(name.slice(0, 2), 16) >> 1).toString(16).padStart(2, '0'),
      name,
    )
  }

  /** Calls back when the block is durable. */
  put(name: string, plain: Uint8Array, done: () => void): void {
    const nonce = randomFillSync(Buffer.allocUnsafe(nonceBytes))
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const sealed = cipher.update(plain)
    cipher.final()
    this.#queue.push({
      path: this.#pathOf(name),
      parts: [nonce, sealed, cipher.getAuthTag()],
      done,
    })
    if (this.#busy) return
    this.#busy = true
    setImmediate(() => {
      this.#drain().catch((error: unknown) => {
        process.nextTick(() => {
          throw error
        })
      })
    })
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const turn = this.#queue
      this.#queue = []
      const parts = turn.flatMap(({ path, parts }) => [Buffer.from(path), ...parts])
      await writev(this.#segment, parts)
      await fdatasync(this.#segment)
      for (const { done } of turn) done()
      for (const { path, parts } of turn) layDown(path, parts)
      for (const part of parts) this.#segmentBytes += part.length
      this.#paths.push(...turn.map(({ path }) => path))
      if (this.#segmentBytes >= segmentBytes) await this.#nextSegment()
    }
    this.#busy = false
  }

  async #nextSegment(): Promise<void> {
    await close(this.#segment)
    if (this.#freeing.length >= segmentsMax - 1) await this.#freeing.shift()
    this.#freeing.push(syncFiles(this.#paths))
    this.#paths = []
    this.#segmentBytes = 0
    this.#segment = this.#openSegment()
  }

  read(name: string): Buffer {
    const file = fs.readFileSync(this.#pathOf(name))
    const decipher = createDecipheriv('aes-256-gcm', this.#key, file.subarray(0, nonceBytes))
    decipher.setAuthTag(file.subarray(-tagBytes))
    const plain = decipher.update(file.subarray(nonceBytes, -tagBytes))
    decipher.final()
    return plain
  }
}

function layDown(path: string, parts: readonly Buffer[]): void {
  const file = fs.openSync(path, 'wx', 0o600)
  fs.writevSync(file, parts)
  fs.closeSync(file)
}

async function syncFiles(paths: readonly string[]): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) await syncOne(path)
  }
  await Promise.all(Array.from({ length: syncLanes }, lane))
  await Promise.all([...new Set(paths.map((path) => join(path, '..')))].map(syncOne))
}

async function syncOne(path: string): Promise<void> {
  const file = await open(path, 'r')
  await fsync(file)
  await close(file)
}
