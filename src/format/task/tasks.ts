import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { readableRow, type SlotRecord, statusOf } from '../../core/row/status.ts'
import { ECS } from '../../core/row/stored-ecs.ts'
import { medianOf } from '../../core/task/rules.ts'
import { suspensionAt } from '../../core/task/suspensions.ts'
import { expectedTimes, type ScheduleSince, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant, Status } from '../../core/types.ts'
import { localTimeIn, spanTime } from '../local-time.ts'
import { instantOrNull } from '../slot/row.ts'
import { alignedLines, colorOfStatus, type Screen, type TableCell, YELLOW } from '../table.ts'
import { printable } from '../text.ts'
import { schedulesAhead, storedScheduleJson } from './declaration.ts'
import { openJson, openTexts } from './suspensions.ts'

export interface TaskSummary {
  readonly task: string
  readonly current: ScheduleSince | null
  readonly last: SlotRecord | null
  /** How long the attempts of the newest slots took that succeeded, in milliseconds, the newest one first. */
  readonly durationsMs: readonly number[]
  /** The next slot that is expected. Null if there is none, or if the task is retired. */
  readonly next: Instant | null
  readonly record: TaskRecord
}

/** Returns the tasks as a table, a line for each. A duration of at least `SLOW` times the usual one has a colour. */
export function tasksTable(summaries: readonly TaskSummary[], screen: Screen, now: Instant): readonly string[] {
  const heads = ['TASK', 'STATUS', 'LAST', 'NEXT', 'TOOK (USUALLY)', 'OWNER'].map((text) => ({ text }))
  return alignedLines([heads, ...summaries.map((summary) => cellsOf(summary, now))], screen, [5, 0])
}

const SLOW = 2

function cellsOf(summary: TaskSummary, now: Instant): readonly TableCell[] {
  const { task, last, next, record, durationsMs } = summary
  const [newest, ...others] = durationsMs
  const usual = medianOf(others)
  const zone = zoneOfTask(summary)
  const time = (instant: Instant) => spanTime(instant, instant, zone, now)
  const status = last === null ? '' : lastStatus(last, summary, now)
  const kind = suspensionAt(record, now)?.kind
  return [
    { text: task },
    { text: status, color: colorOfStatus(status) },
    { text: last === null ? 'none' : time(last.slot) },
    { text: kind === 'pause' ? 'paused' : kind === 'retirement' ? 'retired' : next === null ? 'none' : time(next) },
    {
      text: durationsText(durationsMs),
      color: newest !== undefined && usual !== null && newest >= SLOW * usual ? YELLOW : undefined,
    },
    { text: record.expectations?.owner ?? '' },
  ]
}

/** Returns `3m 5s (5m 2s)`: how long the newest attempt took, and how long they usually take. */
function durationsText([newest, ...others]: readonly number[]): string {
  const usual = medianOf(others)
  return newest === undefined ? '' : `${elapsed(newest)}${usual === null ? '' : ` (${elapsed(usual)})`}`
}

export function taskText(summary: TaskSummary, now: Instant): string {
  const { task, current, last, next, record, durationsMs } = summary
  const zone = zoneOfTask(summary)
  const { after, owner } = record.expectations ?? {}
  const time = (instant: Instant) => `${formatInstant(instant)}  ${localTimeIn(instant, zone)}`
  const lines = [
    task,
    ...(current === null ? ['  schedule   none recorded: cronledger declare records one'] : []),
    ...schedulesAhead(record, now).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    `  last slot  ${last === null ? 'none recorded' : `${time(last.slot)}  ${lastStatus(last, summary, now)}`}`,
    `  next slot  ${next === null ? 'none' : time(next)}`,
    ...(durationsMs.length === 0 ? [] : [`  took       ${durationsText(durationsMs).replace('(', '(usually ')}`]),
    ...openTexts(record, now, zone).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    ...(after === undefined ? [] : [`  after      ${after.join(', ')}`]),
    ...(owner === undefined ? [] : [`  owner      ${owner}`]),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

export function taskJson(summary: TaskSummary, now: Instant) {
  const { task, current, last, next, record, durationsMs } = summary
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
    durationMs: durationsMs[0] ?? null,
    usualDurationMs: medianOf(durationsMs.slice(1)),
    next: instantOrNull(next),
    ...openJson(record, now),
    expectations: {
      ...expectedTimes(record),
      owner: record.expectations?.owner ?? null,
      expect: record.expectations?.expect ?? null,
      after: record.expectations?.after ?? [],
    },
    ecs: record.ecs && ECS.encode(record.ecs),
  }
}

export function lastStatus(last: SlotRecord, { record }: TaskSummary, now: Instant): Status {
  return statusOf(last, { now, ...expectedTimes(record) })
}

function zoneOfTask({ current, last }: TaskSummary): string {
  return current?.spec.zone ?? readableRow(last?.row ?? null)?.schedule.zone ?? 'UTC'
}
