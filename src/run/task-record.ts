import { setWithin } from '../core/bounded-map.ts'
import { firstLine } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import { decodeSchedules, encodeSchedules, isSameSpec, withSchedule } from '../core/row/task-record.ts'
import type { Instant, Row, ScheduleSpec } from '../core/types.ts'
import type { Clock } from '../process/clock.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import type { CallOptions, Store } from '../store/store.ts'

/**
 * The schedules that a program has seen in force, one for each task. Its next runs need not read the task record again.
 */
export interface SeenSchedules {
  has(task: string, spec: ScheduleSpec): boolean
  add(task: string, spec: ScheduleSpec): void
}

/**
 * How long a schedule counts as seen. If another program changes the schedule while this one still runs by the old one,
 * this one puts its own back in force after at most this time. That is soon enough, because the task record serves
 * audits and the deployment of a change takes minutes.
 */
const SEEN_FOR_MS = 60_000

/** A short batch may have to wait this long, which is the time of one slow answer. The next run tries again. */
const TASK_RECORD_TIMEOUT_MS = 5_000

/**
 * One program rarely runs more tasks. Beyond this number, the task that was added first is dropped, and its record is
 * read again.
 */
const MAX_SEEN = 1_000

export function seenSchedules(clock: Clock): SeenSchedules {
  const seen = new Map<string, { readonly spec: ScheduleSpec; readonly untilMs: number }>()
  return {
    has(task, spec) {
      const known = seen.get(task)
      return known !== undefined && isSameSpec(known.spec, spec) && clock.monotonicMs() < known.untilMs
    },
    add(task, spec) {
      setWithin(seen, MAX_SEEN, task, { spec, untilMs: clock.monotonicMs() + SEEN_FOR_MS })
    },
  }
}

/**
 * Updates the task record: one read, and a write only if the schedule is new from `slot` on. Returns the schedule that
 * was replaced, or null if none was. If two runs see the same change at once, only one of them returns it. Throws
 * `LedgerError` if the ledger does not answer or the record is malformed.
 */
export async function registerSchedule(
  { task, slot }: { readonly task: string; readonly slot: Instant },
  spec: ScheduleSpec,
  store: Store,
  seen: SeenSchedules,
  call: CallOptions,
): Promise<ScheduleSpec | null> {
  const key = { task, kind: '#task' } as const
  const entry = await store.readEntry(key, call)
  const before = entry === null ? [] : decodeSchedules(entry.document, task)
  const after = withSchedule(before, spec, slot)
  if (after !== null) {
    const changed = { version: (entry?.version ?? 0) + 1, document: encodeSchedules(after) }
    const written = await store.writeEntry(key, changed, entry?.version ?? 'absent', call)
    if (written === 'conflict') return null
  }
  const inForce = (after ?? before).at(-1)?.spec
  if (inForce !== undefined && isSameSpec(inForce, spec)) seen.add(task, spec)
  return after === null ? null : (before.at(-1)?.spec ?? null)
}

export interface TaskRecordIo extends StopIo {
  readonly store: Store
  readonly seen: SeenSchedules
  emit(event: RunEvent): void
}

/** Returns whether the run of this row may have to write its schedule into the task record. A forced run never does. */
export function isToRegister(row: Row, { seen }: Pick<TaskRecordIo, 'seen'>): boolean {
  return row.attempts.at(-1)?.trigger.kind === 'scheduled' && !seen.has(row.task, row.schedule)
}

/**
 * Brings the task record up to date beside the work. The task record is for audits, so an error here is logged and changes
 * nothing about the run. Never throws.
 */
export async function keepTaskRecord(row: Row, settings: StopSettings, io: TaskRecordIo): Promise<void> {
  try {
    const before = await withinStop(TASK_RECORD_TIMEOUT_MS, settings, io, (signal) =>
      registerSchedule(row, row.schedule, io.store, io.seen, { signal }),
    )
    if (before !== null) io.emit({ event: 'schedule-changed', before, after: row.schedule })
  } catch (error) {
    io.emit({
      event: 'warning',
      message: `the list of tasks could not be updated, but this run is not affected: ${firstLine(error)}`,
    })
  }
}
