import { elapsed } from '../../../core/duration.ts'
import { attemptCount } from '../../../core/row/attempts.ts'
import { reportLine } from '../../../core/row/report.ts'
import type { Instant } from '../../../core/types.ts'
import { whyFound } from '../../../format/check/finding.ts'
import { durationMsOf, lastReport } from '../../../format/slot/row.ts'
import { printable } from '../../../format/text.ts'
import { isFinding, type JudgedSlot, type SlotMark } from '../../../verdict/judge.ts'
import { decisionText } from '../../../verdict/sentence.ts'
import { MARKS } from './marks.ts'
import type { WallClock } from './time.tsx'

/** Returns whether a slot runs, or may start at any moment. */
export function isMoving({ status }: JudgedSlot): boolean {
  return status === 'running' || status === 'waiting' || status === 'overdue' || status === 'due'
}

/** The facts that the title of a cell has. They take less memory than the row of its slot. */
export interface SlotFacts {
  readonly slot: Instant
  readonly mark: SlotMark
  readonly needsAttention: boolean
  readonly durationMs: number | null
  readonly isRunning: boolean
  readonly attempts: number
}

export function slotFactsOf(one: JudgedSlot): SlotFacts {
  const { slot, own, mark, kind } = one
  return {
    slot,
    mark,
    needsAttention: kind !== null,
    durationMs: durationMsOf(one),
    isRunning: own?.attempts.at(-1)?.phase === 'running',
    attempts: attemptCount(own),
  }
}

export function slotFactTexts(task: string, facts: SlotFacts, clock: WallClock): readonly string[] {
  const { slot, mark, durationMs, isRunning, attempts } = facts
  return [
    printable(task),
    `${clock.time(slot)} ${clock.offset(slot)}`,
    MARKS[mark].word,
    durationMs === null ? '' : `${isRunning ? 'running for' : 'took'} ${elapsed(durationMs)}`,
    attempts < 2 ? '' : `${attempts} attempts`,
  ].filter(Boolean)
}

/** Returns why a slot needs attention, or what an operator decided, or else what its batch reported. Not yet safe to show. */
export function noteOf(one: JudgedSlot): string {
  const why = isFinding(one) ? whyFound(one) : null
  // The exit code has a column.
  if (why !== null) return /^failed \(exit code \d+\)$/.test(why) ? '' : why
  const decision = one.own?.resolutions.at(-1)
  if (decision !== undefined) return `${decision.by} ${decisionText(decision.state)}: ${decision.reason}`
  const trigger = one.own?.attempts.at(-1)?.trigger
  if (trigger?.kind === 'forced') return `forced by ${trigger.by}: ${trigger.reason}`
  return reportLine(lastReport(one) ?? '')
}
