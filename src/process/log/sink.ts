import { setTimeout as delay } from 'node:timers/promises'
import { openChannel } from './open-channel.ts'
import type { Channel } from './relay.ts'

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
