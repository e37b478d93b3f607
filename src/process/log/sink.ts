import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode } from '../../core/errors.ts'

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

/** `closed` means that the reader has gone, the descriptor is not open, or the disk is full. */
type LineResult = 'written' | 'closed'

/** Writes to a file descriptor without blocking the event loop. */
export interface Channel {
  /** One write of up to PIPE_BUF bytes does not mix with the output of the batch. The caller must wait for a promise. */
  write(line: string): LineResult | Promise<LineResult>
}

type Relay = ChildProcessByStdio<Writable, Readable, null>

/**
 * Writes each line of its input to the log in one call, and confirms it by a line end on stdout. It ignores the signals
 * that an operator or systemd sends to all processes of a run. It ends with its input or by SIGPIPE. A write fails if
 * the batch made the shared descriptor non-blocking and the reader is not ready, so the relay tries it again.
 */
const SCRIPT = `trap '' HUP INT QUIT TERM
exec 3>&2 2>/dev/null
while IFS= read -r line; do
  until printf '%s\\n' "$line" >&3; do sleep 0.1 || sleep 1 || exit; done
  echo
done`

/** A shell may block (docs/development/decisions/0004), and ends with this process. If none can start, this one writes. */
export function openRelay(fd: number): Channel {
  let starting: Promise<Relay | null> | null = null
  let hasEnded = false
  let unconfirmed = 0
  let settle: (result: LineResult) => void = () => undefined

  async function start(): Promise<Relay | null> {
    const relay = await startShell(fd)
    if (relay === null) return null
    relay.stdout.on('data', (confirmed: Buffer) => {
      unconfirmed -= confirmed.length
      if (unconfirmed === 0) settle('written')
    })
    for (const emitter of [relay, relay.stdin]) emitter.on('error', () => undefined)
    relay.once('close', () => {
      hasEnded = true
      settle('closed')
    })
    process.once('exit', () => relay.kill('SIGKILL'))
    return relay
  }

  return {
    async write(line) {
      starting ??= start()
      const relay = await starting
      if (relay === null) return writeDirectly(fd, line)
      if (hasEnded) return 'closed'
      return new Promise((resolve) => {
        settle = resolve
        unconfirmed = line.split('\n').length
        relay.stdin.write(`${line}\n`)
      })
    },
  }
}

/** Starts the shell, which takes 3 ms and 0.2 MB of memory. Returns null if there is none, or none can be started. */
async function startShell(fd: number): Promise<Relay | null> {
  // The environment marks the processes of a batch, and this is none of them. Another locale could change bytes.
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' }
  try {
    // `detached` is setsid(), so a signal to the process group of the run does not reach the relay. The folder must
    // exist, otherwise a shell complains in the log.
    const relay = spawn('/bin/sh', ['-c', SCRIPT], { cwd: '/', env, stdio: ['pipe', 'pipe', fd], detached: true })
    await once(relay, 'spawn')
    return relay as Relay
  } catch {
    return null
  }
}

function writeDirectly(fd: number, line: string): LineResult {
  try {
    writeSync(fd, `${line}\n`)
    return 'written'
  } catch {
    return 'closed'
  }
}
