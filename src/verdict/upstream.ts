import type { RunContext } from '../core/event.ts'
import { readableRow } from '../core/row/status.ts'
import { expectedTimes, isOnlyDeclared } from '../core/task/task-record.ts'
import type { UpstreamSlot } from '../core/task/upstream.ts'
import type { Instant } from '../core/types.ts'
import { keySentence, type Sentence } from './sentence.ts'
import { ofRow, otherScheduleOf } from './target.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** Returns what is to be said of the slot that a run waits for. */
export function verdictOfUpstream(
  { task, slot, row, record }: UpstreamSlot,
  { store }: Pick<RunContext, 'store'>,
  now: Instant,
): Verdict {
  const schedule = readableRow(row)?.schedule ?? null
  const target = { store, task, slot, ...otherScheduleOf(schedule, record), ...ofRow(row, record.ecs) }
  return verdictOf({ target, row, isOnlyDeclared: isOnlyDeclared(record) }, { now, ...expectedTimes(record) })
}

/** Says which slot is missing and why: `slot 03:00 of extract has not completed (failed: attempt 1 failed)`. */
export function missingSentence(missing: UpstreamSlot, { status, happened }: Verdict): Sentence {
  return [...keySentence(missing), ` has not completed (${status ?? 'not due'}: `, ...happened, ')']
}
