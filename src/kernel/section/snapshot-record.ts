/** A snapshot is a list of records: kind, then what the state's writers write. @pure */

/** Numbers of records. Parts of an object, session or account follow their owner at once. */
export const RecordKind = {
  Header: 1,
  Domain: 2,
  Principal: 3,
  Object: 4,
  Entry: 5,
  Delta: 6,
  Tag: 7,
  Stage: 8,
  Session: 9,
  Result: 10,
  Account: 11,
  Request: 12,
} as const
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind]

/** Of the layout of chunks and records. */
export const snapshotFormat = 3
