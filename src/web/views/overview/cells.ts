import type { Instant } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import { countTexts, MOST_URGENT_FIRST } from '../frame/marks.ts'
import { type SlotFacts, slotFactsOf, slotFactTexts } from '../frame/slot-facts.tsx'
import { timeAfter, type WallClock } from '../frame/time.tsx'
import type { Axis, Column } from './axis.ts'

export type GridCell =
  | ({ readonly kind: 'slot' } & SlotFacts)
  | {
      readonly kind: 'slots'
      readonly newest: Instant
      readonly counts: Readonly<Partial<Record<SlotMark, number>>>
      readonly needsAttention: boolean
      readonly mark: SlotMark
    }

/** Puts the slots of a task into the columns of an axis. The slots must come newest first. */
export function fillCells(axis: Axis) {
  const cells: (GridCell | null)[] = axis.columns.map(() => null)
  let column = axis.columns.length - 1
  return {
    cells,
    add(record: JudgedSlot): void {
      while (column >= 0 && record.slot < (axis.columns[column]?.from ?? 0)) column -= 1
      const before = cells[column]
      if (before !== undefined)
        cells[column] = before === null ? { kind: 'slot', ...slotFactsOf(record) } : withSlot(before, record)
    },
  }
}

const NOTHING_DONE = { needsAttention: false, durationMs: null, isRunning: false, attempts: 0 } as const

/** Returns the cells of the slots to come: the first one of each column. `nextAfter` returns the next slot after a time. */
export function cellsAhead({ ahead }: Axis, nextAfter: (at: Instant) => Instant | null): readonly (GridCell | null)[] {
  let next = nextAfter((ahead[0]?.from ?? 0) - 1)
  return ahead.map(({ to }) => {
    if (next === null || next >= to) return null
    const slot = next
    next = nextAfter(to - 1)
    return { kind: 'slot', slot, mark: 'scheduled', ...NOTHING_DONE }
  })
}

function withSlot(before: GridCell, { mark, kind }: JudgedSlot): GridCell {
  const counts = { ...(before.kind === 'slot' ? { [before.mark]: 1 } : before.counts) }
  counts[mark] = (counts[mark] ?? 0) + 1
  return {
    kind: 'slots',
    newest: before.kind === 'slot' ? before.slot : before.newest,
    mark: MOST_URGENT_FIRST.find((one) => counts[one] !== undefined) ?? mark,
    counts,
    needsAttention: kind !== null || before.needsAttention,
  }
}

export function cellFacts(cell: GridCell, task: string, { from, to }: Column, clock: WallClock): readonly string[] {
  if (cell.kind === 'slot') return slotFactTexts(task, cell, clock)
  const time = `${clock.time(from)} to ${timeAfter(from, to, clock)} ${clock.offset(from)}`
  return [printable(task), time, countTexts(cell.counts).join(', ')]
}
