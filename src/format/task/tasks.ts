import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { groupedBy } from '../../core/objects.ts'
import { placeJson } from '../../core/row/stored-place.ts'
import { commonZone } from '../../core/schedule/zone.ts'
import type { Pace } from '../../core/task/rules.ts'
import { suspensionAt } from '../../core/task/suspensions.ts'
import {
  type Expectations,
  expectedTimes,
  RECORD_CHANGE,
  type ScheduleSince,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { offsetName, spanTime, zonedTime } from '../local-time.ts'
import { instantOrNull } from '../slot/row.ts'
import {
  type Column,
  colorOfStatus,
  columnLines,
  cut,
  filledColumns,
  fittedColumns,
  headedColumns,
  headingLine,
  leftOutLines,
  RED,
  type Screen,
  YELLOW,
} from '../table.ts'
import { counted, type Labelled, labelled, printable } from '../text.ts'
import { openJson, openTexts, schedulesAhead, storedScheduleJson, suspensionJson } from './declaration.ts'

/** The slots that need attention, of those from `since` on. */
interface OpenSlots {
  readonly count: number
  readonly since: Instant
  /** There may be more: the task has too many rows to read all of its last seven days. */
  readonly hasMore: boolean
}

/** All that is shown of it. With the rows before it, which a rule needs, 10,000 tasks would take twice the memory. */
type LastSlot = Pick<JudgedSlot, 'slot' | 'status' | 'schedule' | 'rowStatus' | 'own'>

export interface TaskSummary {
  readonly task: string
  readonly current: ScheduleSince | null
  /** The newest slot that was due. Null: none is known. */
  readonly last: LastSlot | null
  readonly pace: Pace
  readonly open: OpenSlots
  /** The next slot that is expected. Null if there is none, or if the task is retired. */
  readonly next: Instant | null
  readonly record: TaskRecord
  /** What is in the way of its next slot, with its status: the tasks of `--after` whose last slot is not done. */
  readonly blockers?: readonly string[]
}

export type TasksScreen = Screen & { readonly order?: TaskOrder }

/** Returns the tasks as a table, a line for each, with all times in the zone of most of them, or else of the reader, and the totals. */
export function tasksTable(summaries: readonly TaskSummary[], screen: TasksScreen, now: Instant, zoneOfReader: string) {
  const zone = commonZone(
    summaries.map((one) => ({ zone: zoneOfTask(one) })),
    zoneOfReader,
  )
  const times = summaries.flatMap(({ last, next }) => [last?.slot ?? [], next ?? []].flat())
  const names = new Set(times.map((at) => offsetName(at, zone)))
  // If all times have the same zone, it stands above them.
  const [name = ''] = names.size === 1 ? names : []
  const areBlocked = summaries.some((one) => blockersText(one) !== '')
  const all = tableColumns(zone, name, now, screen.order === 'slower').filter(({ isBelow }) => areBlocked || !isBelow)
  const { wider, cells } = filledColumns(headedColumns(all), summaries)
  const columns = fittedColumns(wider, screen.columns ?? Number.POSITIVE_INFINITY)
  const lines = [headingLine(columns), ...columnLines(columns, cells, screen)]
  const teams = screen.columns === null ? [] : teamLines(summaries, screen.columns)
  return [...lines, '', totalText(summaries), ...teams, ...leftOutLines(all, columns, screen)]
}

const SLOW = 2

/** The first 14 characters distinguish most names. `name` is that of the zone, if all times have it. */
function tableColumns(zone: string, name: string, now: Instant, hasTrend: boolean): readonly Column<TaskSummary>[] {
  const year = zonedTime(now, zone).slice(0, 4)
  const time = (at: Instant) => {
    const text = spanTime(at, at, zone, now).replace(name && ` ${name}`, '')
    // A date of another year has no time, which would make the column half as wide again.
    return zonedTime(at, zone).startsWith(year) ? text : text.slice(0, '2027-01-01'.length)
  }
  return [
    { heading: 'TASK', text: ({ task }) => task, cutTo: [14, 8] },
    { heading: 'STATUS', text: ({ last }) => last?.status ?? '', color: colorOfStatus },
    {
      heading: 'OPEN',
      text: ({ open: { count, hasMore } }) => `${count}${hasMore ? '+' : ''}`,
      color: (_, { open }) => (open.count > 0 ? RED : undefined),
      isRight: () => true,
    },
    {
      heading: `LAST${name && ` (${name})`}`,
      text: ({ last }) => (last === null ? 'none' : time(last.slot)),
      leftOut: 1,
    },
    {
      heading: `NEXT${name && ` (${name})`}`,
      text: ({ next, record }) => {
        const kind = suspensionAt(record, now)?.kind
        return kind === 'pause' ? 'paused' : kind === 'retirement' ? 'retired' : next === null ? 'none' : time(next)
      },
    },
    {
      heading: hasTrend ? 'LATELY' : 'TOOK',
      text: (one) => (hasTrend ? durationText(one.pace.trend?.latelyMs) : tookText(one, now)),
      color: (_, one) => ((slownessOf(one, now) ?? 0) >= SLOW ? YELLOW : undefined),
      isRight: () => true,
    },
    {
      heading: hasTrend ? 'BEFORE' : 'USUALLY',
      text: ({ pace: { usualMs, trend } }) => durationText(hasTrend ? trend?.beforeMs : usualMs),
      isRight: () => true,
      leftOut: 3,
    },
    { heading: 'OWNER', text: ({ record }) => record.expectations?.owner ?? '', leftOut: 2, cutTo: [9, 9] },
    { heading: 'IN ITS WAY', text: blockersText, isBelow: true },
  ]
}

function blockersText({ blockers = [] }: TaskSummary): string {
  return blockers.length === 0 ? '' : `after ${blockers.join(', ')}`
}

function totalText(summaries: readonly TaskSummary[]): string {
  const open = summaries.filter(({ open }) => open.count > 0)
  const slots = open.reduce((sum, { open: { count } }) => sum + count, 0)
  const more = summaries.some(({ open }) => open.hasMore) ? ' or more' : ''
  const tasks = counted(summaries.length, 'task')
  return `${tasks}, ${open.length} with open slots: ${slots}${more}`
}

function teamLines(summaries: readonly TaskSummary[], columns: number): readonly string[] {
  const byOwner = groupedBy(summaries, ({ record }) => record.expectations?.owner ?? 'no owner')
  const lines = [...byOwner].flatMap(([owner, own]) => {
    const slots = own.reduce((sum, { open }) => sum + open.count, 0)
    return slots === 0 ? [] : { slots, text: cut(printable(`  ${totalText(own)}  ${owner}`), columns) }
  })
  return byOwner.size < 2 ? [] : lines.sort((one, other) => other.slots - one.slots).map(({ text }) => text)
}

export const TASK_ORDERS = ['name', 'next', 'need', 'slower'] as const
export type TaskOrder = (typeof TASK_ORDERS)[number]

/** Returns the tasks in an order. Those that are alike keep the order that they have, by name. */
export function orderedTasks(
  summaries: readonly TaskSummary[],
  order: TaskOrder,
  now: Instant,
): readonly TaskSummary[] {
  const rankOf: Readonly<Record<TaskOrder, (one: TaskSummary) => number>> = {
    name: () => 0,
    next: ({ next }) => next ?? Number.MAX_SAFE_INTEGER,
    // The most open slots come first, and after them the tasks that take long.
    need: (one) => -one.open.count || -(slownessOf(one, now) ?? 0) / Number.MAX_SAFE_INTEGER,
    slower: ({ pace: { trend } }) => (trend ? -trend.latelyMs / Math.max(1, trend.beforeMs) : 0),
  }
  const ranked = summaries.map((summary) => ({ summary, rank: rankOf[order](summary) }))
  return ranked.sort((one, other) => one.rank - other.rank).map(({ summary }) => summary)
}

function ranSoFarMs(last: LastSlot | null, now: Instant): number | undefined {
  const attempt = last?.rowStatus === 'running' ? last.own?.attempts.at(-1) : undefined
  return attempt && Math.max(0, now - attempt.startedAt)
}

function tookText({ last, pace: { durationsMs } }: TaskSummary, now: Instant): string {
  const soFar = ranSoFarMs(last, now)
  return soFar !== undefined ? `${elapsed(soFar)} so far` : durationText(durationsMs[0])
}

function durationText(ms: number | null | undefined): string {
  return ms == null ? '' : elapsed(ms)
}

function slownessOf({ last, pace: { durationsMs, usualMs } }: TaskSummary, now: Instant): number | null {
  const tookMs = ranSoFarMs(last, now) ?? durationsMs[0]
  return tookMs === undefined || usualMs === null ? null : tookMs / Math.max(1, usualMs)
}

export function taskText(summary: TaskSummary, now: Instant): string {
  const { task, current, last, next, record, open } = summary
  const usual = summary.pace.usualMs === null ? '' : ` (usually ${elapsed(summary.pace.usualMs)})`
  const took = tookText(summary, now) && `${tookText(summary, now)}${usual}`
  const zone = zoneOfTask(summary)
  const { after, owner } = record.expectations ?? {}
  const slots = counted(open.count, 'slot')
  const time = (instant: Instant, own = zone) => `${formatInstant(instant)}  ${zonedTime(instant, own)}`
  const facts: readonly Labelled[] = [
    ...labelled('schedule', current === null ? ['none recorded: cronledger declare records one'] : []),
    ...schedulesAhead(record, now),
    ['last slot', last === null ? 'none recorded' : `${time(last.slot, last.schedule.zone)}  ${last.status}`],
    ['next slot', next === null ? 'none' : time(next)],
    ...labelled('took', took === '' ? [] : [took]),
    ...labelled('open', open.count === 0 ? [] : [`${slots}${open.hasMore ? ' or more' : ''} in the last 7 days`]),
    ...openTexts(record, now, zone),
    ...labelled('after', after === undefined ? [] : [after.join(', ')]),
    ...labelled('owner', owner === undefined ? [] : [owner]),
  ]
  const lines = [task, ...facts.map(([name, text]) => `  ${name.padEnd(9)}  ${text}`)]
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
    // Also what is over: `history` has slots of that time.
    schedules: record.schedules.map(storedScheduleJson),
    pauses: record.pauses.map(suspensionJson),
    retirements: record.retirements.map(suspensionJson),
    changes: (record.changes ?? []).map(RECORD_CHANGE.encode),
    expectations: {
      ...expectedTimes(record),
      owner: record.expectations?.owner ?? null,
      expect: record.expectations?.expect ?? null,
      after: record.expectations?.after ?? [],
    } satisfies Readonly<
      Record<Exclude<keyof Expectations, 'afterTimeoutMs' | 'overlap' | 'sinceLastSuccess'>, unknown>
    >,
    ...placeJson(record.place),
  }
}

function zoneOfTask({ current, last }: TaskSummary): string {
  return current?.spec.zone ?? last?.schedule.zone ?? 'UTC'
}
