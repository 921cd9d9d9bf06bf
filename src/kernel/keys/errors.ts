import { UnosysError } from '../../base/error.ts'

/**
 * What can go wrong with keys. That something does not open is no error but the answer
 * `undefined`: the caller knows what it means for the thing that it tried to open.
 */
export const KeyCode = {
  /** The key has sealed as often as is safe. React: give the object (or domain) its next epoch. */
  Exhausted: 'keys/exhausted',
  /** No room for another epoch. React: seal the oldest blocks anew, then drop their epoch. */
  TooManyEpochs: 'keys/too-many-epochs',
} as const
export type KeyCode = (typeof KeyCode)[keyof typeof KeyCode]

export class KeyError extends UnosysError<KeyCode, { readonly countMax: number }> {}
