import { UnosysError } from '../../base/error.ts'

export const SectionCode = {
  /** A genesis document, snapshot or page is not what it claims. React: do not use its source. */
  Malformed: 'section/malformed',
  /** The requested root of a listing is not served any more. React: confirm a newer root. */
  RootGone: 'section/root-gone',
} as const
export type SectionCode = (typeof SectionCode)[keyof typeof SectionCode]

export class SectionError extends UnosysError<SectionCode, { readonly what: string }> {}
