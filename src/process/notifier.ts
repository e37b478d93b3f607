import { spawn } from 'node:child_process'
import { formatDuration } from '../core/duration.ts'
import { firstLine } from '../core/errors.ts'
import { type Clock, withDeadline } from './clock.ts'
import { signalGroup } from './process-group.ts'

/** What one notification may take, and again what the end of the process waits for all: a webhook answers in seconds. */
export const NOTIFY_TIMEOUT_MS = 10_000
/** Commands at a time. A `check` may have many to start, on a machine that has other work. */
const LANES = 4
/** Of one process. Nobody reads more, and each of them is a process of its own. */
const MAX_NOTICES = 100
/** Of what the command says on stderr: one line of a log. */
const MAX_SAID_CHARS = 300

interface Notice {
  /** What it is about, for the line that tells of a failure. */
  readonly kind: string
  /** What the command reads. */
  readonly input: string
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Notifier {
  /** Has the command started for this, soon. Never waits or throws. */
  send(notice: Notice): void
  /** Waits for all that were sent, and kills what is left when `signal` aborts. Says in a line what went wrong, if anything did. */
  end(signal: AbortSignal): Promise<string | null>
  /** Kills all at once. */
  kill(): void
}

/**
 * Runs `command` by `/bin/sh`, each time with a notice on its stdin, in a process group of its own that is killed at the
 * limit, and when its leader has ended. What becomes of it is nobody's business but that of the line that `end` gives.
 */
export function openNotifier(command: string, clock: Clock): Notifier {
  const over = new AbortController()
  const lanes: Promise<void>[] = Array.from({ length: LANES }, () => Promise.resolve())
  let sent = 0
  let unsent = 0
  let failed = 0
  let first = ''

  async function next(before: Promise<void>, notice: Notice): Promise<void> {
    await before
    const failure = await withDeadline(clock, NOTIFY_TIMEOUT_MS, [over.signal], (signal) =>
      deliver(command, notice, signal),
    )
    if (failure === null) return
    failed += 1
    first ||= `${notice.kind}: ${failure}`
  }

  return {
    send(notice) {
      if (sent === MAX_NOTICES) {
        unsent += 1
        return
      }
      sent += 1
      const lane = sent % LANES
      lanes[lane] = next(lanes[lane] ?? Promise.resolve(), notice)
    },
    async end(signal) {
      const kill = () => over.abort()
      if (signal.aborted) kill()
      else signal.addEventListener('abort', kill, { once: true })
      await Promise.all(lanes)
      // Apart from each other: the limit is no reason why those failed that were sent.
      const said = [
        ...(failed === 0 ? [] : [`${failed} of ${sent} notifications failed; ${first}`]),
        ...(unsent === 0 ? [] : [`${unsent} more were not sent: one process sends ${MAX_NOTICES} at most`]),
      ]
      return said.length === 0 ? null : said.join('; ')
    },
    kill: () => over.abort(),
  }
}

/** Runs the command once, until it has ended or `signal` aborts. Gives why it failed, or null. */
async function deliver(command: string, { input, env }: Notice, signal: AbortSignal): Promise<string | null> {
  if (signal.aborted) return 'no time was left to start the command'
  try {
    // `detached` is setsid(). stdout is the batch's; of stderr the last line is kept, and the rest read and dropped.
    const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['pipe', 'ignore', 'pipe'], detached: true })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-MAX_SAID_CHARS)
    })
    // A command need not read what it is given.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)

    const killGroup = () => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
    }
    const ended = () => child.exitCode !== null || child.signalCode !== null
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      // What it left in the background goes with it, and lets go of stderr.
      child.once('exit', killGroup)
      child.once('close', () => resolve())
      signal.addEventListener('abort', () => {
        // Not once it has ended: the pid may be another's.
        if (!ended()) killGroup()
        resolve()
      })
    })
    child.stdin.destroy()
    child.stderr.destroy()
    if (child.exitCode === 0) return null
    return [ending(child), lastLine(said)].filter(Boolean).join(': ')
  } catch (error) {
    return `the command cannot be started: ${firstLine(error)}`
  }
}

/** `exitCode` and `signalCode` are both null where it was killed a moment ago. */
function ending({ exitCode, signalCode }: { exitCode: number | null; signalCode: string | null }): string {
  if (exitCode !== null) return `exit code ${exitCode}`
  return signalCode ?? `not done within ${formatDuration(NOTIFY_TIMEOUT_MS)}, or what a stop left, and killed`
}

function lastLine(text: string): string {
  return /[^\r\n]*$/.exec(text.trimEnd())?.[0] ?? ''
}
