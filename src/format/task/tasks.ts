import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { placeJson } from '../../core/row/stored-place.ts'
import type { Pace } from '../../core/task/rules.ts'
import { suspensionAt } from '../../core/task/suspensions.ts'
import { expectedTimes, type ScheduleSince, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { localTimeIn, spanTime } from '../local-time.ts'
import { instantOrNull } from '../slot/row.ts'
import { alignedLines, colorOfStatus, type Screen, type TableCell, YELLOW } from '../table.ts'
import { printable } from '../text.ts'
import { openJson, openTexts, schedulesAhead, storedScheduleJson } from './declaration.ts'

export interface TaskSummary {
  readonly task: string
  readonly current: ScheduleSince | null
  /** The newest slot that was due. Null: none is known. */
  readonly last: JudgedSlot | null
  readonly pace: Pace
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
  const { task, last, next, record, pace } = summary
  const [newest] = pace.durationsMs
  const time = (instant: Instant, zone: string) => spanTime(instant, instant, zone, now)
  const status = last?.status ?? ''
  const kind = suspensionAt(record, now)?.kind
  return [
    { text: task },
    { text: status, color: colorOfStatus(status) },
    { text: last === null ? 'none' : time(last.slot, last.schedule.zone) },
    {
      text:
        kind === 'pause'
          ? 'paused'
          : kind === 'retirement'
            ? 'retired'
            : next === null
              ? 'none'
              : time(next, zoneOfTask(summary)),
    },
    {
      text: paceText(pace),
      color: newest !== undefined && pace.usualMs !== null && newest >= SLOW * pace.usualMs ? YELLOW : undefined,
    },
    { text: record.expectations?.owner ?? '' },
  ]
}

/** Returns `3m 5s (5m 2s)`: how long the newest completed slot took, and how long they usually take. */
function paceText({ durationsMs: [newest], usualMs }: Pace): string {
  return newest === undefined ? '' : `${elapsed(newest)}${usualMs === null ? '' : ` (${elapsed(usualMs)})`}`
}

export function taskText(summary: TaskSummary, now: Instant): string {
  const { task, current, last, next, record, pace } = summary
  const zone = zoneOfTask(summary)
  const { after, owner } = record.expectations ?? {}
  const time = (instant: Instant, own = zone) => `${formatInstant(instant)}  ${localTimeIn(instant, own)}`
  const lines = [
    task,
    ...(current === null ? ['  schedule   none recorded: cronledger declare records one'] : []),
    ...schedulesAhead(record, now).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    `  last slot  ${last === null ? 'none recorded' : `${time(last.slot, last.schedule.zone)}  ${last.status}`}`,
    `  next slot  ${next === null ? 'none' : time(next)}`,
    ...(pace.durationsMs.length === 0 ? [] : [`  took       ${paceText(pace).replace('(', '(usually ')}`]),
    ...openTexts(record, now, zone).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    ...(after === undefined ? [] : [`  after      ${after.join(', ')}`]),
    ...(owner === undefined ? [] : [`  owner      ${owner}`]),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

export function taskJson(summary: TaskSummary, now: Instant) {
  const { task, current, last, next, record, pace } = summary
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
      status: last.status,
      state: last.own?.state ?? null,
    },
    durationMs: pace.durationsMs[0] ?? null,
    usualDurationMs: pace.usualMs,
    next: instantOrNull(next),
    ...openJson(record, now),
    expectations: {
      ...expectedTimes(record),
      owner: record.expectations?.owner ?? null,
      expect: record.expectations?.expect ?? null,
      after: record.expectations?.after ?? [],
    },
    ecs: null,
    ...placeJson(record.place),
  }
}

function zoneOfTask({ current, last }: TaskSummary): string {
  return current?.spec.zone ?? last?.schedule.zone ?? 'UTC'
}
