/** Errors of ports as sentences for whoever starts a Processor: what is wrong, and what to do. */
import { messageOf, UnosysError } from '../base/error.ts'

const adviceOf: Readonly<Record<string, string>> = {
  'http/address-in-use':
    'the port for the API is in use by another program; stop it, or choose another ' +
    '(--port for a world, --http-port for one Processor)',
  'http/listen-failed': 'the port for the API cannot be opened; choose another',
  'transport/address-in-use':
    'the port for links to other Processors is in use by another program; stop it, or change ' +
    'linkAddress in processor.json (and in those of the other Processors)',
  'transport/listen-failed':
    'the address for links to other Processors cannot be opened; is it one of this machine?',
  'keyring/exposed': 'take the rights of others away, and consider these keys known to them',
  'keyring/missing': 'restore the keyring from a copy: without it this Processor is lost',
  'keyring/malformed': 'restore the keyring from a copy: without it this Processor is lost',
  'journal/locked': 'another process has it open',
  'journal/full': 'make room on the disk, then start again',
  'disk/full': 'make room on the disk, then start again',
  'disk/busy': 'raise the limit on open files, or end other programs',
  'disk/denied': 'check who owns the folder, and its rights',
  'world/missing': 'create a world with "npx unosys world create", or name the right folder',
  'world/unwritable': 'check the rights on the folder, and the room on its disk',
  'world/unreadable': 'check the rights on the folder',
  'world/other-version': 'start it with that version, or use another folder',
}

/** What is wrong, from the error, and what to do, where it does not say it itself. */
export function sentenceOf(error: unknown): string {
  const advice = error instanceof UnosysError ? adviceOf[error.code] : undefined
  return advice === undefined ? messageOf(error) : `${messageOf(error)}: ${advice}`
}
