import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'

/** `closed` means that the reader has gone, the descriptor is not open, or the disk is full. */
export type LineResult = 'written' | 'closed'

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
