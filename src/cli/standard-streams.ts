/** Bytes from standard input and to standard output, no faster than the other side takes them. */

/** Resolves when all is handed over, or the reader is gone. */
export async function writeOut(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): Promise<void> {
  const { stdout } = process
  for await (const chunk of chunks) {
    onBytes(chunk.length)
    if (stdout.destroyed) return
    if (stdout.write(chunk)) continue
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdout.off('drain', done).off('close', done)
        resolve()
      }
      stdout.on('drain', done).on('close', done)
    })
  }
}

/** Standard input to its end. */
export async function* readIn(
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    onBytes(chunk.length)
    yield chunk
  }
}

/** A reader that has seen enough (`… | head`) ends the program, without an error of ours. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}
