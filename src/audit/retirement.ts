import { LedgerError } from '../core/errors.ts'
import { readableRow } from '../core/row/status.ts'
import { parseSchedule } from '../core/schedule/schedule.ts'
import { slotAfter } from '../core/schedule/slot.ts'
import { dueKeys } from '../core/task/expected-slots.ts'
import { parseSchedules } from '../core/task/schedules-in-force.ts'
import { gapsOf } from '../core/task/suspensions.ts'
import { inForceAt, type Suspension, type TaskRecord } from '../core/task/task-record.ts'
import type { Instant, StoredRow } from '../core/types.ts'
import { type HistoryDeps, type HistoryQuery, readHistory } from './history.ts'

/** Slots are whole seconds, so every later slot is at least this much later. */
const SECOND_MS = 1_000

export async function newestRow(query: Omit<HistoryQuery, 'limit'>, deps: HistoryDeps): Promise<StoredRow | null> {
  for await (const row of readHistory({ ...query, limit: 1 }, deps)) return row
  return null
}

/** Returns the first slot after the newest row. The scheduler started nothing since, so those slots are not missed. */
export function usualRetirementStart(record: TaskRecord, newest: StoredRow | null, now: Instant): Instant {
  if (newest === null) return Math.min(record.schedules[0]?.since ?? now, now)
  const spec = inForceAt(record.schedules, now)?.spec ?? readableRow(newest)?.schedule
  const next = spec && unlessUnreadable(() => slotAfter(parseSchedule(spec), newest.slot) ?? now)
  return Math.min(now, next ?? newest.slot + SECOND_MS)
}

/** A larger count only says "very many". Counting the slots of a year of a task that runs each minute takes seconds. */
export const MAX_COUNTED = 10_000

/** Counts at most `MAX_COUNTED`, without slots in a pause. Returns null if this version cannot read the schedules. */
export function countNotExpected(record: TaskRecord, retirement: Suspension, now: Instant): number | null {
  const others = { ...record, retirements: record.retirements.filter((one) => one !== retirement) }
  return unlessUnreadable(() => {
    const inForce = { task: '', schedules: parseSchedules(record), gaps: gapsOf(others) }
    let count = 0
    for (const _ of dueKeys([inForce], retirement.from, now + 1)) {
      count += 1
      if (count === MAX_COUNTED) break
    }
    return count
  })
}

/** A task whose schedule this version cannot read can be retired all the same. */
function unlessUnreadable<T>(compute: () => T): T | null {
  try {
    return compute()
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return null
  }
}
