import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** Where the log goes. Nothing that its reader does or leaves undone is ever seen by the writer. */
export interface Sink {
  /** Writes `line` and a line end, at once if the reader is ready, else later and in order. Never waits or throws. */
  write(line: string): void
  /** Resolves when all lines are written, or nobody will ever read them, or `budgetMs` has passed. */
  flush(budgetMs: number): Promise<void>
}

/** How soon a slow reader is tried again. A person does not see it, and twenty attempts a second cost nothing. */
const RETRY_MS = 50

/** Lines kept for a slow reader: a run writes a few, a `rerun` of months some hundred, of under 1 KB each. */
const MAX_WAITING_LINES = 1_000

/**
 * A log on the file descriptor `fd`, which it shares with the child. `describeLoss` makes the line that stands where
 * lines were dropped, oldest first, because too many waited.
 *
 * A pipe or terminal that is full would hold up the whole process, heartbeats and signals with it. Switching `fd` to
 * non-blocking would switch the child's too. So it is opened anew: that has flags of its own. Where the system does not
 * allow it (a pipe made by another user, a socket, no /proc), and for files, where an own offset would overwrite what
 * the child wrote, `fd` itself is written to, and a full pipe blocks.
 */
export function openSink(
  fd: number,
  describeLoss: (lines: number) => string = (lines) =>
    `cronledger: ${lines} lines of this log were dropped: slow reader`,
): Sink {
  const target = reopen(fd)
  const waiting: string[] = []
  let lost = 0
  let rest: Buffer = Buffer.alloc(0)
  let closed = false
  let retry: NodeJS.Timeout | null = null

  /** The next line to begin with; the one before has been written to its end, so that lines never mix. */
  function nextLine(): string | undefined {
    if (lost === 0) return waiting.shift()
    const line = describeLoss(lost)
    lost = 0
    return line
  }

  function drain(): void {
    while (!closed) {
      if (rest.length === 0) {
        const line = nextLine()
        if (line === undefined) return
        rest = Buffer.from(`${line}\n`)
      }
      try {
        // One call a line: up to PIPE_BUF bytes the kernel keeps it in one piece, next to the child's output.
        rest = rest.subarray(writeSync(target, rest))
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') {
          retryLater()
          return
        }
        // A reader that went away, a closed descriptor, a full disk: a log must not end a batch.
        closed = true
      }
    }
  }

  function retryLater(): void {
    retry ??= setTimeout(() => {
      retry = null
      drain()
    }, RETRY_MS).unref()
  }

  return {
    write(line) {
      if (closed) return
      waiting.push(line)
      // While a retry is due, the reader is not asked at every line.
      if (retry === null) drain()
      if (waiting.length > MAX_WAITING_LINES) {
        waiting.shift()
        lost += 1
      }
    },
    async flush(budgetMs) {
      drain()
      for (let leftMs = budgetMs; !closed && rest.length > 0 && leftMs > 0; leftMs -= RETRY_MS) {
        await delay(Math.min(RETRY_MS, leftMs))
        drain()
      }
    },
  }
}

function reopen(fd: number): number {
  try {
    const stat = fstatSync(fd)
    if (!stat.isFIFO() && !stat.isCharacterDevice()) return fd
    // NOCTTY: the first process of a container would make the terminal its own, and its hang-up a stop.
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return fd
  }
}
