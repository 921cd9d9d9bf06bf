/** The first and the last step: the world starts, the world stops. */
import type { Tour } from './tour.ts'

/** Start all Processors; each is a process of its own and sees all others. */
export async function startWorld({ world, walk }: Tour): Promise<void> {
  await world.start()
  const all = await Promise.all(world.processors.map((processor) => processor.status()))
  for (const [index, processor] of world.processors.entries()) {
    const status = all[index]
    const others = status?.processors.filter(({ up, self }) => up && !self).length
    walk.seen(
      `Processor ${processor.n}  process ${processor.pid}  ${processor.api}  ${status?.role}, ` +
        `sees ${others} others, height ${status?.group.height}`,
    )
  }
  const pids = new Set(world.processors.map(({ pid }) => pid))
  const count = world.processors.length
  walk.promise(
    'each Processor is a process of its own',
    pids.size === count,
    `${pids.size} processes`,
  )
  const worlds = new Set(all.map((status) => status.world))
  const members = all[0]?.group.members
  walk.promise(
    'all serve one and the same world',
    worlds.size === 1 && all.every(({ ready }) => ready),
    `world ${[...worlds].map((id) => id.slice(0, 16)).join(', ')}…, group of ${members}`,
  )
}

/** Ask every process to stop; each ends by itself and well. */
export async function endWorld({ world, walk }: Tour): Promise<void> {
  const exits = await world.stop()
  const well = exits.filter(({ code }) => code === 0).length
  walk.promise(
    'every Processor stops when it is asked to',
    well === exits.length,
    `${well} ended with code 0`,
  )
}
