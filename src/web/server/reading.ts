import { resolve } from 'node:path'
import type { Ledger } from '../../api.ts'
import type { KnownTask } from '../../audit/tasks.ts'
import { LedgerError } from '../../core/errors.ts'
import { dueKeys, type InForce, type RowsOf, withMissed } from '../../core/row/expected-slots.ts'
import { parseSchedule, type Schedule } from '../../core/schedule/schedule.ts'
import { slotAfter } from '../../core/schedule/slot.ts'
import type { Instant, ScheduleSpec, StoredRow } from '../../core/types.ts'
import { inWords } from '../../format/schedule-words.ts'
import type { MarkedSlot } from '../views/history-table.tsx'
import { type MarkSettings, markOf } from '../views/marks.ts'
import type { ScheduleChange, TaskHead } from '../views/task.tsx'
import { type WallClock, wallClock } from '../views/wall-clock.ts'

/** What the views are read from, and as of when. */
export interface Reading extends MarkSettings {
  readonly ledger: Ledger
  /** How long one request to the ledger may take. */
  readonly ledgerTimeoutMs: number
  /** As `check` takes it: a first attempt that started later than this after its slot is late; left out: never. */
  readonly lateAfterMs?: number | undefined
  /** Ends the reading: its whole time is up, or nobody waits for it. */
  readonly signal: AbortSignal
}

/** The name of the ledger as a command anywhere on this machine takes it. */
export function storeAnywhere(store: string): string {
  return store.startsWith('file:') ? `file:${resolve(store.slice('file:'.length))}` : store
}

/** What the registry knows of a task, read into schedules. */
export interface ReadTask {
  readonly head: TaskHead
  /** Those that this version can read, oldest first. */
  readonly inForce: readonly InForce[]
  /** The one in force; null where there is none that can be read. */
  readonly current: Schedule | null
  /** What is wrong with a schedule, null where nothing is. */
  readonly problem: string | null
}

/** A schedule in words; null where this version cannot read it. */
export function wordsOf(spec: ScheduleSpec): string | null {
  try {
    return inWords(parseSchedule(spec))
  } catch (error) {
    faultOf(error)
    return null
  }
}

export function readKnown({ task, schedules }: KnownTask, now: Instant): ReadTask {
  const inForce: InForce[] = []
  let problem: string | null = null
  const changes = schedules.map(({ since, spec }): ScheduleChange => {
    try {
      const schedule = parseSchedule(spec)
      inForce.push({ since, schedule })
      return { since, spec, words: inWords(schedule) }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      problem ??= error.message
      return { since, spec, words: null }
    }
  })
  const last = inForce.at(-1)
  const current = changes.at(-1)?.words == null ? null : (last?.schedule ?? null)
  const next = current === null ? null : slotAfter(current, now)
  const head = {
    task,
    clock: clockOf(schedules.at(-1)?.spec),
    current: changes.at(-1) ?? null,
    schedules: changes,
    next,
  }
  return { head, inForce, current, problem }
}

/** The tasks one after another, each read when it is taken: their schedules take far more memory than what was listed. */
export function readAll(tasks: readonly KnownTask[], { now }: Reading): Iterable<ReadTask> {
  return {
    *[Symbol.iterator]() {
      for (const task of tasks) yield readKnown(task, now)
    },
  }
}

export function clockOf(spec: ScheduleSpec | undefined): WallClock {
  return wallClock(spec?.zone ?? 'UTC')
}

/** How the ledger is asked. */
export function askOptions({ ledgerTimeoutMs, signal }: Reading) {
  return { ledgerTimeoutMs, signal }
}

interface SlotsQuery {
  readonly since?: Instant
  readonly until?: Instant
  readonly limit?: number
}

/** The slots of a task that are due by now or have a row, in `[since, until)`, newest first. Memory holds a page of rows. */
export async function* readSlots(
  { head: { task }, inForce }: ReadTask,
  query: SlotsQuery,
  reading: Reading,
): AsyncGenerator<MarkedSlot, void, undefined> {
  const dueUntil = Math.min(query.until ?? Number.POSITIVE_INFINITY, reading.now + 1)
  const due = dueKeys([{ task, schedules: inForce }], query.since ?? 0, dueUntil)
  const later: RowsOf = (task, since, until) => readRows(task, { since, until }, reading)
  for await (const { row, missed } of withMissed(due, readRows(task, query, reading), true, later)) {
    const record = row === null ? { slot: missed.slot, row } : { slot: row.slot, row }
    yield { ...record, mark: markOf(record, reading) }
  }
}

function readRows(task: string, { since, until, limit }: SlotsQuery, reading: Reading): AsyncIterable<StoredRow> {
  return reading.ledger.history({
    task,
    ...(since !== undefined && { since: new Date(since) }),
    ...(until !== undefined && { until: new Date(until) }),
    ...(limit !== undefined && { limit }),
    ...askOptions(reading),
  })
}

/** What is wrong with a task alone, which must not hide the others. What is wrong with the ledger is thrown again. */
export function faultOf(error: unknown): string {
  if (!(error instanceof LedgerError) || error.kind === 'unreachable' || error.kind === 'denied') throw error
  return error.message
}
