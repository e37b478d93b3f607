import { elapsed } from '../../../core/duration.ts'
import { attemptCount } from '../../../core/row/attempts.ts'
import type { Instant } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { counted, printable } from '../../../format/text.ts'
import type { JudgedSlot, SlotMark } from '../../../verdict/judge.ts'
import { MARKS, type RejectedCount, rejectedCount, rejectionsText } from './marks.ts'
import { timeTexts, type WallClock } from './time.tsx'

/** Returns whether a slot runs, or may start at any moment. */
export function isMoving({ status }: JudgedSlot): boolean {
  return status === 'running' || status === 'waiting' || status === 'overdue' || status === 'due'
}

/** The facts that the title of a cell has. They take less memory than the row of its slot. */
export interface SlotFacts {
  readonly slot: Instant
  readonly mark: SlotMark
  readonly needsAttention: boolean
  readonly zone: string
  readonly durationMs: number | null
  readonly isRunning: boolean
  readonly attempts: number
  readonly rejected: RejectedCount
}

export function slotFactsOf(one: JudgedSlot): SlotFacts {
  const { slot, row, own, mark, kind, schedule } = one
  return {
    slot,
    mark,
    needsAttention: kind !== null,
    zone: schedule.zone,
    durationMs: durationMsOf(one),
    isRunning: own?.attempts.at(-1)?.phase === 'running',
    attempts: attemptCount(own),
    rejected: rejectedCount(row),
  }
}

export function slotFactTexts(task: string, facts: SlotFacts, clock: WallClock): readonly string[] {
  const { slot, mark, durationMs, isRunning, attempts, rejected } = facts
  return [
    printable(task),
    ...timeTexts(clock, (one) => one.time(slot), slot),
    MARKS[mark].word,
    durationMs === null ? '' : `${isRunning ? 'running for' : 'took'} ${elapsed(durationMs)}`,
    attempts === 0 ? '' : counted(attempts, 'attempt'),
    rejectionsText(rejected),
  ].filter(Boolean)
}
