/** Free ports on this machine, for links between the Processors of a new world. */
import { createServer } from 'node:net'
import { portMax } from './world-format.ts'

/** Whether nobody listens on 127.0.0.1 at the port. It may be taken a moment later. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}

/**
 * The first `count` free ports from `from` upwards, without those of `taken`.
 *
 * @returns fewer when there are no more.
 */
export async function freePorts(
  count: number,
  from: number,
  taken: readonly number[],
): Promise<readonly number[]> {
  const found: number[] = []
  for (let port = from; port <= portMax && found.length < count; port++) {
    if (!taken.includes(port) && (await isPortFree(port))) found.push(port)
  }
  return found
}
