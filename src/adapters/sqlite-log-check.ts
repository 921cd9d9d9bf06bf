/**
 * Tells a torn tail of SQLite's write-ahead log from damage before it.
 *
 * SQLite reads its log up to the first frame whose checksum is wrong and takes that for the end: so
 * a bit that turned in the middle makes every later transaction vanish without a word. With
 * `synchronous = FULL` a transaction begins when the one before is on the disk. So after a crash at
 * most one is torn, and behind its first wrong frame the log has at most one frame that ends a
 * transaction (whose header has the database's size), and nothing behind that. More of it was
 * acknowledged, and what is wrong before it is damage.
 *
 * The store empties its log when it is opened, so nothing that an earlier crash left stands there.
 *
 * What cannot be told from a torn tail is damage in the last transaction, and in the frame that
 * ends the one before it.
 *
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
const headerBytes = 32
const frameHeaderBytes = 24
/** The last bit: checksums are over big-endian words. */
const magicLittle = 0x377f0682
const magicBig = 0x377f0683
const saltAt = 16
const checkedOfFrameBytes = 8

type Sums = { readonly first: number; readonly second: number }

/** The log's own checksum: a Fletcher sum over pairs of words, going on from `start`. */
function sumsOf(view: DataView, isLittle: boolean, start: Sums): Sums {
  let { first, second } = start
  for (let at = 0; at + 8 <= view.byteLength; at += 8) {
    first = (first + view.getUint32(at, isLittle) + second) >>> 0
    second = (second + view.getUint32(at + 4, isLittle) + first) >>> 0
  }
  return { first, second }
}

const part = (bytes: Uint8Array, from: number, to: number): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset + from, to - from)

const storedSums = (view: DataView, at: number): Sums => ({
  first: view.getUint32(at),
  second: view.getUint32(at + 4),
})

const isSame = (one: Sums, other: Sums): boolean =>
  one.first === other.first && one.second === other.second

/** What is wrong with a write-ahead log beyond a torn tail; undefined when nothing is. */
export function damageOfLog(log: Uint8Array): string | undefined {
  // The header is on the disk before any frame is written.
  if (log.length < headerBytes + frameHeaderBytes) return undefined
  const header = part(log, 0, headerBytes)
  const magic = header.getUint32(0)
  const isLittle = magic === magicLittle
  const zero = { first: 0, second: 0 }
  let sums = sumsOf(part(log, 0, headerBytes - 8), isLittle, zero)
  if ((!isLittle && magic !== magicBig) || !isSame(sums, storedSums(header, headerBytes - 8))) {
    return 'the header of its log is damaged'
  }
  const frameBytes = frameHeaderBytes + header.getUint32(8)
  const salt = storedSums(header, saltAt)
  let isIntact = true
  let isBehindEnd = false
  for (let at = headerBytes; at + frameBytes <= log.length; at += frameBytes) {
    const frame = part(log, at, at + frameBytes)
    const isOfLog = isSame(storedSums(frame, 8), salt)
    if (isIntact) {
      sums = sumsOf(part(log, at, at + checkedOfFrameBytes), isLittle, sums)
      sums = sumsOf(part(log, at + frameHeaderBytes, at + frameBytes), isLittle, sums)
      isIntact = isOfLog && isSame(storedSums(frame, saltAt), sums)
    }
    if (isIntact || !isOfLog) continue
    if (isBehindEnd) return 'its log is damaged before its end'
    isBehindEnd = frame.getUint32(4) !== 0
  }
  return undefined
}
