/**
 * Fault 10 of the white paper's ten: messages that are legal and wrong. A member signs with its own
 * keys what is not true; and one exists twice, so that each half of the others hears something
 * else of it. Nobody is misled, and nobody but the liar is accused.
 */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ProcessorProcess, spawnProcessor } from '../../../src/main/processor-process.ts'
import type { Way } from '../../../tools/faults/wires.ts'
import { until } from '../../../tools/tour/until.ts'
import { bytesOf } from '../tour-world.ts'
import { atWork, judge } from './at-work.ts'

const liarProgram = fileURLToPath(
  new URL('../../../tools/faults/programs/liar.ts', import.meta.url),
)
const liar = 3
const noticedMsMax = 90_000
const lies = [
  ...['a wrong result', 'a height that never was', 'a state that never was', 'an old answer'],
  ...['an altered block', 'a block that it does not have', 'silence towards some', 'an old vote'],
]

test('C90: fault 10, legal but wrong: a member that lies in all its answers misleads nobody, and is found out', async (t) => {
  const work = await atWork(t, {
    seed: 10,
    through: (n) => n !== liar,
    start: async (faulty) => {
      faulty.accusations.liars.add(liar)
      await faulty.at(liar).start({ program: liarProgram })
      await faulty.start()
    },
  })
  const { faulty, workload } = work
  await workload.progress(20)
  const path = '/public/lied-about.bin'
  const content = bytesOf(10, 2_000_000)
  await faulty.at(1).client.write(path, content)
  await until('its lies about blocks are noticed', noticedMsMax, async () => {
    for (const n of [1, 2, 4]) {
      const read = await faulty.at(n).client.readAll(path)
      assert(Buffer.from(read).equals(content), `Processor ${n} gives another content`)
    }
    const all = await Promise.all([1, 2, 4].map((n) => faulty.at(n).status()))
    const faults = all.flatMap(({ processors }) => processors.filter(({ n }) => n === liar))
    return faults.some(({ faults: { 'wrong-block': count = 0 } }) => count > 0)
  })
  // Nor where the wires of the others are slow, so that it is the first to answer.
  const { wires } = faulty
  const others = wires.ways().filter(({ from, to }) => from !== liar && to !== liar)
  wires.set(others, { delayMs: 50, jitterMs: 100 })
  await workload.progress(15)
  await judge(t, work, { faults: ['delayed'] })
  const log = readFileSync(join(faulty.at(liar).folder, 'log'), 'utf8')
  for (const lie of lies) assert(log.includes(`"msg":"${lie}"`), `it never told ${lie}`)
})

const doubled = 4
/** Who hears of the double alone. */
const misled = 1

type Config = { linkAddress: string; httpPort: number; peers: { n: number; address: string }[] }

test('C90: fault 10, legal but wrong: a member that exists twice, each half of the others hearing one of the two', async (t) => {
  const work = await atWork(t, { seed: 100, through: (n) => n !== doubled })
  const { faulty, workload, folder } = work
  const { wires } = faulty
  await workload.progress(10)
  // The same keys and the same journal, until now.
  await faulty.kill(doubled)
  faulty.accusations.liars.add(doubled)
  const copy = join(folder, 'double')
  cpSync(faulty.at(doubled).folder, copy, { recursive: true })
  rmSync(join(copy, 'pid'), { force: true })
  const path = join(copy, 'processor.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as Config
  config.linkAddress = '127.0.0.1:0'
  config.httpPort = 0
  for (const peer of config.peers) {
    const isHeard = peer.n === misled
    peer.address = isHeard ? faulty.at(misled).linkAddress : '127.0.0.1:1'
  }
  writeFileSync(path, JSON.stringify(config))
  const between = ({ from, to }: Way): boolean => {
    return [from, to].includes(doubled) && [from, to].includes(misled)
  }
  wires.setDoor(wires.ways().filter(between), 'refused')
  let double: ProcessorProcess | undefined
  t.after(() => double?.kill())
  double = spawnProcessor({ dataFolder: copy, httpPort: 0 })
  await Promise.all([double.ready, faulty.at(doubled).start()])
  await until('all hear one of the two', noticedMsMax, async () => {
    const all = await Promise.all([1, 2, 3].map((n) => faulty.at(n).status()))
    return all.every(({ processors }) => processors.find(({ n }) => n === doubled)?.up)
  })
  await workload.progress(40)
  const all = await Promise.all([1, 2, 3].map((n) => faulty.at(n).status()))
  const reports = all.flatMap(({ processors }) => processors.filter(({ n }) => n === doubled))
  t.diagnostic(`reported of it: ${JSON.stringify(reports.map(({ faults }) => faults))}`)
  await double.kill()
  await judge(t, work, { faults: ['refused'] })
})
