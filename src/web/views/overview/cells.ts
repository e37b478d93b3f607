import { attemptCount } from '../../../core/row/attempts.ts'
import { readableRow, type SlotRecord } from '../../../core/row/status.ts'
import type { Instant, Status } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/row.ts'
import { elapsed, printable } from '../../../format/text.ts'
import { MARKS, MOST_URGENT_FIRST, type RejectedCount, rejectionsText } from '../frame/marks.ts'
import type { WallClock } from '../frame/wall-clock.ts'
import type { Axis, Column } from './axis.ts'

type StatusRecord = SlotRecord & { readonly status: Status }

/** What one column shows of a task. */
export type GridCell = {
  /** The most urgent status of the slots. */
  readonly status: Status
  readonly rejected: RejectedCount
} & (
  | {
      readonly kind: 'slot'
      readonly slot: Instant
      readonly durationMs: number | null
      readonly attempts: number
    }
  | {
      readonly kind: 'slots'
      readonly newest: Instant
      readonly counts: Readonly<Partial<Record<Status, number>>>
      /** The oldest slot that needs attention. */
      readonly firstProblem: { readonly slot: Instant; readonly status: Status } | null
    }
)

/** The statuses that an operator should look at. */
const PROBLEMS: readonly Status[] = ['failed', 'stale', 'missed', 'overdue']

export function isProblem(status: Status): boolean {
  return PROBLEMS.includes(status)
}

/** Puts the slots of a task into the columns of an axis. The slots must come newest first. */
export function fillCells(axis: Axis, now: Instant) {
  const cells: (GridCell | null)[] = axis.columns.map(() => null)
  let column = axis.columns.length - 1
  return {
    cells,
    add(record: StatusRecord): void {
      while (column >= 0 && record.slot < (axis.columns[column]?.from ?? 0)) column -= 1
      const before = cells[column]
      if (before !== undefined) cells[column] = before === null ? cellOf(record, now) : withSlot(before, record)
    },
  }
}

function cellOf({ slot, row, status }: StatusRecord, now: Instant): GridCell {
  const own = readableRow(row)
  return {
    kind: 'slot',
    status,
    slot,
    durationMs: own && durationMsOf(own, status, now),
    attempts: attemptCount(own),
    rejected: rejectedCount(row),
  }
}

function withSlot(before: GridCell, { slot, row, status }: StatusRecord): GridCell {
  const counts = { ...(before.kind === 'slot' ? { [before.status]: 1 } : before.counts) }
  counts[status] = (counts[status] ?? 0) + 1
  const known = before.kind === 'slot' ? { slot: before.slot, status: before.status } : before.firstProblem
  const more = rejectedCount(row)
  return {
    kind: 'slots',
    newest: before.kind === 'slot' ? before.slot : before.newest,
    status: MOST_URGENT_FIRST.find((one) => counts[one] !== undefined) ?? status,
    counts,
    firstProblem: isProblem(status) ? { slot, status } : known !== null && isProblem(known.status) ? known : null,
    rejected: {
      count: before.rejected.count + more.count,
      refused: before.rejected.refused + more.refused,
    },
  }
}

function rejectedCount(row: StatusRecord['row']): RejectedCount {
  const { count, refused } = readableRow(row)?.rejections ?? { count: 0, refused: 0 }
  return { count, refused }
}

/** Returns what a cell says, one fact an entry. */
export function cellFacts(cell: GridCell, task: string, column: Column, clock: WallClock): readonly string[] {
  const rejected = rejectionsText(cell.rejected)
  switch (cell.kind) {
    case 'slot': {
      const { slot, status, durationMs, attempts } = cell
      return [
        printable(task),
        `${clock.time(slot)} ${zoneText(clock, slot)}`,
        MARKS[status].word,
        durationMs === null ? '' : elapsed(durationMs),
        attempts === 0 ? '' : attempts === 1 ? '1 attempt' : `${attempts} attempts`,
        rejected,
      ].filter(Boolean)
    }
    case 'slots': {
      const { counts, firstProblem } = cell
      const statuses = MOST_URGENT_FIRST.filter((status) => counts[status] !== undefined)
      return [
        printable(task),
        `${rangeText(column, clock)} ${zoneText(clock, column.from)}`,
        statuses.map((status) => `${counts[status]} ${MARKS[status].word}`).join(', '),
        firstProblem === null
          ? ''
          : `first ${MARKS[firstProblem.status].word}: ${clock.time(firstProblem.slot)} ${clock.offset(firstProblem.slot)}`,
        rejected,
      ].filter(Boolean)
    }
  }
}

/** Returns `+09:00 Asia/Tokyo`, or `UTC`. */
function zoneText(clock: WallClock, at: Instant): string {
  return clock.zone === 'UTC' ? 'UTC' : `${clock.offset(at)} ${clock.zone}`
}

/** Returns `2026-11-24 03:00 to 07:00`, with the second date where it is another one. */
function rangeText({ from, to }: Column, clock: WallClock): string {
  const end = clock.time(to)
  return `${clock.time(from)} to ${clock.day(from) === clock.day(to) ? end.slice(11) : end}`
}
