import { formatInstant } from '../core/instant.ts'
import type { Instant, ScheduleSpec, StoredRow } from '../core/types.ts'
import { localTimeIn } from './local-time.ts'
import { scheduleText } from './phrases.ts'
import { stateOf } from './row.ts'
import { printable } from './text.ts'

/** A task as the registry and its newest row have it. */
export interface TaskState {
  readonly task: string
  readonly schedule: ScheduleSpec
  readonly since: Instant
  readonly last: StoredRow | null
  readonly next: Instant | null
}

/** A block of lines: the local times would make the rows of a table too wide for a terminal. */
export function taskText({ task, schedule, since, last, next }: TaskState, now: Instant, skewMs: number): string {
  const time = (instant: Instant) => `${formatInstant(instant)}  ${localTimeIn(instant, schedule.zone)}`
  const lines = [
    task,
    `  schedule  ${scheduleText(schedule)}, since ${formatInstant(since)}`,
    `  last      ${last === null ? 'no slot on record' : `${time(last.slot)}  ${stateOf(last, now, skewMs)}`}`,
    `  next      ${next === null ? 'none' : time(next)}`,
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

export function taskJson({ task, schedule, since, last, next }: TaskState, now: Instant, skewMs: number) {
  return {
    task,
    schedule: schedule.expression,
    zone: schedule.zone,
    ...(schedule.anchor === undefined ? {} : { anchor: formatInstant(schedule.anchor) }),
    since: formatInstant(since),
    last: last === null ? null : { slot: formatInstant(last.slot), state: stateOf(last, now, skewMs) },
    next: next === null ? null : formatInstant(next),
  }
}
