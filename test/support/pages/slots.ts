import { readableRow, type SlotRecord } from '../../../src/core/row/status.ts'
import { resolveRow } from '../../../src/core/row/transition.ts'
import { parseSince } from '../../../src/core/task/schedules-in-force.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import { STATUSES, type Status } from '../../../src/core/types.ts'
import { shownSlot } from '../../../src/format/slot/show.ts'
import { withMark } from '../../../src/web/server/read/reading.ts'
import type { SlotWithStatus } from '../../../src/web/views/frame/slot-facts.ts'
import { wallClock } from '../../../src/web/views/frame/wall-clock.ts'
import {
  FAILED,
  FORCED,
  LEASE_MS,
  lastWaiting,
  NOW,
  pending,
  recordWith,
  rowWith,
  SUCCEEDED,
  timesAt,
} from '../rows.ts'

// Slots for tests of the views.

export const clock = wallClock('Asia/Tokyo')
export const now = NOW + 3_600_000
export const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
const { zoneData, slot: dueAt } = rowWith({})
export const slot = dueAt
export const live = { ...pending(rowWith({})), leaseUntil: now + LEASE_MS }
const skip = { task: 'nightly', window: { slot, end: null }, schedule, zoneData, runId: 'own' } as const
const skipped = resolveRow(
  null,
  { ...skip, state: 'SKIPPED', by: 'ada', reason: 'holiday' },
  { writeId: 'w', now: slot },
)

const RECORDS: Readonly<Record<Status, SlotRecord>> = {
  running: { slot, row: live },
  waiting: { slot, row: { ...lastWaiting(live), leaseUntil: now } },
  stale: { slot, row: rowWith({}) },
  completed: { slot, row: rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }) },
  failed: { slot, row: rowWith({ ending: FAILED }) },
  skipped: { slot, row: skipped },
  missed: { slot, row: null },
  overdue: { slot, row: live },
  due: { slot: now - 60_000, row: null },
  scheduled: { slot: now + 60_000, row: null },
  unknown: { slot, row: { task: 'nightly', slot, schemaVersion: 9, newerSchema: true } },
}

const timesOf = (status: Status) => timesAt(now, { skewMs: 30_000, doneByMs: status === 'overdue' ? 600_000 : null })

export const records: readonly SlotWithStatus[] = STATUSES.map((status) => {
  return withMark(RECORDS[status], timesOf(status))
})

/** Returns the model of the page of a slot. With `ecs`, the task runs in this container. */
export function modelOf(record: SlotWithStatus, more: Partial<TaskRecord> = {}) {
  // The slots without a row are not those of one schedule.
  const spec = readableRow(record.row)?.schedule ?? { expression: '* * * * * *', zone: 'UTC' }
  const known = recordWith([{ since: slot - 86_400_000, spec }], more)
  const of = { store: 'dynamodb:cronledger', task: 'nightly', record: known, inForce: known.schedules.map(parseSince) }
  const shown = shownSlot(record.slot, record.row, of, { ...timesOf(record.status), lateAfterMs: 1_000 })
  return { ...shown, mark: record.mark, clock, now, before: slot - 86_400_000, after: null }
}
