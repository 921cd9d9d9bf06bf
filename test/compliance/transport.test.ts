import assert from 'node:assert/strict'
import { createWsTransport } from '../../src/adapters/ws-transport.ts'
import type { Connection, Listener, Transport } from '../../src/ports/transport.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { SimNetwork } from '../../src/simulator/sim-network.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { transportCompliance } from './transport.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const deadlineMs = 10_000

/** The same transport; `closeAll` ends everything that was made through it. */
function tracked(transport: Transport): { transport: Transport; closeAll: () => Promise<void> } {
  const connections: Connection[] = []
  const listeners: Listener[] = []
  return {
    transport: {
      listen: async (address, options, onConnection) => {
        const listener = await transport.listen(address, options, (connection) => {
          connections.push(connection)
          onConnection(connection)
        })
        listeners.push(listener)
        return listener
      },
      dial: async (address, options) => {
        const connection = await transport.dial(address, options)
        connections.push(connection)
        return connection
      },
    },
    closeAll: async () => {
      for (const connection of connections) connection.close('the test is over')
      for (const listener of listeners) await listener.close()
    },
  }
}

transportCompliance({
  name: 'ws-transport',
  open: async () => {
    const { transport, closeAll } = tracked(createWsTransport())
    return {
      near: transport,
      far: transport,
      farAddress: '127.0.0.1:0',
      until: async (condition) => {
        const endMs = performance.now() + deadlineMs
        do {
          await settle()
          assert.ok(performance.now() < endMs, 'not within the deadline')
        } while (!condition())
      },
      close: closeAll,
    }
  },
})

transportCompliance({
  name: 'sim-transport',
  open: async () => {
    const scheduler = new Scheduler({ settle })
    const network = new SimNetwork({ scheduler, random: new SimRandom(1) })
    return {
      near: network.transport(new SimProcess(scheduler, 'near')),
      far: network.transport(new SimProcess(scheduler, 'far')),
      farAddress: 'far:0',
      until: async (condition) =>
        assert.equal(await scheduler.run({ until: condition, timeMsMax: 60_000 }), 'reached'),
      close: async () => {},
    }
  },
})
