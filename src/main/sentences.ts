/** Errors of ports as sentences for whoever starts a Processor: what is wrong, and what to do. */
import { messageOf, UnosysError } from '../base/error.ts'
import { ProcessorError } from './processor-process.ts'

const adviceOf: Readonly<Record<string, string>> = {
  'http/address-in-use':
    'stop that, or choose another port for the API (--port for a world, --http-port for one ' +
    'Processor)',
  'http/listen-failed': 'choose another port for the API (--port, --http-port)',
  'transport/address-in-use':
    'stop that, or change the address for links to other Processors (linkAddress in ' +
    'processor.json, and in those of the others)',
  'transport/listen-failed':
    'the address for links to other Processors (linkAddress) must be one of this machine',
  'keyring/exposed': 'chmod 600 it, and consider these keys known to them',
  'keyring/missing': 'restore the keyring from a copy: without it this Processor is lost',
  'keyring/malformed': 'restore the keyring from a copy: without it this Processor is lost',
  'journal/locked': 'another process has it open',
  // Only where the others are no quorum: elsewhere it is set aside.
  'journal/damaged':
    'this world has too few members to bring it back: restore the folder journal from a copy',
  'consensus/journal-damaged':
    'this world has too few members to bring it back: restore the folder journal from a copy',
  'consensus/journal-foreign': 'put back the journal that belongs to this Processor',
  'journal/full': 'make room on the disk, then start again',
  'disk/full': 'make room on the disk, then start again',
  'disk/busy': 'raise the limit on open files, or end other programs',
  'disk/denied': 'check who owns the folder, and its rights',
  'world/missing': 'create a world with "npx unosys world create", or name the right folder',
  'world/unwritable': 'give another folder, or check its rights and the room on its disk',
  'world/unreadable': 'check the rights on the folder',
  'world/other-version': 'start it with that version, or use another folder',
}

/** What is wrong, from the error, and what to do, where it does not say it itself. */
export function sentenceOf(error: unknown): string {
  // What a Processor's process said is such a sentence already.
  const isAdvised = error instanceof UnosysError && !(error instanceof ProcessorError)
  const advice = isAdvised ? adviceOf[error.code] : undefined
  return advice === undefined ? messageOf(error) : `${messageOf(error)}; ${advice}`
}
