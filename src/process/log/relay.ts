import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { isSea } from 'node:sea'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode } from '../../core/errors.ts'
import type { Channel, LineResult } from './channel.ts'
import { encodeLine, RELAY_WORD, writeWhole } from './relay-lines.ts'

type RelayProcess = ChildProcessByStdio<Writable, Readable, null>

/**
 * Writes each line of its input to the log in one call, and confirms it by a line end on stdout. It ignores the signals
 * that an operator or systemd sends to all processes of a run. It ends with its input or by SIGPIPE. A write fails if
 * the batch made the shared descriptor non-blocking and the reader is not ready, so the relay tries it again.
 */
const SHELL_RELAY = `trap '' HUP INT QUIT TERM
exec 3>&2 2>/dev/null
while IFS= read -r line; do
  until printf '%b\\n' "$line" >&3; do sleep 0.1 || sleep 1 || exit; done
  echo
done`

/**
 * A relay that could not be started is tried again after this time, because the limit of processes may have been
 * reached.
 */
const START_AGAIN_MS = 1_000

/**
 * Writes to `fd` by another process, and only that process may block. It starts with the first line, unless it is
 * prepared, and ends with this process, even if it is blocked. A worker thread cannot do this: it switches stderr to non-blocking when it starts,
 * and the exit of this process waits for its blocked call.
 */
export function openRelay(fd: number): Channel {
  let starting: Promise<RelayProcess | null> | null = null
  let ended = false
  let settle: (result: LineResult) => void = () => undefined

  async function start(): Promise<RelayProcess | null> {
    const relay = await startRelay(fd)
    if (relay === null) return null
    // Only one line is in flight at a time, so each piece of output confirms it.
    relay.stdout.on('data', () => settle('written'))
    for (const emitter of [relay, relay.stdin]) emitter.on('error', () => undefined)
    relay.once('close', () => {
      ended = true
      settle('closed')
    })
    process.once('exit', () => relay.kill('SIGKILL'))
    return relay
  }

  return {
    prepare() {
      starting ??= start()
    },
    async write(line) {
      starting ??= start()
      const relay = await starting
      if (relay === null) {
        // No descriptors are left. The relay of a run starts before its ledger is opened, and that needs more of them. So
        // no batch runs, and this may block.
        starting = null
        return writeDirectly(fd, line)
      }
      if (ended) return 'closed'
      return new Promise((resolve) => {
        settle = resolve
        relay.stdin.write(encodeLine(line))
      })
    },
  }
}

function writeDirectly(fd: number, line: string): LineResult {
  try {
    writeWhole(fd, Buffer.from(`${line}\n`))
    return 'written'
  } catch {
    return 'closed'
  }
}

/**
 * Starts a shell, which takes 3 ms and 0.2 MB of memory. Without a shell it starts Node, which takes 40 ms and 10 MB.
 * Returns null if this process has no descriptors left.
 */
async function startRelay(fd: number): Promise<RelayProcess | null> {
  const node = isSea() ? [] : [process.argv[1] ?? '']
  for (;;) {
    const byShell = await tryToStart('/bin/sh', ['-c', SHELL_RELAY], fd)
    if (typeof byShell === 'object') return byShell
    const byNode = await tryToStart(process.execPath, [...node, RELAY_WORD], fd)
    if (typeof byNode === 'object') return byNode
    if (byNode === 'EMFILE') return null
    await delay(START_AGAIN_MS, undefined, { ref: false })
  }
}

/** Starts the process, or returns the error code of the system. */
async function tryToStart(command: string, args: readonly string[], fd: number): Promise<RelayProcess | string> {
  try {
    // `detached` is setsid(), so a signal to the process group of the run does not reach the relay. The folder must
    // exist, otherwise a shell complains in the log.
    const relay = spawn(command, args, {
      cwd: '/',
      env: relayEnvironment(),
      stdio: ['pipe', 'pipe', fd],
      detached: true,
    })
    await once(relay, 'spawn')
    return relay as RelayProcess
  } catch (error) {
    return String(errorCode(error))
  }
}

/**
 * Returns the environment without the variables that mark a process of a batch, and without the options for a Node of
 * the batch.
 */
function relayEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('CRONLEDGER_') && name !== 'NODE_OPTIONS',
  )
  return Object.fromEntries(kept)
}
