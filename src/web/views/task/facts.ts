import { attemptCount } from '../../../core/row/attempts.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { elapsed, printable } from '../../../format/text.ts'
import { MARKS, rejectedText } from '../frame/marks.ts'
import type { WallClock } from '../frame/wall-clock.ts'
import type { SlotWithStatus } from './history-table.tsx'

/** Returns what the popover shows about a slot, and what a screen reader reads: one fact an entry. */
export function factsOf(
  task: string,
  { slot, row, status }: SlotWithStatus,
  clock: WallClock,
  now: Instant,
): readonly string[] {
  const own = readableRow(row)
  const ms = own && durationMsOf(own, status, now)
  const attempts = own === null ? 0 : attemptCount(own)
  return [
    printable(task),
    timeText(slot, clock),
    MARKS[status].word,
    ms === null ? '' : `${own?.attempts.at(-1)?.phase === 'running' ? 'running for' : 'took'} ${elapsed(ms)}`,
    attempts === 0 ? '' : attempts === 1 ? '1 attempt' : `${attempts} attempts`,
    rejectedText(row),
  ].filter(Boolean)
}

/** Returns `2026-11-24 03:00 +09:00 Asia/Tokyo`. In UTC it returns `2026-11-24 03:00 UTC`. */
function timeText(slot: Instant, clock: WallClock): string {
  const time = `${clock.time(slot)} ${clock.offset(slot)}`
  return clock.zone === 'UTC' ? time : `${time} ${clock.zone}`
}
