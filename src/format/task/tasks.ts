import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { placeJson } from '../../core/row/stored-place.ts'
import { commonZone } from '../../core/schedule/zone.ts'
import type { Pace } from '../../core/task/rules.ts'
import { suspensionAt } from '../../core/task/suspensions.ts'
import { expectedTimes, type ScheduleSince, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { localTimeIn, spanTime } from '../local-time.ts'
import { instantOrNull } from '../slot/row.ts'
import {
  alignedLines,
  colorOfStatus,
  lineWidthOf,
  RED,
  type Screen,
  type TableCell,
  widthsOf,
  YELLOW,
} from '../table.ts'
import { counted, printable } from '../text.ts'
import { openJson, openTexts, schedulesAhead, storedScheduleJson } from './declaration.ts'

/** The slots that need attention, of those from `since` on. */
interface OpenSlots {
  readonly count: number
  readonly since: Instant
  /** There may be more: the task has too many rows to read all of its last seven days. */
  readonly hasMore: boolean
}

export interface TaskSummary {
  readonly task: string
  readonly current: ScheduleSince | null
  /** The newest slot that was due. Null: none is known. */
  readonly last: JudgedSlot | null
  readonly pace: Pace
  readonly open: OpenSlots
  /** The next slot that is expected. Null if there is none, or if the task is retired. */
  readonly next: Instant | null
  readonly record: TaskRecord
}

/**
 * Returns the tasks as a table, a line for each, with all times in the zone of most of them, and a line with the total. On a
 * narrow screen, it has no owners, and then no usual durations: names are cut last. A duration of at least `SLOW` times the usual one
 * has a colour.
 */
export function tasksTable(summaries: readonly TaskSummary[], screen: Screen, now: Instant): readonly string[] {
  const zone = commonZone(summaries.map((one) => ({ zone: zoneOfTask(one) })))
  const heads = ['TASK', 'STATUS', 'OPEN', 'LAST', 'NEXT', 'TOOK (USUALLY)', 'OWNER'].map((text) => ({ text }))
  const rows = [heads, ...summaries.map((summary) => cellsOf(summary, zone, now))]
  const withoutOwner = rows.map((row) => row.slice(0, OWNER_COLUMN))
  const short = withoutOwner.map((row) => row.map((cell) => ({ ...cell, text: cell.text.replace(USUALLY, '') })))
  const all = [rows, withoutOwner, short]
  const fitting = all.find((table) => lineWidthOf(widthsOf(table)) <= (screen.columns ?? Number.POSITIVE_INFINITY))
  return [...alignedLines(fitting ?? short, screen, [0]), '', totalText(summaries)]
}

const OWNER_COLUMN = 6
/** It ends the cell of a duration, and its head. */
const USUALLY = / \([^()]*\)$/
const SLOW = 2

function totalText(summaries: readonly TaskSummary[]): string {
  const open = summaries.filter(({ open }) => open.count > 0)
  const slots = open.reduce((sum, { open: { count } }) => sum + count, 0)
  const more = summaries.some(({ open }) => open.hasMore) ? ' or more' : ''
  const tasks = counted(summaries.length, 'task')
  return `${tasks}, ${open.length} with open slots: ${slots}${more}`
}

function cellsOf(summary: TaskSummary, zone: string, now: Instant): readonly TableCell[] {
  const { task, last, next, record, pace, open } = summary
  const time = (instant: Instant) => spanTime(instant, instant, zone, now)
  const status = last?.status ?? ''
  const kind = suspensionAt(record, now)?.kind
  const tookMs = ranSoFarMs(last, now) ?? pace.durationsMs[0]
  return [
    { text: task },
    { text: status, color: colorOfStatus(status) },
    { text: `${open.count}${open.hasMore ? '+' : ''}`, color: open.count > 0 ? RED : undefined, isRight: true },
    { text: last === null ? 'none' : time(last.slot) },
    {
      text: kind === 'pause' ? 'paused' : kind === 'retirement' ? 'retired' : next === null ? 'none' : time(next),
    },
    {
      text: paceText(summary, now),
      color: tookMs !== undefined && pace.usualMs !== null && tookMs >= SLOW * pace.usualMs ? YELLOW : undefined,
    },
    { text: record.expectations?.owner ?? '' },
  ]
}

/** Returns how long the attempt of the last slot has run so far. Undefined: none runs. */
function ranSoFarMs(last: JudgedSlot | null, now: Instant): number | undefined {
  const attempt = last?.rowStatus === 'running' ? last.own?.attempts.at(-1) : undefined
  return attempt && Math.max(0, now - attempt.startedAt)
}

/** Returns `3m 5s (5m 2s)`: how long the newest completed slot took, or the last one runs, and how long they usually take. */
function paceText({ last, pace: { durationsMs, usualMs } }: TaskSummary, now: Instant): string {
  const soFar = ranSoFarMs(last, now)
  const [newest] = durationsMs
  const took = soFar !== undefined ? `${elapsed(soFar)} so far` : newest === undefined ? '' : elapsed(newest)
  return took === '' || usualMs === null ? took : `${took} (${elapsed(usualMs)})`
}

export function taskText(summary: TaskSummary, now: Instant): string {
  const { task, current, last, next, record, open } = summary
  const took = paceText(summary, now).replace('(', '(usually ')
  const zone = zoneOfTask(summary)
  const { after, owner } = record.expectations ?? {}
  const time = (instant: Instant, own = zone) => `${formatInstant(instant)}  ${localTimeIn(instant, own)}`
  const lines = [
    task,
    ...(current === null ? ['  schedule   none recorded: cronledger declare records one'] : []),
    ...schedulesAhead(record, now).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    `  last slot  ${last === null ? 'none recorded' : `${time(last.slot, last.schedule.zone)}  ${last.status}`}`,
    `  next slot  ${next === null ? 'none' : time(next)}`,
    ...(took === '' ? [] : [`  took       ${took}`]),
    ...(open.count === 0
      ? []
      : [`  open       ${counted(open.count, 'slot')}${open.hasMore ? ' or more' : ''} in the last 7 days`]),
    ...openTexts(record, now, zone).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`),
    ...(after === undefined ? [] : [`  after      ${after.join(', ')}`]),
    ...(owner === undefined ? [] : [`  owner      ${owner}`]),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

export function taskJson(summary: TaskSummary, now: Instant) {
  const { task, current, last, next, record, pace, open } = summary
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
    open: open.count,
    ...(open.hasMore && { openHasMore: true }),
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
