import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import {
  MARKS,
  MOST_URGENT_FIRST,
  needsAttention,
  type RejectedCount,
  rejectedCount,
  rejectionsText,
} from '../frame/marks.ts'
import { type SlotFacts, type SlotWithStatus, slotFactsOf, slotFactTexts } from '../frame/slot-facts.ts'
import { timeTexts, type WallClock } from '../frame/wall-clock.ts'
import type { Axis, Column } from './axis.ts'

export type GridCell =
  | ({ readonly kind: 'slot' } & SlotFacts)
  | {
      readonly kind: 'slots'
      readonly newest: Instant
      readonly counts: Readonly<Partial<Record<SlotMark, number>>>
      /** The oldest slot that needs attention. */
      readonly firstProblem: { readonly slot: Instant; readonly mark: SlotMark } | null
      /** The mark of the most urgent slot. */
      readonly mark: SlotMark
      readonly rejected: RejectedCount
    }

/** Puts the slots of a task into the columns of an axis. The slots must come newest first. */
export function fillCells(axis: Axis, now: Instant) {
  const cells: (GridCell | null)[] = axis.columns.map(() => null)
  let column = axis.columns.length - 1
  return {
    cells,
    add(record: SlotWithStatus): void {
      while (column >= 0 && record.slot < (axis.columns[column]?.from ?? 0)) column -= 1
      const before = cells[column]
      if (before !== undefined)
        cells[column] = before === null ? { kind: 'slot', ...slotFactsOf(record, now) } : withSlot(before, record)
    },
  }
}

function withSlot(before: GridCell, { slot, row, mark }: SlotWithStatus): GridCell {
  const counts = { ...(before.kind === 'slot' ? { [before.mark]: 1 } : before.counts) }
  counts[mark] = (counts[mark] ?? 0) + 1
  const known = before.kind === 'slot' ? { slot: before.slot, mark: before.mark } : before.firstProblem
  const more = rejectedCount(row)
  return {
    kind: 'slots',
    newest: before.kind === 'slot' ? before.slot : before.newest,
    mark: MOST_URGENT_FIRST.find((one) => counts[one] !== undefined) ?? mark,
    counts,
    firstProblem: needsAttention(mark) ? { slot, mark } : known !== null && needsAttention(known.mark) ? known : null,
    rejected: {
      count: before.rejected.count + more.count,
      refused: before.rejected.refused + more.refused,
    },
  }
}

export function cellFacts(cell: GridCell, task: string, column: Column, clock: WallClock): readonly string[] {
  if (cell.kind === 'slot') return slotFactTexts(task, cell, clock)
  const { counts, firstProblem } = cell
  const marks = MOST_URGENT_FIRST.filter((mark) => counts[mark] !== undefined)
  return [
    printable(task),
    ...timeTexts(clock, (one) => rangeText(column, one), column.from),
    marks.map((mark) => `${counts[mark]} ${MARKS[mark].word}`).join(', '),
    firstProblem === null
      ? ''
      : `first ${MARKS[firstProblem.mark].word}: ${clock.time(firstProblem.slot)} ${clock.offset(firstProblem.slot)}`,
    rejectionsText(cell.rejected),
  ].filter(Boolean)
}

/** Returns `2026-11-24 03:00 to 07:00`, with the second date where it is another one. */
function rangeText({ from, to }: Column, clock: WallClock): string {
  const end = clock.time(to)
  return `${clock.time(from)} to ${clock.day(from) === clock.day(to) ? end.slice(11) : end}`
}
