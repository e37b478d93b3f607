import { elapsed } from '../../../core/duration.ts'
import { attemptCount } from '../../../core/row/attempts.ts'
import { readableRow, type SlotRecord } from '../../../core/row/status.ts'
import type { Instant, Status } from '../../../core/types.ts'
import { durationMsOf } from '../../../format/slot/row.ts'
import { counted, printable } from '../../../format/text.ts'
import type { SlotMark } from '../../../verdict/mark.ts'
import { MARKS, type RejectedCount, rejectedCount, rejectionsText } from './marks.ts'
import { timeTexts, type WallClock } from './wall-clock.ts'

export interface SlotWithStatus extends SlotRecord {
  readonly status: Status
  readonly mark: SlotMark
}

/** Returns whether a slot runs, or may start at any moment. */
export function isMoving({ status }: SlotWithStatus): boolean {
  return status === 'running' || status === 'waiting' || status === 'overdue' || status === 'due'
}

/** The facts that the title of a cell has. They take less memory than the row of its slot. */
export interface SlotFacts {
  readonly slot: Instant
  readonly mark: SlotMark
  readonly durationMs: number | null
  readonly isRunning: boolean
  readonly attempts: number
  readonly rejected: RejectedCount
}

export function slotFactsOf({ slot, row, status, mark }: SlotWithStatus, now: Instant): SlotFacts {
  const own = readableRow(row)
  return {
    slot,
    mark,
    durationMs: own && durationMsOf(own, status, now),
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
