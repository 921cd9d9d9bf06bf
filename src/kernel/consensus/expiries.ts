/**
 * Expiries make work (PROTOCOL 1.3, 2): the time of the log moves with its blocks, so in an idle
 * group nothing would ever expire. A member whose clock has passed the earliest expiry of the
 * executed state has work, and an empty block moves the time.
 *
 * Clocks differ. A member waits for some seconds after the expiry: by then the clocks of others,
 * whoever leads, have passed it too. Where they have not, the block leaves the state as it was;
 * each such block doubles the pause before this member has work again, so a clock that is hours
 * off costs a few blocks.
 *
 * @pure
 */
import { expiryGraceMs, expiryPauseMsMax, expiryTimerMsMax } from './limits.ts'
import { emit, type Machine } from './state.ts'

/** Upon another earliest expiry of the executed state, by the wall clock; undefined for none. */
export function onExpiry(machine: Machine, atMs: number | undefined): void {
  machine.expiry = { atMs, pauseMs: 0, notBeforeMs: atMs === undefined ? 0 : atMs + expiryGraceMs }
  armExpiry(machine)
}

/** Upon its timer: whatever is due is found by `hasWork`; clocks may have been set meanwhile. */
export function armExpiry(machine: Machine): void {
  const { atMs, notBeforeMs } = machine.expiry
  if (atMs === undefined) {
    emit(machine, { kind: 'timerOff', id: 'expiry' })
    return
  }
  const leftMs = notBeforeMs - machine.now.wallMs
  if (leftMs <= 0) return
  const delayMs = Math.min(leftMs, expiryTimerMsMax)
  emit(machine, { kind: 'timer', id: 'expiry', view: 0, delayMs })
}

/** Upon a block's execution: what was due is gone now, or this block's time was too early. */
export function pauseExpiry(machine: Machine): void {
  const { atMs, notBeforeMs, pauseMs } = machine.expiry
  const { wallMs } = machine.now
  if (atMs === undefined || wallMs < notBeforeMs) return
  const longerMs = Math.min(expiryPauseMsMax, Math.max(expiryGraceMs, 2 * pauseMs))
  machine.expiry = { atMs, pauseMs: longerMs, notBeforeMs: wallMs + longerMs }
  armExpiry(machine)
}
