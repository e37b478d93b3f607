import { readableRow } from '../../../src/core/row/status.ts'
import { resolveRow } from '../../../src/core/row/transition.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import { type Instant, STATUSES, type Status, type StoredRow } from '../../../src/core/types.ts'
import { shownSlot } from '../../../src/format/slot/show.ts'
import type { SlotRecord } from '../../../src/verdict/found.ts'
import type { JudgedSlot } from '../../../src/verdict/judge.ts'
import { wallClock } from '../../../src/web/views/frame/time.tsx'
import {
  FAILED,
  FORCED,
  judgedAt,
  LEASE_MS,
  lastWaiting,
  NOW,
  pending,
  recordWith,
  rowWith,
  SUCCEEDED,
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

export function judged(
  row: StoredRow | null,
  at: Instant = slot,
  more: Parameters<typeof judgedAt>[2] = {},
): JudgedSlot {
  const own = readableRow(row)
  // The slots without a row are not those of one schedule.
  const spec = own === null ? { expression: '* * * * * *', zone: 'Asia/Tokyo' } : schedule
  const record = { ...recordWith([{ since: slot - 86_400_000, spec }]), ...more.record }
  return judgedAt(now, own === null ? row : { ...own, schedule }, { slot: at, skewMs: 30_000, ...more, record })
}

export const records: readonly JudgedSlot[] = STATUSES.map((status) => {
  const { slot: at, row } = RECORDS[status]
  return judged(row, at, status === 'overdue' ? { doneByMs: 600_000 } : {})
})

export function modelOf({ row, slot: at, status }: JudgedSlot, more: Partial<TaskRecord> = {}) {
  const record = { ...recordWith([]), ...judged(row, at).of.record, ...more }
  const times = { lateAfterMs: 1_000, ...(status === 'overdue' && { doneByMs: 600_000 }) }
  const shown = shownSlot(judged(row, at, { ...times, record }), 'dynamodb:cronledger')
  return { ...shown, clock, before: slot - 86_400_000, after: null }
}
