import { formatInstant } from '../../core/instant.ts'
import { readableRow, type SlotRecord, statusOf } from '../../core/row/status.ts'
import { ECS } from '../../core/row/stored-ecs.ts'
import { expectedTimes, type ScheduleSince, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, Status } from '../../core/types.ts'
import { localTimeIn } from '../local-time.ts'
import { instantOrNull } from '../row.ts'
import { printable } from '../text.ts'
import { schedulesAhead, storedScheduleJson } from './declaration.ts'
import { openJson, openTexts } from './suspensions.ts'

export interface TaskSummary {
  readonly task: string
  readonly current: ScheduleSince | null
  readonly last: SlotRecord | null
  /** The next slot that is expected. Null if there is none, or if the task is retired. */
  readonly next: Instant | null
  readonly record: TaskRecord
}

/** Returns a task as a block of lines. In a table, the local times would make the lines too wide for a terminal. */
export function taskText(summary: TaskSummary, now: Instant): string {
  const { task, current, last, next, record } = summary
  const zone = zoneOfTask(summary)
  const { after, owner } = record.expectations ?? {}
  const time = (instant: Instant) => `${formatInstant(instant)}  ${localTimeIn(instant, zone)}`
  const lines = [
    task,
    ...(current === null ? ['  schedule   none recorded: cronledger declare records one'] : []),
    ...schedulesAhead(record, now).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    `  last slot  ${last === null ? 'none recorded' : `${time(last.slot)}  ${lastStatus(last, summary, now)}`}`,
    `  next slot  ${next === null ? 'none' : time(next)}`,
    ...openTexts(record, now, zone).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    ...(after === undefined ? [] : [`  after      ${after.join(', ')}`]),
    ...(owner === undefined ? [] : [`  owner      ${owner}`]),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

export function taskJson(summary: TaskSummary, now: Instant) {
  const { task, current, last, next, record } = summary
  const { spec, since } = current ?? {}
  return {
    task,
    schedule: spec?.expression ?? null,
    zone: spec?.zone ?? null,
    ...(spec?.anchor === undefined ? {} : { anchor: formatInstant(spec.anchor) }),
    since: instantOrNull(since),
    planned: record.schedules.filter((one) => one.since > now && one.since !== since).map(storedScheduleJson),
    last: last && {
      slot: formatInstant(last.slot),
      status: lastStatus(last, summary, now),
      state: readableRow(last.row)?.state ?? null,
    },
    next: instantOrNull(next),
    ...openJson(record, now),
    expectations: {
      ...expectedTimes(record),
      owner: record.expectations?.owner ?? null,
      after: record.expectations?.after ?? [],
    },
    ecs: record.ecs && ECS.encode(record.ecs),
  }
}

function lastStatus(last: SlotRecord, { record }: TaskSummary, now: Instant): Status {
  return statusOf(last, { now, ...expectedTimes(record) })
}

function zoneOfTask({ current, last }: TaskSummary): string {
  return current?.spec.zone ?? readableRow(last?.row ?? null)?.schedule.zone ?? 'UTC'
}
