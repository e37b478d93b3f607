import { type SlotRecord, statusOf } from '../../src/core/row/status.ts'
import { resolveRow } from '../../src/core/row/transition.ts'
import { STATUSES, type Status } from '../../src/core/types.ts'
import { FAILED, FORCED, LEASE_MS, lastWaiting, NOW, pending, rowWith, SUCCEEDED } from './rows.ts'

/** The time and the settings of the pages whose texts are tested. */
export const SETTINGS = { now: NOW + 3_600_000, skewMs: 30_000, graceMs: 900_000 }
/** The schedule of their task. */
export const SCHEDULE = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }

const { now } = SETTINGS
const { slot, zoneData } = rowWith({})
/** A row that runs at the time of the pages. */
export const LIVE = { ...pending(rowWith({})), leaseUntil: now + LEASE_MS }
const skip = { task: 'nightly', window: { slot, end: null }, schedule: SCHEDULE, zoneData, runId: 'own' } as const
const skipped = resolveRow(
  null,
  { ...skip, state: 'SKIPPED', by: 'ada', reason: 'holiday' },
  { writeId: 'w', now: slot },
)

const BY_STATUS: Readonly<Record<Status, SlotRecord>> = {
  running: { slot, row: LIVE },
  waiting: { slot, row: { ...lastWaiting(LIVE), leaseUntil: now } },
  stale: { slot, row: rowWith({}) },
  completed: { slot, row: rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }) },
  failed: { slot, row: rowWith({ ending: FAILED }) },
  skipped: { slot, row: skipped },
  missed: { slot, row: null },
  overdue: { slot, row: LIVE },
  scheduled: { slot: now + 60_000, row: null },
  unknown: { slot, row: { task: 'nightly', slot, schemaVersion: 9, newerSchema: true } },
}

/** A slot of each status. */
export const RECORDS = STATUSES.map((status) => {
  const own = { ...SETTINGS, doneByMs: status === 'overdue' ? 600_000 : null }
  return { ...BY_STATUS[status], status: statusOf(BY_STATUS[status], own) }
})
