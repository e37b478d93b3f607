import { formatInstant } from '../../core/instant.ts'
import { readableRow } from '../../core/row/status.ts'
import { encodeEcs } from '../../core/row/stored-ecs.ts'
import { isMissed } from '../../core/task/expected-slots.ts'
import { expectedTimes, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, ScheduleSpec, Status } from '../../core/types.ts'
import { localTimeIn } from '../local-time.ts'
import { type HistoryItem, statusOfItem } from '../row.ts'
import { printable } from '../text.ts'
import { schedulesAhead, storedScheduleJson } from './declaration.ts'
import { openJson, openTexts } from './suspensions.ts'

/** A task, as its task record and its rows describe it. */
export interface TaskSummary {
  readonly task: string
  readonly schedule: ScheduleSpec
  readonly since: Instant
  /** The newest slot that has a row, or that was missed. */
  readonly last: HistoryItem | null
  /** The next slot that is expected. Null if there is none, or if the task is retired. */
  readonly next: Instant | null
  readonly record: TaskRecord
}

/** Returns a task as a block of lines. In a table, the local times would make the lines too wide for a terminal. */
export function taskText(summary: TaskSummary, now: Instant, skewMs: number): string {
  const { task, schedule, last, next, record } = summary
  const owner = record.expectations?.owner
  const time = (instant: Instant) => `${formatInstant(instant)}  ${localTimeIn(instant, schedule.zone)}`
  const lines = [
    task,
    ...schedulesAhead(record, now).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    `  last slot  ${last === null ? 'none recorded' : `${time(last.slot)}  ${lastStatus(last, summary, now, skewMs)}`}`,
    `  next slot  ${next === null ? 'none' : time(next)}`,
    ...openTexts(record, now, schedule.zone).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    ...(owner === undefined ? [] : [`  owner      ${owner}`]),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

/** Returns a task as a JSON object for programs. */
export function taskJson(summary: TaskSummary, now: Instant, skewMs: number) {
  const { task, schedule, since, last, next, record } = summary
  return {
    task,
    schedule: schedule.expression,
    zone: schedule.zone,
    ...(schedule.anchor === undefined ? {} : { anchor: formatInstant(schedule.anchor) }),
    since: formatInstant(since),
    planned: record.schedules.filter((one) => one.since > now && one.since !== since).map(storedScheduleJson),
    last:
      last === null
        ? null
        : {
            slot: formatInstant(last.slot),
            status: lastStatus(last, summary, now, skewMs),
            state: isMissed(last) ? null : (readableRow(last)?.state ?? null),
          },
    next: next === null ? null : formatInstant(next),
    ...openJson(record, now),
    expectations: { ...expectedTimes(record), owner: record.expectations?.owner ?? null },
    ecs: record.ecs && encodeEcs(record.ecs),
  }
}

function lastStatus(last: HistoryItem, { record }: TaskSummary, now: Instant, skewMs: number): Status {
  return statusOfItem(last, now, skewMs, () => expectedTimes(record).doneByMs)
}
