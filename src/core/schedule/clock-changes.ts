// luxon knows no clock changes: it gives an offset at an instant. So the times that a change skips or repeats are computed here, such
// as 02:30 of 2025-03-30 in Berlin, which a daily schedule does not have on that day.

import type { Instant } from '../types.ts'
import { type Direction, nearestMatch } from './calendar.ts'
import { type Schedule, windowOf } from './slot.ts'
import { openZone, type Zone } from './zone.ts'

/** The effect of one clock change of a zone on the fire times of a schedule. */
export interface ClockNote {
  /**
   * `skipped`: the clocks never show these times, so they have no slot. `once`: the clocks show them twice, and only
   * the first pass is a slot. `twice`: both passes are slots, as for every schedule that fires in each hour.
   */
  readonly kind: 'skipped' | 'once' | 'twice'
  /** At most `MAX_TIMES`, in milliseconds since 1970 on the wall clock. */
  readonly times: readonly number[]
  readonly last: number
}

/** Enough for every 15 minutes. A longer list, such as 60 times of every minute, would not be read. */
const MAX_TIMES = 4

/** Most zones change their clocks twice a year. */
const MAX_NOTES = 10

/** Returns the fire times that the clocks skip or show twice. A rate has none, because it counts real time. */
export function clockNotes(schedule: Schedule, from: Instant, to: Instant): readonly ClockNote[] {
  const zone = openZone(schedule.spec.zone)
  const notes: ClockNote[] = []
  let before = zone.pieceAt(Math.floor(from / 1000))
  while (before.to * 1000 < to && notes.length < MAX_NOTES) {
    const after = zone.pieceAt(before.to)
    const first = before.to + Math.min(before.offset, after.offset)
    const end = before.to + Math.max(before.offset, after.offset)
    const times: number[] = []
    for (let at = first; times.length < MAX_TIMES; ) {
      const time = fireTime(schedule, zone, at, 1)
      if (time === null || time >= end) break
      times.push(time * 1000)
      at = time + 1
    }
    const [time] = times
    if (time !== undefined) {
      const secondPass = time - after.offset * 1000
      const repeated = windowOf(schedule, secondPass)?.slot === secondPass ? 'twice' : 'once'
      const last = (fireTime(schedule, zone, end - 1, -1) ?? 0) * 1000
      notes.push({ kind: after.offset > before.offset ? 'skipped' : repeated, times, last })
    }
    before = after
  }
  return notes
}

/** Returns the nearest time at which the schedule fires if the clocks show it, in seconds on the wall clock. */
function fireTime(schedule: Schedule, zone: Zone, local: number, direction: Direction): number | null {
  switch (schedule.kind) {
    case 'cron':
      return nearestMatch(schedule.fields, local, direction)
    case 'at': {
      const second = schedule.instant / 1000
      const only = second + zone.pieceAt(second).offset
      return (only - local) * direction >= 0 ? only : null
    }
    case 'rate':
      return null
  }
}
