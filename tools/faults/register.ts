/**
 * Was this history of one register linearizable? For registers whose writes all write different
 * values, which test workloads can see to, the answer needs no search (Gibbons and Korach 1997, in
 * the form of Golab, Li and Shah 2011).
 *
 * A value's cluster is its write and all reads that returned it. Its zone lies between the earliest
 * end (`f`) and the latest start (`s`) of its operations. With f < s the value must have been the
 * current one during all of (f, s): a forward zone. Otherwise there is one moment for all of the
 * cluster somewhere in (s, f): a backward zone. The history is linearizable if and only if no read
 * ends before its value's write begins, no two forward zones overlap, and no backward zone lies
 * inside a forward one.
 *
 * @pure
 */

/** One operation of a client. Times are any numbers that order invocations and answers. */
export type RegisterOperation = {
  readonly kind: 'read' | 'write'
  readonly value: string
  readonly startedAt: number
  /** Infinity for a write without an answer, or whose answer says that it may have happened. */
  readonly endedAt: number
}

type Cluster = { write: RegisterOperation | undefined; firstEnd: number; lastStart: number }

type Zone = { readonly value: string; readonly from: number; readonly to: number }

/**
 * What is wrong with the history, in words; undefined when it is linearizable.
 *
 * @param initial the value before the first write. Nobody may write it.
 */
export function registerFault(
  operations: readonly RegisterOperation[],
  initial: string,
): string | undefined {
  const clusters = new Map<string, Cluster>()
  const start: RegisterOperation = {
    kind: 'write',
    value: initial,
    startedAt: Number.NEGATIVE_INFINITY,
    endedAt: Number.NEGATIVE_INFINITY,
  }
  for (const operation of [start, ...operations]) {
    const { kind, value, startedAt, endedAt } = operation
    const cluster = clusters.get(value) ?? {
      write: undefined,
      firstEnd: Number.POSITIVE_INFINITY,
      lastStart: Number.NEGATIVE_INFINITY,
    }
    clusters.set(value, cluster)
    if (kind === 'write' && cluster.write !== undefined) return `${value} was written twice`
    if (kind === 'write') cluster.write = operation
    cluster.firstEnd = Math.min(cluster.firstEnd, endedAt)
    cluster.lastStart = Math.max(cluster.lastStart, startedAt)
  }
  for (const { kind, value, endedAt } of operations) {
    if (kind !== 'read') continue
    const write = clusters.get(value)?.write
    if (write === undefined) return `${value} was read and never written`
    if (endedAt < write.startedAt) return `${value} was read before it was written`
  }
  return zonesFault(clusters)
}

function zonesFault(clusters: ReadonlyMap<string, Cluster>): string | undefined {
  const forward: Zone[] = []
  const backward: Zone[] = []
  for (const [value, { firstEnd, lastStart }] of clusters) {
    if (firstEnd < lastStart) forward.push({ value, from: firstEnd, to: lastStart })
    else backward.push({ value, from: lastStart, to: firstEnd })
  }
  forward.sort((a, b) => a.from - b.from)
  for (const [index, zone] of forward.entries()) {
    const before = forward[index - 1]
    if (before !== undefined && before.to > zone.from) {
      return `${before.value} was seen until ${before.to}, and ${zone.value} from ${zone.from}`
    }
  }
  for (const inner of backward) {
    const outer = forward.find((zone) => zone.from < inner.from && inner.to < zone.to)
    if (outer !== undefined) {
      return `${inner.value} happened between ${inner.from} and ${inner.to}, while ${outer.value} stood`
    }
  }
  return undefined
}
