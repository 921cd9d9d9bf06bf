import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scheduler } from './scheduler.ts'
import { SimLog } from './sim-log.ts'
import { SimProcess } from './sim-process.ts'
import { TraceRecorder } from './trace.ts'

test('log: lines are events of the world, at their virtual time, with node and layer', () => {
  const recorder = new TraceRecorder()
  const settle = (): Promise<void> => Promise.resolve()
  const scheduler = new Scheduler({ settle, onTrace: recorder.listen })
  const log = new SimLog(new SimProcess(scheduler, 'a'))
  scheduler.after(2, () => log.for('vault').warn('slow', { ms: 5, nothing: undefined }), 'x')
  scheduler.step()
  log.debug('plain')
  log.info('plain')
  log.error('plain', { fatal: true })
  assert.deepEqual(
    recorder.lastLines(4).map((line) => line.replace(/ +/g, ' ')),
    [
      ' 2.000 ms log/warn a vault slow ms=5',
      ' 2.000 ms log/debug a plain',
      ' 2.000 ms log/info a plain',
      ' 2.000 ms log/error a plain fatal=true',
    ],
  )
})
