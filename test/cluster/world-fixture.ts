/** Simulated worlds for tests: whole Processors in this process, in virtual time. */
import assert from 'node:assert/strict'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { parseBase32, toHex } from '../../src/base/bytes.ts'
import { SimWorld, type SimWorldOptions } from '../../src/simulator/world.ts'
import { quickCrypto } from '../../src/simulator/world-crypto.ts'
import type { SimRequest, SimResponse } from '../../src/simulator/world-http.ts'

export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const nodeCrypto = createNodeCrypto()

/** What every simulated world of a test is made with; signatures are simulated. */
export const simulated = () =>
  ({ crypto: quickCrypto(nodeCrypto), handshake: noiseHandshake, settle }) as const

/** A world whose Processors are up and linked. */
export async function startedWorld(
  options: Pick<SimWorldOptions, 'seed'> & Partial<SimWorldOptions>,
): Promise<SimWorld> {
  const world = await SimWorld.create({ nodeCount: 4, ...simulated(), ...options })
  await world.start()
  return world
}

export const bytesOf = (length: number, salt = 7): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = (index * salt + (index >> 8)) & 255
  return bytes
}

export const text = ({ body }: Pick<SimResponse, 'body'>): string => new TextDecoder().decode(body)

export const jsonOf = (response: SimResponse): Record<string, unknown> =>
  JSON.parse(text(response)) as Record<string, unknown>

export const pathOf = (path: string): string => `/v1/files${path}`

/** A request that must be answered with one of these statuses. */
export async function expectCall(
  world: SimWorld,
  n: number,
  request: SimRequest & { readonly status?: readonly number[] },
): Promise<SimResponse> {
  const reply = await world.call(n, request)
  const wanted = request.status ?? [200, 201, 204]
  assert(
    wanted.includes(reply.status),
    `${request.method} ${request.path}: ${reply.status} ${text(reply)}`,
  )
  return reply
}

export const put = (
  world: SimWorld,
  n: number,
  path: string,
  options: { readonly body: Uint8Array; readonly headers?: Record<string, string> },
): Promise<SimResponse> => expectCall(world, n, { method: 'PUT', path: pathOf(path), ...options })

export const makeDirectory = (world: SimWorld, n: number, path: string): Promise<SimResponse> =>
  expectCall(world, n, { method: 'PUT', path: `${pathOf(path)}?kind=directory` })

/** The whole content of a file, as Processor `n` gives it. */
export async function get(world: SimWorld, n: number, path: string): Promise<Uint8Array> {
  const reply = await expectCall(world, n, { method: 'GET', path: pathOf(path) })
  assert(reply.whole, `${path}: the body broke off`)
  return reply.body
}

export type BlockFile = {
  /** Processor on whose disk it lies. */
  readonly n: number
  readonly path: string
  readonly id: string
  readonly sizeBytes: number
}

/** All block files of a world, as they lie on the disks. */
export function blockFiles(world: SimWorld): BlockFile[] {
  return world.processors.flatMap(({ n, disk }) =>
    disk.tree
      .files()
      .filter(({ path }) => /^vault\/..\/[^.]*$/.test(path))
      .map(({ path, file }) => {
        const id = parseBase32(path.split('/')[2]?.split('-')[0] ?? '')
        assert(id !== undefined, 'the name of a block file begins with its id')
        return { n, path, id: toHex(id), sizeBytes: file.sizeBytes }
      }),
  )
}

export type MappedBlock = {
  readonly index: number
  readonly id: string
  readonly holders: number[]
}

/** Where the blocks of a file should lie, best holder first. */
export async function blockMap(world: SimWorld, path: string): Promise<MappedBlock[]> {
  const reply = await expectCall(world, 1, { method: 'GET', path: `${pathOf(path)}?view=blocks` })
  return jsonOf(reply).blocks as MappedBlock[]
}

/** A counter, summed over the Processors that run. */
export const total = (world: SimWorld, name: string): number =>
  world.processors
    .filter(({ isUp }) => isUp)
    .reduce((sum, { metrics }) => sum + metrics.get(name), 0)

/** Faults that Processor `n` has reported of Processor `peer`. */
export function faultsOf(world: SimWorld, n: number, peer: number): Record<string, number> {
  const status = world.processor(n).kernel.status()
  return { ...status.processors.find((one) => one.n === peer)?.faults }
}

/** Everybody has executed everything, and holds what he should. */
export function isAtRest(world: SimWorld): boolean {
  const up = world.processors.filter(({ isUp }) => isUp)
  if (!up.every(({ isReady }) => isReady)) return false
  const statuses = up.map(({ kernel }) => kernel.status())
  const height = Math.max(...statuses.map(({ group }) => group.height))
  return statuses.every(
    ({ vault, group, role }) =>
      vault.awaited === 0 &&
      vault.checkedHeight >= height &&
      (role === 'storage' || group.height === height),
  )
}

export const rest = (world: SimWorld): Promise<void> =>
  world.until(() => isAtRest(world), { timeMsMax: 60_000 })
