import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConsensusCode, ConsensusError } from '../kernel/consensus/index.ts'
import { JournalCode, JournalError } from '../ports/journal.ts'
import {
  isJournalDamage,
  isJournalMarked,
  markJournal,
  setJournalAside,
} from './damaged-journal.ts'

const journalError = (code: JournalCode): JournalError =>
  new JournalError(code, 'what it says', { path: 'journal' })

test('damage is told from other failures, also by what an error comes from', () => {
  const damage = journalError(JournalCode.Damaged)
  const wrapped = (cause: Error): Error =>
    new ConsensusError(ConsensusCode.JournalFailed, 'stopped', { what: '' }, { cause })
  assert(isJournalDamage(damage))
  assert(isJournalDamage(wrapped(damage)))
  assert(!isJournalDamage(journalError(JournalCode.Failed)))
  assert(!isJournalDamage(wrapped(journalError(JournalCode.Full))))
  assert(!isJournalDamage(undefined))
})

test('a marked journal is set aside under a free name, with all that is in it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'unosys-aside-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const count of [1, 2, 3, 4]) {
    mkdirSync(join(folder, 'journal'))
    writeFileSync(join(folder, 'journal', 'section.sqlite'), `number ${count}`)
    assert(!isJournalMarked(folder))
    writeFileSync(join(folder, 'never-started'), '')
    markJournal(folder, journalError(JournalCode.Damaged))
    assert(isJournalMarked(folder))
    const aside = await setJournalAside(folder)
    assert.equal(aside, join(folder, `journal-damaged-${count}`))
    assert(existsSync(join(aside, 'section.sqlite')))
    assert(!existsSync(join(folder, 'journal')))
    assert(!existsSync(join(folder, 'never-started')), 'it has run before')
  }
  assert.deepEqual(readdirSync(folder).sort(), ['journal-damaged-3', 'journal-damaged-4'])
})
