import type { Instant } from '../types.ts'
import { type Schedule, slotAfter, slotBefore } from './slot.ts'

/** A year shows the usual gaps: weekends, months, changes of the clocks. A longer one shows by itself. */
const SPAN_MS = 366 * 86_400_000
const LEAST_MS = 3_600_000

/**
 * The longest time between two slots in about a year from the last one before `now` on, in milliseconds, an hour at
 * least; null where the schedule ends in that time.
 */
export function longestGapMs(schedule: Schedule, now: Instant): number | null {
  const first = slotBefore(schedule, now) ?? slotAfter(schedule, now)
  if (first === null) return null
  let longest = LEAST_MS
  for (let slot = first; slot < first + SPAN_MS; ) {
    // Gaps that lie within a stretch as long as the longest one so far are no longer than that.
    const within = slotBefore(schedule, slot + longest + 1)
    if (within !== null && within > slot) {
      slot = within
      continue
    }
    const next = slotAfter(schedule, slot)
    if (next === null) return null
    longest = next - slot
    slot = next
  }
  return longest
}
