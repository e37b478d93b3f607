import { DAY_MS } from '../duration.ts'
import type { Instant } from '../types.ts'
import { type Schedule, slotAfter, slotBefore } from './slot.ts'

/** A year contains the usual gaps. A longer one is found as well, because the search ends only at a slot. */
const SPAN_MS = 366 * DAY_MS
const LEAST_MS = 3_600_000

/** At least one hour. The search covers about a year from the last slot before `now`. Null: the schedule ends in it. */
export function longestGapMs(schedule: Schedule, now: Instant): number | null {
  const first = slotBefore(schedule, now) ?? slotAfter(schedule, now)
  if (first === null) return null
  let longest = LEAST_MS
  for (let slot = first; slot < first + SPAN_MS; ) {
    // Gaps that lie within a stretch as long as the longest gap so far cannot be longer than that gap.
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
