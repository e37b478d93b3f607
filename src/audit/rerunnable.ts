import { formatDuration } from '../core/duration.ts'
import { option, usageError } from '../core/errors.ts'
import { readSelectable, type Selectable } from '../core/row/policy.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { parseTimeRange, type TimeRange, withDates } from '../core/schedule/time-range.ts'
import { inForceAt } from '../core/task/task-record.ts'
import type { Instant } from '../core/types.ts'
import type { LeftOut } from '../verdict/cautions.ts'
import { factsOf } from '../verdict/found.ts'
import { hasStaleInRange, type JudgedSlot } from '../verdict/judge.ts'
import { REMARKS, type RemarkName } from '../verdict/remarks.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'
import { judgedSlots } from './walk.ts'

export interface RerunnableSettings {
  readonly from: string | Date
  readonly to?: string | Date | undefined
  readonly only: readonly Selectable[]
  readonly retentionMs?: number | undefined
  readonly emitDoubt?: ((slot: Instant, why: LeftOut) => void) | undefined
}

/** Yields the newest first. Leaves out a row that no schedule has, if nothing started in it. */
export async function* rerunnableSlots(known: KnownTask, settings: RerunnableSettings, deps: HistoryDeps) {
  const now = deps.clock.now()
  const { since, until } = askedRange(known, settings, now)
  const only = readSelectable(settings.only)
  // A slot that is not due yet can also have a row, because an operator may resolve it in advance.
  const due = { task: known.task, since, until: Math.min(until, now + 1) }
  for await (const judged of judgedSlots([factsOf(known.task, known, now)], due, now, deps)) {
    const { slot, range, kind } = judged
    // A batch must not start where its work may be done or never was due, unless the operator names that slot.
    const left = leftOut(judged)
    if (left !== null && only.some((one) => one === kind)) settings.emitDoubt?.(slot, left)
    if (left !== null) continue
    // The kind of another finding is no reason to run: a slot that completed and whose repetition failed is not selected by it,
    // nor one that still runs.
    const why = only.find((one) => one === range || (one === kind && isRemark(one) && range !== null))
    if (why !== undefined) yield { why, judged }
  }
}

function leftOut(judged: JudgedSlot): LeftOut | null {
  if (judged.situation === 'doubtful') return 'doubtful'
  if (judged.covering?.kind === 'unknown') return 'rangeUnknown'
  return hasStaleInRange(judged) ? 'staleInRange' : null
}

/** The compiler asks here for the word of a new remark in `SELECTABLE`. */
function isRemark(word: Selectable): word is RemarkName {
  return word in REMARKS
}

function askedRange(
  { schedules }: KnownTask,
  { from, to, only, retentionMs = Number.POSITIVE_INFINITY }: RerunnableSettings,
  now: Instant,
): Required<TimeRange> {
  const text = { since: timeText(from, 'from'), until: to === undefined ? undefined : timeText(to, 'to') }
  const zone = inForceAt(schedules, now)?.spec.zone ?? 'UTC'
  const { since = 0, until = now } = parseTimeRange(withDates(text, zone, now), zone, now, [
    option('from'),
    option('to'),
  ])
  if (only.includes('missed') && since < now - retentionMs) {
    throw usageError(
      `from ${text.since} is too early: records are kept for ${formatDuration(retentionMs)}, so older slots that succeeded would look missed. Use a later start.`,
    )
  }
  return { since, until }
}
