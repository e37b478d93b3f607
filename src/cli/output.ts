import { writeSync } from 'node:fs'
import { usageError } from '../core/errors.ts'

/**
 * Puts dead ends in the place of `process.stdout` and `process.stderr`. The first look at the real ones opens them, and
 * that switches a pipe to non-blocking: for every process that shares it, so that a child which writes more than the pipe
 * holds loses output. yargs takes such a look (for the terminal's width) when it is imported.
 */
export function hideStandardStreams(): void {
  for (const name of Object.keys(REAL)) Object.defineProperty(process, name, { value: {}, configurable: true })
}

/** Takes the dead ends away again, for a command that starts no child after all. */
export function showStandardStreams(): void {
  Object.defineProperties(process, REAL)
}

/** The getters, not what they give: that would open the streams. */
const REAL: PropertyDescriptorMap = Object.fromEntries(
  ['stdout', 'stderr'].map((name) => [name, Object.getOwnPropertyDescriptor(process, name) ?? {}]),
)

/** What a pipe holds: an answer of this length does not wait for its reader, where nothing else is in there. */
const PIPE_BYTES = 65_536

/** Prints a command's answer. A reader that has gone away (`| head`) has what it wanted. */
export async function print(text: string): Promise<void> {
  const bytes = Buffer.from(`${text}\n`)
  const written = bytes.length <= PIPE_BYTES ? writeAtOnce(bytes) : 0
  if (written < bytes.length) await write(bytes.subarray(written))
}

/** Without `process.stdout`, which loads all of Node's streams. Gives how much the system took; what is wrong, the stream tells. */
function writeAtOnce(bytes: Buffer): number {
  try {
    return writeSync(1, bytes)
  } catch {
    return 0
  }
}

/**
 * Prints an answer piece by piece, no faster than it is read, and ends `pieces` where nobody reads any more; `toTheEnd`:
 * takes them all the same, without printing them.
 */
export async function printAll(
  pieces: AsyncIterable<string>,
  { toTheEnd }: { readonly toTheEnd: boolean } = { toTheEnd: false },
): Promise<void> {
  let isRead = true
  for await (const piece of pieces) {
    isRead = isRead && (await write(piece))
    if (!isRead && !toTheEnd) return
  }
}

/** Resolves when the system has taken the text; false when its reader has gone away. */
async function write(text: string | Uint8Array): Promise<boolean> {
  const { stdout } = process
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    // The error comes to the callback and, later, as an event too, which would end the process if nobody listened.
    if (!stdout.listeners('error').includes(ignore)) stdout.on('error', ignore)
    stdout.write(text, resolve)
  })
  if (!error) return true
  if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return false
  throw usageError(`standard output takes no more: ${error.message}`)
}

function ignore(): void {}

/** What the terminal that stdout is can show. */
export interface Screen {
  /** Its width; null where stdout is no terminal. */
  readonly columns: number | null
  readonly color: boolean
}

/** The width of a terminal that does not tell its own. */
const USUAL_COLUMNS = 80

export function screenOf(env: Readonly<Record<string, string | undefined>>): Screen {
  const { isTTY, columns } = process.stdout
  if (!isTTY) return { columns: null, color: false }
  return { columns: columns || USUAL_COLUMNS, color: !env['NO_COLOR'] && env['TERM'] !== 'dumb' }
}

/** As many as a page of rows. Items that wait for nothing, as slots without a row, would else come as one group. */
const MAX_GROUP = 100

/** What a table waits for its first group: a person waits that long for a first line without a thought. */
export const PATIENCE_MS = 1_000

/**
 * Items in groups, as they arrive: those of one page make one write, and wait for none of the next page.
 * `idle` resolves when the event loop has nothing left to do at once. The first group is not over before `patience` is: a
 * table's columns are made for it, and a short one, as of a day with one slot, would cut names that there is room for.
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
    // Not awaited: a page may be on its way, and nobody wants it any more.
    void iterator.return?.()
  }
}
