/** First byte of an item of the log. @pure */
export const ItemKind = { Batch: 1, Readmission: 2 } as const
