import { readFileSync, readlinkSync } from 'node:fs'
import type { BackgroundProcess, Outcome, ProcessMark, Survivor } from '../core/types.ts'
import type { Clock } from './clock.ts'
import { type ProcessStat, processIds, readEnvironment, readStat } from './proc.ts'
import { POLL_MS, probe, VANISH_MS } from './process-group.ts'
import { isPartOf, type SearchedRun } from './surrounding-runs.ts'

/** The time in which killed processes must be gone, unless a stop comes. SIGKILL takes seconds where the CPU is short. */
const KILL_MS = 10_000

/** A `tee` of the output, for example, ends a moment after the batch. */
const SETTLE_MS = 500

export function markProcess(pid: number): ProcessMark | null {
  const stat = readStat(pid)
  const boot = readBoot()
  if (boot === null || !lives({ pid }, stat)) return null
  return { pid, ...(stat && { startTicks: stat.startTicks }), boot }
}

interface SearchedSlot {
  readonly task: string
  readonly attempts: readonly {
    readonly runId: string
    readonly process?: ProcessMark
    readonly outcome?: Outcome | undefined
  }[]
}

/**
 * Looks for the recorded process of an attempt, and for one that has the run id of an attempt that never reported its end in
 * its environment: a grandchild, for example. An attempt that reported its end may have left processes on purpose.
 */
export function findSurvivor({ task, attempts }: SearchedSlot): Survivor | null {
  const unreported = attempts.filter(({ outcome }) => outcome === undefined || outcome === 'abandoned')
  const boot = readBoot()
  const marks = attempts.flatMap(({ process: mark }) => (mark?.boot === boot ? [mark] : []))
  const marked = marks.find((mark) => mark.pid !== process.pid && lives(mark, readStat(mark.pid)))
  if (marked !== undefined) {
    const isForeign = probe(marked.pid) === 'forbidden' && ({ isForeign: true } as const)
    return { pid: marked.pid, command: readStat(marked.pid)?.command ?? 'unknown', ...isForeign }
  }
  if (unreported.length === 0) return null
  const isPart = (environment: string | null) =>
    environment !== null && unreported.some(({ runId }) => isPartOf(environment, { runId, task }))
  return survivorOf(processesThat(isPart))
}

interface LeftoverIo {
  readonly clock: Clock
  /** When it aborts, the processes are killed without further delay. */
  readonly halt: AbortSignal
  kill(pid: number, signal: NodeJS.Signals): void
}

/**
 * Sends SIGTERM, and SIGKILL after `killAfterMs` milliseconds, to what left the process group. Finds it by its environment, or
 * by the session of the batch. A process that starts another one and ends at every moment may not be found.
 */
export async function endLeftovers(
  run: SearchedRun,
  batchPid: number | null,
  killAfterMs: number,
  { clock, halt, kill }: LeftoverIo,
): Promise<Survivor | null> {
  const isPart = partOf(run, batchPid)
  const found = processesThat(isPart)
  if (found.length === 0) return null
  for (const { pid } of found) {
    kill(pid, 'SIGTERM')
    kill(pid, 'SIGCONT')
  }
  await untilGone(found, () => (halt.aborted ? 0 : killAfterMs), clock)
  const startedMs = clock.monotonicMs()
  const limitMs = () => (halt.aborted ? VANISH_MS : KILL_MS)
  for (;;) {
    // They may have started others before they ended.
    const left = processesThat(isPart)
    if (left.length === 0 || clock.monotonicMs() >= startedMs + limitMs()) return survivorOf(left)
    for (const { pid } of left) kill(pid, 'SIGKILL')
    await untilGone(left, limitMs, clock)
  }
}

export async function findBackground(
  run: SearchedRun,
  batchPid: number | null,
  { clock, halt }: Omit<LeftoverIo, 'kill'>,
): Promise<BackgroundProcess | null> {
  const isPart = partOf(run, batchPid)
  const found = processesThat(isPart)
  if (found.length === 0) return null
  await untilGone(found, () => (halt.aborted ? 0 : SETTLE_MS), clock)
  return survivorOf(processesThat(isPart))
}

function partOf(run: SearchedRun, batchPid: number | null) {
  return (environment: string | null, pid: number): boolean =>
    environment === null ? readStat(pid)?.sessionId === batchPid : isPartOf(environment, run)
}

async function untilGone(processes: readonly ProcessStat[], limitMs: () => number, clock: Clock): Promise<void> {
  const startedMs = clock.monotonicMs()
  while (processes.some((stat) => lives(stat, readStat(stat.pid))) && clock.monotonicMs() < startedMs + limitMs())
    await clock.wait(POLL_MS)
}

/** Returns the living processes for which `isPart` returns true, except this one. The environment is null if it is hidden. */
function processesThat(isPart: (environment: string | null, pid: number) => boolean): readonly ProcessStat[] {
  return processIds().flatMap((pid) => {
    if (pid === process.pid || !isPart(readEnvironment(pid), pid)) return []
    const stat = readStat(pid)
    return stat?.living ? [stat] : []
  })
}

function survivorOf([stat]: readonly ProcessStat[]): BackgroundProcess | null {
  return stat === undefined ? null : { pid: stat.pid, command: stat.command }
}

/** A process that /proc hides lives as long as the kernel knows its pid or its group. It may be a later one. */
function lives({ pid, startTicks }: Pick<ProcessMark, 'pid' | 'startTicks'>, stat: ProcessStat | null): boolean {
  if (stat === null) return [pid, -pid].some((id) => probe(id) !== null)
  return stat.living && (startTicks === undefined || startTicks === stat.startTicks)
}

/** Returns the boot and the PID namespace. 32 bits of the random boot id are enough, and a row must stay small. */
function readBoot(): string | null {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')
    return `${bootId}:${namespace}`
  } catch {
    return null
  }
}
