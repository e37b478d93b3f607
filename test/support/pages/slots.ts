import { type SlotRecord, statusOf } from '../../../src/core/row/status.ts'
import { resolveRow } from '../../../src/core/row/transition.ts'
import { STATUSES, type Status } from '../../../src/core/types.ts'
import type { SlotWithStatus } from '../../../src/web/views/frame/slot-facts.ts'
import { wallClock } from '../../../src/web/views/frame/wall-clock.ts'
import { FAILED, FORCED, LEASE_MS, lastWaiting, NOW, pending, rowWith, SUCCEEDED } from '../rows.ts'

// Slots for tests of the views.

export const clock = wallClock('Asia/Tokyo')
export const settings = { now: NOW + 3_600_000, skewMs: 30_000, graceMs: 900_000 }
export const { now } = settings
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

/** A slot of each status. */
export const records: readonly SlotWithStatus[] = STATUSES.map((status) => {
  const own = { ...settings, doneByMs: status === 'overdue' ? 600_000 : null }
  return { ...RECORDS[status], status: statusOf(RECORDS[status], own) }
})
