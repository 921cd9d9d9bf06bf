import { UnosysError } from '../base/error.ts'

export const WorldCode = {
  /** A number or address that no world can have. React: correct it. */
  BadArgument: 'world/bad-argument',
  /** There is a world in the folder already; it is never replaced. React: another folder. */
  Exists: 'world/exists',
  /** The folder holds other things. React: another folder. */
  NotEmpty: 'world/not-empty',
  /** A creation did not come to its end. React: remove the folder, create again. */
  Incomplete: 'world/incomplete',
  /** There is no world in the folder. React: create one, or name the right folder. */
  Missing: 'world/missing',
  /** Made by another version of this program. React: use that version. */
  OtherVersion: 'world/other-version',
  /** A file is not what it should be. React: restore it from a copy. */
  Malformed: 'world/malformed',
  /** The system does not let us read. React: check the rights. */
  Unreadable: 'world/unreadable',
  /** The system does not let us write, or there is no room. React: check rights and space. */
  Unwritable: 'world/unwritable',
} as const
export type WorldCode = (typeof WorldCode)[keyof typeof WorldCode]

export class WorldError extends UnosysError<WorldCode, { readonly path: string }> {}
