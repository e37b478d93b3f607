import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { placeJson } from '../../core/row/stored-place.ts'
import { commonZone } from '../../core/schedule/zone.ts'
import type { Pace } from '../../core/task/rules.ts'
import { suspensionAt } from '../../core/task/suspensions.ts'
import { expectedTimes, type ScheduleSince, type TaskRecord } from '../../core/task/task-record.ts'
import type { Instant } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { localTimeIn, spanTime, zonedTime } from '../local-time.ts'
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
import { counted, type Labelled, labelled, printable } from '../text.ts'
import { openJson, openTexts, schedulesAhead, storedScheduleJson } from './declaration.ts'

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
}

/**
 * Returns the tasks as a table, a line for each, with all times in the zone of most of them, or else of the reader, and a line with the total. On a
 * narrow screen, it has no owners, then names of `NAME` columns, and then no usual durations. A duration of at least `SLOW` times
 * the usual one has a colour.
 */
export function tasksTable(
  summaries: readonly TaskSummary[],
  screen: Screen,
  now: Instant,
  zoneOfReader: string,
): readonly string[] {
  const zone = commonZone(
    summaries.map((one) => ({ zone: zoneOfTask(one) })),
    zoneOfReader,
  )
  const times = summaries.flatMap(({ last, next }) => [last?.slot ?? [], next ?? []].flat())
  const names = new Set(times.map((at) => zonedTime(at, zone).split(' ').at(-1)))
  // If all times have the same zone, it stands above them.
  const [name = ''] = names.size === 1 ? names : []
  const heads = ['TASK', 'STATUS', 'OPEN', `LAST${name && ` (${name})`}`, 'NEXT', 'TOOK (USUALLY)', 'OWNER']
  const rows = [heads.map((text) => ({ text })), ...summaries.map((summary) => cellsOf(summary, zone, name, now))]
  const withoutOwner = rows.map((row) => row.slice(0, TOOK_COLUMN + 1))
  const short = withoutOwner.map((row) => row.with(TOOK_COLUMN, withoutUsual(row[TOOK_COLUMN])))
  const isFitting = (table: typeof rows, most: number) => {
    const [name = 0, ...others] = widthsOf(table)
    return lineWidthOf([Math.min(name, most), ...others]) <= (screen.columns ?? Number.POSITIVE_INFINITY)
  }
  const shown = isFitting(rows, Number.POSITIVE_INFINITY) ? rows : isFitting(withoutOwner, NAME) ? withoutOwner : short
  return [...alignedLines(shown, screen, [0]), '', totalText(summaries)]
}

const TOOK_COLUMN = 5
/** With this much of a name, most are told apart. */
const NAME = 16

function withoutUsual(cell: TableCell | undefined): TableCell {
  return { ...cell, text: (cell?.text ?? '').replace(/ \([^()]*\)$/, '') }
}

const SLOW = 2

function totalText(summaries: readonly TaskSummary[]): string {
  const open = summaries.filter(({ open }) => open.count > 0)
  const slots = open.reduce((sum, { open: { count } }) => sum + count, 0)
  const more = summaries.some(({ open }) => open.hasMore) ? ' or more' : ''
  const tasks = counted(summaries.length, 'task')
  return `${tasks}, ${open.length} with open slots: ${slots}${more}`
}

function cellsOf(summary: TaskSummary, zone: string, name: string, now: Instant): readonly TableCell[] {
  const { task, last, next, record, pace, open } = summary
  const time = (at: Instant) => spanTime(at, at, zone, now).replace(name && ` ${name}`, '')
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
function ranSoFarMs(last: LastSlot | null, now: Instant): number | undefined {
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
  const slots = counted(open.count, 'slot')
  const time = (instant: Instant, own = zone) => `${formatInstant(instant)}  ${localTimeIn(instant, own)}`
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
    expectations: {
      ...expectedTimes(record),
      owner: record.expectations?.owner ?? null,
      expect: record.expectations?.expect ?? null,
      after: record.expectations?.after ?? [],
    },
    ...placeJson(record.place),
  }
}

function zoneOfTask({ current, last }: TaskSummary): string {
  return current?.spec.zone ?? last?.schedule.zone ?? 'UTC'
}
