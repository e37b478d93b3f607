import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import pLimit from 'p-limit'
import { formatDuration } from '../core/duration.ts'
import { firstLine } from '../core/errors.ts'
import type { Environment } from '../core/types.ts'
import { type Clock, onAbort, withDeadline } from './clock.ts'
import { sendSignal } from './process-group.ts'

/** The time limit of one notification, and again the time that the end of the process waits for all. */
export const NOTIFY_TIMEOUT_MS = 10_000
const LANES = 4
/** A run starts its own slot after at most 100 missed ones, and reports on each. Twice as many are too many to read. */
const MAX_SLOTS = 200
/** The end of the command's stderr must fit into one log line. */
const MAX_SAID_CHARS = 300

/** Gives `$1` a pipe as its stdin. Node gives a socket, which no program can open as `/dev/stdin`. */
const WITH_PIPE = 'cat | exec /bin/sh -c "$1"'

interface Notice {
  readonly kind: string
  /** Notices about the same task and slot are delivered one at a time, in the order in which they were sent. */
  readonly slot: string
  readonly input: string
  readonly env: Environment
}

export interface Notifier {
  /** Starts the command for this notice as soon as its turn has come. Never waits or throws. */
  send(notice: Notice): void
  /** Runs the command for this notice at once, for at most `ms` milliseconds. Returns why it failed, or null. */
  deliver(notice: Notice, ms: number): Promise<string | null>
  /** Waits for all notices, until `signal` aborts. Returns a line about the failures, or null. */
  end(signal: AbortSignal): Promise<string | null>
  kill(): void
}

/** Each command has its own process group, which is killed at the time limit or when the command has ended. */
export function openNotifier(command: string, clock: Clock): Notifier {
  const over = new AbortController()
  const limit = pLimit(LANES)
  const slots = new Map<string, Promise<void>>()
  let sent = 0
  let unsent = 0
  let failed = 0
  let first = ''

  async function run(notice: Notice): Promise<void> {
    // The batch starts in this turn of the event loop, and the start of a process would delay it.
    await yieldToEventLoop()
    const start = (signal: AbortSignal) => deliver(command, notice, signal)
    const failure = await withDeadline(clock, NOTIFY_TIMEOUT_MS, [over.signal], start)
    if (failure === null) return
    failed += 1
    first ||= `(event ${notice.kind}): ${failure}`
  }

  return {
    send(notice) {
      const before = slots.get(notice.slot)
      if (slots.size === MAX_SLOTS && before === undefined) {
        unsent += 1
        return
      }
      sent += 1
      slots.set(
        notice.slot,
        Promise.resolve(before).then(() => limit(run, notice)),
      )
    },
    deliver: (notice, ms) => withDeadline(clock, ms, [over.signal], (signal) => deliver(command, notice, signal)),
    async end(signal) {
      onAbort(signal, () => over.abort())
      await Promise.all(slots.values())
      // The two counts are reported separately, because the limit is not why a notification failed.
      const said = [
        ...(failed === 0 ? [] : [`${failed} of ${sent} notifications failed. The first failure ${first}`]),
        ...(unsent === 0
          ? []
          : [`${unsent} more were not sent, because one process notifies about at most ${MAX_SLOTS} slots`]),
      ]
      return said.length === 0 ? null : said.join('. ')
    },
    kill: () => over.abort(),
  }
}

async function deliver(command: string, { input, env }: Notice, signal: AbortSignal): Promise<string | null> {
  if (signal.aborted) return 'there was not enough time to start the command'
  try {
    // `detached` is setsid(). The batch owns stdout, so the command does not get it. The end of stderr is kept, and the
    // rest is read and dropped.
    const child = spawn('/bin/sh', ['-c', WITH_PIPE, '/bin/sh', command], {
      env,
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    })
    // Without descriptors for its pipes, Node makes no streams and only emits the error.
    await once(child, 'spawn')
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-MAX_SAID_CHARS)
    })
    // The command may end without reading its stdin, so we must ignore that error.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)

    const killGroup = () => {
      if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL')
    }
    // The background processes of the command are killed with it, so that they close stderr.
    child.once('exit', killGroup)
    await once(child, 'close', { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
      // We must not kill the group after the command has ended, because its pid may belong to another process.
      if (child.exitCode === null && child.signalCode === null) killGroup()
    })
    child.stdin.destroy()
    child.stderr.destroy()
    if (child.exitCode === 0) return null
    const [lastLine] = /[^\r\n]*$/.exec(said.trimEnd()) ?? []
    return [ending(child), lastLine].filter(Boolean).join(': ')
  } catch (error) {
    return `the command could not be started: ${firstLine(error)}`
  }
}

/** `exitCode` and `signalCode` are both null if the command was killed a moment ago. */
function ending({ exitCode, signalCode }: { exitCode: number | null; signalCode: string | null }): string {
  if (exitCode !== null) return `exit code ${exitCode}`
  return (
    signalCode ??
    `the command did not end in time (${formatDuration(NOTIFY_TIMEOUT_MS)}, or less after a stop) and was killed`
  )
}
