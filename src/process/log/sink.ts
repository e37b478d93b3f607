import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode } from '../../core/errors.ts'
import { type Channel, type LineResult, openRelay } from './relay.ts'

/** The log of this process. Its writer never waits for its reader. */
export interface Sink {
  /** Writes at once if the reader is ready, otherwise later and in order. Never waits or throws. */
  write(line: string): void
  /** Resolves when all lines are written, when the log accepts no more, or after `budgetMs` milliseconds on an idle machine. */
  flush(budgetMs: number): Promise<void>
}

/** The lines that are kept for a slow reader. A `rerun` of months writes some hundred, each under 1 KB. */
const MAX_WAITING_LINES = 1_000

const FLUSH_POLL_MS = 20

/** This process shares `fd` with the batch. If too many lines wait, one line replaces the oldest ones. */
export function openSink(fd: number, channel: Channel = openChannel(fd)): Sink {
  const waiting: string[] = []
  let lost = 0
  let closed = false
  /** The line that the channel has not accepted yet. The next line waits for it, so that lines never mix. */
  let inFlight: Promise<void> | null = null

  function nextLine(): string | undefined {
    if (lost === 0) return waiting.shift()
    const line = `cronledger: ${lost} lines of this log were dropped: slow reader`
    lost = 0
    return line
  }

  function drain(): void {
    while (!closed && inFlight === null) {
      const line = nextLine()
      if (line === undefined) return
      const result = channel.write(line)
      if (typeof result === 'string') {
        closed = result === 'closed'
      } else {
        inFlight = result.then((later) => {
          inFlight = null
          closed = later === 'closed'
          drain()
        })
      }
    }
  }

  return {
    write(line) {
      if (closed) return
      waiting.push(line)
      drain()
      if (waiting.length > MAX_WAITING_LINES) {
        waiting.shift()
        lost += 1
      }
    },
    async flush(budgetMs) {
      // We must count short waits and not the time. A machine without free CPU is slow to start a relay, and to wake this
      // process from each wait.
      let leftMs = budgetMs
      while (inFlight !== null && leftMs > 0) {
        const waitMs = Math.min(FLUSH_POLL_MS, leftMs)
        if ((await Promise.race([inFlight, delay(waitMs, 'late')])) === 'late') leftMs -= waitMs
      }
    },
  }
}

const READER_POLL_MS = 50

/**
 * Returns a channel for `fd`. The log and the batch share `fd`, so we must not change its flags, otherwise a batch on a
 * non-blocking pipe loses output. This process must not block on `fd` either, otherwise heartbeats and signals would
 * wait for the reader. There are three cases:
 *
 * - A regular file: write to `fd` itself, whose offset the batch shares. A file has no reader to wait for.
 * - A pipe or a terminal: open it a second time. The new description has flags of its own.
 * - Anything else, such as a socket, a pipe of another user, or any pipe without /proc: use a relay, a process that may
 *   block.
 */
function openChannel(fd: number): Channel {
  try {
    const stat = fstatSync(fd)
    if (stat.isFile()) return directTo(fd)
    return stat.isFIFO() || stat.isCharacterDevice() ? directTo(reopen(fd)) : openRelay(fd)
  } catch (error) {
    // EBADF: the descriptor is not open. ENXIO: the pipe has no reader.
    const isClosed = ['EBADF', 'ENXIO'].includes(errorCode(error) ?? '')
    return isClosed ? { write: () => 'closed' } : openRelay(fd)
  }
}

/** Without NOCTTY, the first process of a container takes the terminal, and its hang-up would stop it. */
function reopen(fd: number): number {
  return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
}

function directTo(fd: number): Channel {
  /** Returns the bytes that the reader was not ready for, or null if the descriptor accepts no more. */
  function writeSome(bytes: Buffer): Buffer | null {
    let rest = bytes
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
      return rest
    } catch (error) {
      return errorCode(error) === 'EAGAIN' ? rest : null
    }
  }
  async function writeLater(bytes: Buffer): Promise<LineResult> {
    let rest: Buffer | null = bytes
    while (rest !== null && rest.length > 0) {
      await delay(READER_POLL_MS, undefined, { ref: false })
      rest = writeSome(rest)
    }
    return rest === null ? 'closed' : 'written'
  }
  return {
    write(line) {
      const rest = writeSome(Buffer.from(`${line}\n`))
      if (rest === null) return 'closed'
      return rest.length === 0 ? 'written' : writeLater(rest)
    },
  }
}
