import { EventEmitter } from 'node:events'
import { fstatSync, writeFileSync, writeSync } from 'node:fs'
import { errorCode, firstLine, LedgerError } from '../core/errors.ts'
import type { Environment } from '../core/types.ts'
import type { Screen } from '../format/table.ts'
import { jsonArray } from '../format/text.ts'

/**
 * For a process that starts a batch, and prints nothing itself. The first access makes a shared pipe non-blocking, so a batch
 * would lose output. yargs and the AWS SDK access it.
 */
export function hideStandardStreams(): void {
  for (const name of ['stdout', 'stderr']) {
    const value = Object.assign(new EventEmitter(), { write: () => true })
    Object.defineProperty(process, name, { value, configurable: true })
  }
}

/** The capacity of a pipe, in bytes. A shorter answer does not wait for its reader if the pipe is empty. */
const PIPE_BYTES = 65_536

/** It is not an error if the reader has closed the pipe (`| head`). Throws a `LedgerError` if standard output fails otherwise. */
export async function print(text: string): Promise<void> {
  const bytes = Buffer.from(`${text}\n`)
  let written = 0
  try {
    // `process.stdout` would load all streams of Node.
    if (bytes.length <= PIPE_BYTES) written = writeSync(1, bytes)
  } catch {
    // The stream reports the error.
  }
  if (written < bytes.length) await write(bytes.subarray(written))
}

/** Prints as fast as the reader reads. If the reader closes the pipe, ends `pieces`, or with `toTheEnd` still takes the others. */
export async function printAll(
  pieces: AsyncIterable<string> | Iterable<string>,
  { toTheEnd }: { readonly toTheEnd: boolean } = { toTheEnd: false },
): Promise<void> {
  let isRead = true
  for await (const piece of pieces) {
    isRead = isRead && (await write(piece))
    if (!isRead && !toTheEnd) return
  }
}

export function printTexts(texts: AsyncIterable<string>, json: boolean, end?: { readonly toTheEnd: boolean }) {
  async function* lines() {
    for await (const text of texts) yield `${text}\n`
  }
  return printAll(json ? jsonArray(texts, (text) => text) : lines(), end)
}

/** Resolves to true when the system has taken all of it, and to false when the reader has gone away. */
async function write(piece: string | Uint8Array): Promise<boolean> {
  try {
    // Node's stream for a file ignores that a disk, which becomes full, has taken only a part.
    if (fstatSync(1).isFile()) writeFileSync(1, piece)
    else await writeToStream(piece)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') return false
    throw new LedgerError('unreachable', `standard output cannot be written: ${firstLine(error)}`)
  }
}

function writeToStream(piece: string | Uint8Array): Promise<void> {
  const { stdout } = process
  return new Promise((resolve, reject) => {
    // The callback gets the error. The stream also emits it later, and without a listener that would end the process.
    if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined)
    stdout.write(piece, (error) => (error ? reject(error) : resolve()))
  })
}

export function screenOf(env: Environment): Screen {
  const { isTTY, columns } = process.stdout
  if (!isTTY) return { columns: null, color: false }
  return { columns: columns || 80, color: !env['NO_COLOR'] && env['TERM'] !== 'dumb' }
}

/** The rows of a page. Without this limit, items that need no read would all arrive in one group. */
const MAX_GROUP = 100

/** How long the first group of a table stays open, so that its columns fit most of the lines. */
export const PATIENCE_MS = 5_000

/**
 * Yields items in groups, as they arrive. `idle` must resolve when the event loop has nothing left to do at once. The first
 * group stays open until `patience` resolves, because the columns of a table are sized for it.
 */
export async function* grouped<T>(
  items: AsyncIterable<T>,
  idle: () => Promise<unknown>,
  patience: Promise<unknown> = Promise.resolve(),
): AsyncGenerator<readonly T[], void, undefined> {
  const iterator = items[Symbol.asyncIterator]()
  let group: T[] = []
  let pause = () => patience.then(idle)
  try {
    for (let next = iterator.next(); ; ) {
      const isFull = group.length === MAX_GROUP
      const arrived =
        group.length === 0 ? await next : isFull ? null : await Promise.race([next, pause().then(() => null)])
      if (arrived === null || arrived.done) {
        if (group.length > 0) yield group
        group = []
        pause = idle
        if (arrived?.done) return
      } else {
        group.push(arrived.value)
        next = iterator.next()
      }
    }
  } finally {
    // We do not wait here: a page may be on its way, and its rows are not needed any more.
    void iterator.return?.()
  }
}
