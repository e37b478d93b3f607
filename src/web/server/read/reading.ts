import type { Ledger } from '../../../api.ts'
import { readableRows } from '../../../audit/history.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { LedgerError, quote, usageError } from '../../../core/errors.ts'
import { parseSchedule, type Schedule } from '../../../core/schedule/schedule.ts'
import { nextSlotDue } from '../../../core/task/expected-slots.ts'
import { PACE_ROWS, type Pace, paceOf } from '../../../core/task/rules.ts'
import { type InForce, readableSchedules } from '../../../core/task/schedules-in-force.ts'
import { gapsOf, suspensionAt } from '../../../core/task/suspensions.ts'
import { EMPTY_TASK_RECORD, inForceAt } from '../../../core/task/task-record.ts'
import type { Instant, Row, ScheduleSpec } from '../../../core/types.ts'
import { inWords } from '../../../format/schedule-words.ts'
import { countSlotsIn } from '../../../verdict/found.ts'
import type { JudgedSlot } from '../../../verdict/judge.ts'
import { type WallClock, wallClock } from '../../views/frame/time.tsx'
import type { TaskHead } from '../../views/task/head.tsx'

/** How many slots one view looks at. A year of an hourly task fits, and takes about a second to read from a file. */
export const MAX_SCANNED = 10_000

export interface Reading {
  readonly ledger: Ledger
  readonly ledgerTimeoutMs: number
  readonly now: Instant
  /** The zone in which the reader wants all times. Left out: each task has its own. */
  readonly zone?: string | undefined
  /** Ends the reading when its time is up, or when its result is not needed any more. */
  readonly signal: AbortSignal
}

export interface ReadTask {
  readonly head: TaskHead
  readonly known: KnownTask | null
  /** The schedules that this version can read, oldest first. */
  readonly inForce: readonly InForce[]
  readonly current: Schedule | null
  readonly problem: string | null
}

/** Returns a schedule in words. Returns null when this version cannot read it. */
export function wordsOf(spec: ScheduleSpec): string | null {
  try {
    return inWords(parseSchedule(spec))
  } catch (error) {
    faultOf(error)
    return null
  }
}

/** Parses the schedules of a task record. A schedule that cannot be read becomes the `problem` of the task. */
export function readKnown(known: KnownTask, reading: Pick<Reading, 'now' | 'zone'>): ReadTask {
  const { now } = reading
  const { task, schedules } = known
  let problem: string | null = null
  const inForce = readableSchedules(schedules, (text) => {
    problem ??= text
  })
  const stated = inForceAt(schedules, now)
  const current = inForce.find(({ since }) => since === stated?.since)?.schedule ?? null
  const next = current === null ? null : nextSlotDue(inForce, gapsOf(known), now)
  const head = {
    task,
    clock: clockOf(stated?.spec, reading),
    current: stated === undefined ? null : { spec: stated.spec, words: current && inWords(current) },
    schedules,
    next,
    suspensions: known,
    suspended: suspensionAt(known, now),
    owner: known.expectations?.owner,
    expectations: known.expectations,
  }
  return { head, known, inForce, current, problem }
}

export function taskZone({ schedules }: KnownTask, reading: Reading): Pick<WallClock, 'zone'> {
  return clockOf(inForceAt(schedules, reading.now)?.spec, reading)
}

/** Returns the clock that the reader wants, otherwise that of the zone of a schedule, otherwise that of UTC. */
export function clockOf(spec: ScheduleSpec | undefined, { zone }: Pick<Reading, 'zone'>): WallClock {
  return wallClock(zone ?? spec?.zone ?? 'UTC', zone !== undefined)
}

export function askOptions({ ledgerTimeoutMs, signal }: Reading) {
  return { ledgerTimeoutMs, signal }
}

interface SlotsQuery {
  readonly since?: Instant
  readonly until?: Instant
  readonly limit?: number
}

/** Yields those that were due or have a row, newest first and judged. Memory holds one page of rows. */
export function readJudged(read: ReadTask, query: SlotsQuery, reading: Reading): AsyncGenerator<JudgedSlot> {
  const task = read.known ?? { ...EMPTY_TASK_RECORD, task: read.head.task }
  // A schedule that cannot be read is the problem of the task, which its page shows.
  const options = { task, now: new Date(reading.now), emitProblem: () => {}, ...askOptions(reading) }
  return reading.ledger.slots({ ...options, ...rangeOptions({ since: 0, ...query }) })
}

/** Returns the pace of a task from its newest rows. */
export function paceIn({ head: { task }, inForce }: Pick<ReadTask, 'head' | 'inForce'>, rows: readonly Row[]): Pace {
  return paceOf(rows, countSlotsIn({ task, inForce }))
}

/** Reads the newest rows before an instant that say how long the slots of a task usually take. */
export async function readPaceRows(task: string, until: Instant, reading: Reading): Promise<readonly Row[]> {
  const options = { task, ...rangeOptions({ until, limit: PACE_ROWS }), ...askOptions(reading) }
  return readableRows(reading.ledger.history(options))
}

function rangeOptions({ since, until, limit }: SlotsQuery) {
  return {
    ...(since !== undefined && { since: new Date(since) }),
    ...(until !== undefined && { until: new Date(until) }),
    ...(limit !== undefined && { limit }),
  }
}

/** Returns the message of an error of one task, which must not hide the others. Throws any other error again. */
export function faultOf(error: unknown): string {
  if (!(error instanceof LedgerError) || error.kind === 'unreachable' || error.kind === 'denied') throw error
  return error.message
}

/** Returns what the address asks for, or null if it has no such part. Throws a usage error if it is not one of `choices`. */
export function choiceOf<T extends string>(name: string, text: string | undefined, choices: readonly T[]): T | null {
  if (!text) return null
  const choice = choices.find((one) => one === text.toLowerCase())
  if (choice !== undefined) return choice
  throw usageError(`${name} ${quote(text)} is not allowed. Use one of ${choices.join(', ')}.`)
}
