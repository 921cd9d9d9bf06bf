/**
 * Timers: they move the group along when members or messages are missing. Nothing about safety
 * rests on them.
 *
 * A leader whose last view came to nothing gets a fraction of the time in its next one: a liar that
 * proposes nothing, or nothing that can be voted for, would otherwise cost everybody 2Δ in each of
 * its views. It gets the whole time again after a view that was notarized, and else now and then,
 * since bad weather may have been all that was wrong; so it does while more members than may lie
 * are in that state. And Δ doubles as ever while nothing is finalized.
 *
 * @pure
 */

import { relayFinal } from './certificates.ts'
import { armExpiry } from './expiries.ts'
import { onFetchTimer } from './fetch.ts'
import { hastyPart } from './limits.ts'
import { byzBound } from './quorum.ts'
import { retry } from './recovery.ts'
import { deltaMs, emit, hasWork, leaderOf, type Machine } from './state.ts'
import type { TimerId } from './types.ts'
import { castVote } from './votes.ts'

/** After so many views that came to nothing it has the whole time once. */
const patientEvery = 16
/** Longest pause, in Δ0, before votes of a view that was given up are sent again. */
const retryDeltas = 4

const viewTimers: readonly TimerId[] = ['lead', 'advance', 'skip', 'retry', 'nudge']

/** Upon anything: a view with work has its timers, a view without has none. */
export function arm(machine: Machine): void {
  const { view } = machine
  if (!hasWork(machine)) {
    if (machine.armedView !== 0)
      for (const id of viewTimers) emit(machine, { kind: 'timerOff', id })
    machine.armedView = 0
    machine.nudgeTimerView = 0
    return
  }
  if (machine.armedView === view) return
  machine.armedView = view
  const nullified = machine.rounds.get(view)?.mine.nullify !== undefined
  if (nullified) {
    startRetry(machine)
    return
  }
  set(machine, 'lead', 2 * patienceMs(machine, view))
  armSkip(machine)
}

/** Δ, or less of it for a leader that has wasted its last view. */
function patienceMs(machine: Machine, view: number): number {
  const { setup, lostViews } = machine
  const leader = leaderOf(setup, view)
  const lost = lostViews[leader] ?? 0
  const isHasty = leader !== setup.self && lost > 0 && lost % patientEvery !== 0
  const isWeather = lostViews.filter((count) => count > 0).length > byzBound(setup.config)
  return isHasty && !isWeather ? deltaMs(machine, view) / hastyPart : deltaMs(machine, view)
}

function set(machine: Machine, id: TimerId, delayMs: number): void {
  emit(machine, { kind: 'timer', id, view: machine.view, delayMs })
}

/**
 * What is sent again is votes, a few hundred bytes: so it does not wait as long as views do. After
 * trouble, what was lost in it is what everybody waits for.
 */
function startRetry(machine: Machine): void {
  const { delta0Ms } = machine.setup
  set(machine, 'retry', Math.min(3 * deltaMs(machine, machine.view), retryDeltas * delta0Ms))
}

/**
 * A leader without a link need not be waited for while a quorum without it can be reached. A short
 * moment remains, since a link may only be changing its connection.
 */
export function armSkip(machine: Machine): void {
  if (machine.armedView === machine.view && leaderIsGone(machine))
    set(machine, 'skip', machine.setup.delta0Ms / 4)
}

function leaderIsGone(machine: Machine): boolean {
  const { setup, up, view } = machine
  const leader = leaderOf(setup, view)
  if (leader === setup.self || up[leader] === true) return false
  const reachable = up.filter((isUp, index) => isUp && index !== setup.self).length
  return reachable + 1 >= setup.context.quorum
}

/** Upon a timer. Those of views that were left mean nothing. */
export function onTimer(machine: Machine, id: TimerId, view: number): void {
  if (id === 'relay') relayFinal(machine)
  if (id === 'fetch') onFetchTimer(machine)
  if (id === 'expiry') armExpiry(machine)
  if (view !== machine.view || machine.armedView !== view) return
  const mine = machine.rounds.get(view)?.mine
  switch (id) {
    case 'lead':
      // Having notarized, give the votes of others one more Δ.
      if (mine?.notarize === undefined) nullify(machine)
      else set(machine, 'advance', patienceMs(machine, view))
      return
    case 'advance':
      nullify(machine)
      return
    case 'skip':
      if (mine?.notarize === undefined && leaderIsGone(machine)) nullify(machine)
      return
    case 'retry':
      retry(machine)
      startRetry(machine)
      return
    case 'nudge':
      machine.nudgedView = view
      machine.changed = true
      return
  }
}

/** Give the current view up. A finalize vote in it is impossible: its notarization left it. */
function nullify(machine: Machine): void {
  const { view } = machine
  const mine = machine.rounds.get(view)?.mine
  if (mine?.nullify !== undefined) return
  if (!machine.muted) castVote(machine, { kind: 'nullify', view, digest: undefined })
  if (machine.setup.mutation === 'nullify-left-view' && view > 1)
    castVote(machine, { kind: 'nullify', view: view - 1, digest: undefined })
  startRetry(machine)
}
