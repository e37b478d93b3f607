import { readableRow } from '../../../src/core/row/status.ts'
import type { Instant, StoredRow } from '../../../src/core/types.ts'
import type { JudgedSlot } from '../../../src/verdict/judge.ts'
import { wallClock } from '../../../src/web/views/frame/time.tsx'
import { judgedAt, LEASE_MS, NOW, pending, recordWith, rowWith } from '../rows.ts'

// Slots for tests of the views.

export const clock = wallClock('Asia/Tokyo')
export const now = NOW + 3_600_000
export const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
export const { slot } = rowWith({})
export const live = { ...pending(rowWith({})), leaseUntil: now + LEASE_MS }

export function judged(row: StoredRow | null, at: Instant = slot): JudgedSlot {
  const own = readableRow(row)
  // The slots without a row are not those of one schedule.
  const spec = own === null ? { expression: '* * * * * *', zone: 'Asia/Tokyo' } : schedule
  const record = recordWith([{ since: slot - 86_400_000, spec }])
  return judgedAt(now, own === null ? row : { ...own, schedule }, { slot: at, skewMs: 30_000, record })
}
