import { formatDuration } from '../core/duration.ts'
import { usageError } from '../core/errors.ts'
import { coveringSlot, hasStarted } from '../core/row/attempts.ts'
import { rerunnableAs } from '../core/row/decide.ts'
import { type Rerunnable, readRerunnable } from '../core/row/policy.ts'
import { missedUntil, readableRow } from '../core/row/status.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { parseTimeRange, type TimeRange, withDates } from '../core/schedule/time-range.ts'
import { scheduleWith } from '../core/task/schedules-in-force.ts'
import { expectedTimes, inForceAt } from '../core/task/task-record.ts'
import type { Instant, ScheduleSpec, StoredRow } from '../core/types.ts'
import { auditedSlots, taskInForce } from './expected.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'

export interface RerunnableSettings {
  readonly from: string | Date
  readonly to?: string | Date | undefined
  readonly only: readonly Rerunnable[]
  readonly retentionMs?: number | undefined
  readonly emitDoubt?: ((slot: Instant) => void) | undefined
}

export interface RerunCandidate {
  readonly slot: Instant
  readonly why: Rerunnable
  readonly row: StoredRow | null
  /** The schedule in force at the slot. If it does not have the slot: the latest one that does, or that of the row. */
  readonly schedule: ScheduleSpec
}

/** Yields the newest first. Leaves out a row that no schedule has, if nothing started in it. */
export async function* rerunnableSlots(
  known: KnownTask,
  settings: RerunnableSettings,
  deps: HistoryDeps,
): AsyncGenerator<RerunCandidate, void> {
  const now = deps.clock.now()
  const { since, until } = askedRange(known, settings, now)
  const only = readRerunnable(settings.only)
  const times = { now, ...expectedTimes(known) }
  const inForce = taskInForce(known, missedUntil(times))
  // A slot that is not due yet can also have a row, because an operator may resolve it in advance.
  const due = { since, until: Math.min(until, now + 1) }
  for await (const { row, missed } of auditedSlots(inForce, due, deps)) {
    const { slot } = row ?? missed
    // A batch must not start in a slot that may never have been due, unless the operator names that slot.
    if (missed?.doubt !== undefined) {
      if (only.includes('missed')) settings.emitDoubt?.(slot)
      continue
    }
    // A rerun of the covering slot also does the work of this one. If that slot is outside of the range, this one runs alone.
    const coveredBy = coveringSlotOf(row)
    if (coveredBy !== null && coveredBy < due.until) continue
    const why = rerunnableAs(row, now, times.skewMs)
    if (why === null || !only.includes(why)) continue
    const schedule = scheduleWith(inForce.schedules, slot)?.spec ?? scheduleOfStarted(row)
    if (schedule !== null) yield { slot, why, row, schedule }
  }
}

/** Returns the schedule of a row in which an attempt started. One that was refused may have had a wrong schedule. */
function scheduleOfStarted(row: StoredRow | null): ScheduleSpec | null {
  const own = readableRow(row)
  return own?.attempts.some(hasStarted) ? own.schedule : null
}

function coveringSlotOf(row: StoredRow | null): Instant | null {
  const own = readableRow(row)
  return own === null || own.covering === null ? null : coveringSlot(own)
}

function askedRange(
  { schedules }: KnownTask,
  { from, to, only, retentionMs = Number.POSITIVE_INFINITY }: RerunnableSettings,
  now: Instant,
): Required<TimeRange> {
  const text = { since: timeText(from, 'from'), until: to === undefined ? undefined : timeText(to, 'to') }
  const zone = inForceAt(schedules, now)?.spec.zone ?? 'UTC'
  const { since = 0, until = now } = parseTimeRange(withDates(text, zone, now), zone, now, ['from', 'to'])
  if (only.includes('missed') && since < now - retentionMs) {
    throw usageError(
      `from ${text.since} is too early: records are kept for ${formatDuration(retentionMs)}, so older slots that succeeded would look missed. Use a later start.`,
    )
  }
  return { since, until }
}
