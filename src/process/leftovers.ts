import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Survivor } from '../core/types.ts'
import type { Clock } from './clock.ts'
import type { Lineage } from './lineage.ts'
import { type ProcessStat, readStat } from './proc.ts'
import { POLL_MS, VANISH_MS } from './process-group.ts'
import { openSearch, type ProcessSearch } from './process-search.ts'
import type { SearchedRun } from './surrounding-runs.ts'

/**
 * The search ends after this many passes that each found nothing while processes were created. Other programs must then
 * have created them, because a pass usually sees even a process that forks and exits as fast as it can.
 */
const MAX_UNSURE_PASSES = 30

/** How long the search waits for a process that is starting a program. On a busy machine, it may not get the CPU for a while. */
const STARTING_MS = 1_000

/**
 * The time in which killed processes must be gone, unless a stop comes. SIGKILL takes seconds where the CPU is short, and
 * processes that replace each other take several rounds.
 */
const KILL_MS = 10_000

interface LeftoverIo {
  readonly clock: Clock
  /** When it aborts, the processes are killed without further delay. */
  readonly halt: AbortSignal
  /** The descendants of the batch that were seen before their parents ended. */
  readonly lineage?: Lineage | undefined
  kill(pid: number, signal: NodeJS.Signals): void
}

interface Found {
  readonly pid: number
  /** Null if the process ended at once. */
  readonly stat: ProcessStat | null
}

/**
 * Ends the processes that are a part of the run, as their environment or their lineage says: SIGTERM, and SIGKILL after `killAfterMs`
 * milliseconds. Returns a process that is still there after that, or null. If processes that replace each other cannot be
 * ended, it returns the one that was seen last. It cannot find a process that this one may not inspect.
 */
export function endLeftovers(run: SearchedRun, killAfterMs: number, io: LeftoverIo): Promise<Survivor | null> {
  return endFound(openSearch(run, io.lineage), killAfterMs, io)
}

/** Ends what the search finds, as `endLeftovers` does. */
export async function endFound(
  search: ProcessSearch,
  killAfterMs: number,
  { clock, halt, kill }: LeftoverIo,
): Promise<Survivor | null> {
  const started = clock.monotonicMs()
  const mayWait = () => !halt.aborted && clock.monotonicMs() < started + killAfterMs
  let left: readonly Found[]
  do {
    left = await look(search, clock, (pid) => {
      kill(pid, 'SIGTERM')
      kill(pid, 'SIGCONT')
    })
    if (left.length === 0) return null
    // We must not look again before these have ended, because a process that they start until then may be their cleanup.
    do await clock.wait(POLL_MS, halt)
    while (left.some(isSame) && mayWait())
  } while (mayWait())

  return killAll(left, search, { clock, halt, kill })
}

/** Kills the known processes and all that the search still finds, while there is time. Returns one that is left. */
async function killAll(
  known: readonly Found[],
  search: ProcessSearch,
  { clock, halt, kill }: LeftoverIo,
): Promise<Survivor | null> {
  const started = clock.monotonicMs()
  const isLate = () => clock.monotonicMs() >= started + (halt.aborted ? VANISH_MS : KILL_MS)
  let left = known.filter(isSame)
  for (;;) {
    // A stopped process starts no other one. So we stop all of them before we kill any, otherwise one could replace
    // another one that was killed.
    for (const { pid } of left) kill(pid, 'SIGSTOP')
    let more: readonly Found[]
    do {
      more = await look(search, clock, (pid) => kill(pid, 'SIGSTOP'))
      left = [...left, ...more]
    } while (more.length > 0 && !isLate())
    if (left.length === 0) return null
    for (const { pid } of left.filter(isSame)) kill(pid, 'SIGKILL')
    while (left.some(isSame) && !isLate()) await clock.wait(POLL_MS)
    if (isLate())
      return survivorOf(left.find(isSame) ?? (await look(search, clock, (pid) => kill(pid, 'SIGKILL'))).at(-1))
    left = left.filter(isSame)
  }
}

/** Calls `onFound` with each process until a pass found something, or until there is nothing to be found. */
async function look(search: ProcessSearch, clock: Clock, onFound: (pid: number) => void): Promise<readonly Found[]> {
  const found: Found[] = []
  const started = clock.monotonicMs()
  for (let unsure = 0; unsure < MAX_UNSURE_PASSES && found.length === 0; ) {
    const seen = search.pass((pid) => {
      onFound(pid)
      found.push({ pid, stat: readStat(pid) })
    })
    if (seen === 'complete') break
    if (seen === 'starting' && clock.monotonicMs() < started + STARTING_MS) {
      await clock.wait(1)
    } else {
      unsure += 1
      await yieldToEventLoop()
    }
  }
  return found
}

/** Returns whether the process still runs. A later process with the same pid has another start time. */
function isSame({ pid, stat }: Found): boolean {
  const now = readStat(pid)
  return now?.living === true && now.startTicks === stat?.startTicks
}

function survivorOf(found: Found | undefined): Survivor | null {
  return found === undefined ? null : { pid: found.pid, command: found.stat?.command ?? 'unknown' }
}
