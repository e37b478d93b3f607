import { formatDuration } from '../core/duration.ts'
import { option, usageError } from '../core/errors.ts'
import { hasCompleted, isOverlapSkip } from '../core/row/attempts.ts'
import { readSelectable, type Selectable } from '../core/row/policy.ts'
import { MOST_ROWS } from '../core/row/range.ts'
import { timeText } from '../core/schedule/schedule-options.ts'
import { parseTimeRange, type TimeRange, withTimesOfDay } from '../core/schedule/time-range.ts'
import { inForceAt } from '../core/task/task-record.ts'
import type { Instant } from '../core/types.ts'
import type { LeftOut } from '../verdict/cautions.ts'
import { factsOf } from '../verdict/found.ts'
import type { JudgedSlot } from '../verdict/judge.ts'
import { REMARKS, type RemarkName } from '../verdict/remarks.ts'
import type { HistoryDeps } from './history.ts'
import type { KnownTask } from './tasks.ts'
import { judgedSlots } from './walk.ts'

/**
 * In a task whose runs do all work since the last success: `newest` of the slots between two that are done, whose run does the
 * others, too; `each` of them; or `none`: without this rule, for a reader that starts nothing.
 */
export type RangeRule = 'newest' | 'each' | 'none'

export interface RerunnableSettings {
  readonly from: string | Date
  readonly until?: string | Date | undefined
  readonly status: readonly Selectable[]
  readonly ranges?: RangeRule | undefined
  readonly retentionMs?: number | undefined
  readonly endedRun?: string | undefined
  /** Also yield the slots in which a run goes on: a repair waits for its end before it starts the next slot of the task. */
  readonly withRunning?: boolean | undefined
  readonly emitDoubt?: ((slot: Date, why: LeftOut, judged: JudgedSlot) => void) | undefined
}

export type RerunStep =
  /** `others`: the older slots whose work its run does, too, the newest first. */
  | {
      readonly kind: 'run'
      readonly judged: JudgedSlot
      readonly why: Selectable | 'running'
      readonly others: JudgedSlot[]
    }
  /** `because`: the slot whose work its run would do, too, or whose batch may do its work. Null: the reason is its own. */
  | { readonly kind: 'leftOut'; readonly judged: JudgedSlot; readonly why: LeftOut; readonly because: Instant | null }

/** They are in memory, because the newest is found first and the oldest runs first. */
const MAX_SLOTS = 100_000

/** Yields the oldest first, as they run. Leaves out a row that no schedule has, if nothing started in it. */
export async function* rerunnableSlots(known: KnownTask, settings: RerunnableSettings, deps: HistoryDeps) {
  const selected: (RerunStep & { readonly kind: 'run' })[] = []
  for await (const step of rerunSteps(known, settings, deps)) {
    if (step.kind === 'leftOut') settings.emitDoubt?.(new Date(step.judged.slot), step.why, step.judged)
    else selected.push(step)
    if (selected.length > MAX_SLOTS)
      throw usageError(`the range has more than ${MAX_SLOTS} slots. Give a shorter range, or select fewer statuses.`)
  }
  yield* selected.sort((one, other) => one.judged.slot - other.judged.slot)
}

/** Returns whether a run has the slot: it is not known yet how it ends. */
export function isGoingOn({ rowStatus, status }: JudgedSlot): boolean {
  return rowStatus === 'running' || rowStatus === 'waiting' || status === 'running'
}

/** Yields each slot that the range selects, the newest first, unless the run of a newer one does its work. */
export async function* rerunSteps(known: KnownTask, settings: RerunnableSettings, deps: HistoryDeps) {
  const now = deps.clock.now()
  const { since, until } = askedRange(known, settings, now)
  const of = factsOf(known.task, known, now)
  const { ranges = 'newest' } = settings
  const selection = { only: readSelectable(settings.status), since, ranges, endedRun: settings.endedRun } as const
  // Which other slots the run of a slot would do is known only after the slots down to the last done one are read.
  const hasRanges = ranges !== 'none' && of.rangesUntil === Number.POSITIVE_INFINITY
  // A slot that is not due yet can also have a row, because an operator may resolve it in advance.
  const due = { task: known.task, since: hasRanges ? 0 : since, until: Math.min(until, now + 1) }
  let between: JudgedSlot[] = []
  for await (const one of judgedSlots([of], due, now, deps)) {
    if (settings.withRunning && one.slot >= since && isGoingOn(one))
      yield { kind: 'run', judged: one, why: 'running', others: [] } satisfies RerunStep
    if (isDone(one) || !hasRanges) {
      yield* stepsBetween(between, selection)
      yield* stepsBetween([one], selection)
      between = []
      if (one.slot < since) return
    } else {
      between.push(one)
      if (one.slot < since && between.length > MOST_ROWS) break
    }
  }
  yield* stepsBetween(between, selection)
}

interface Selection {
  readonly only: readonly Selectable[]
  /** The beginning of the range. Slots before it are not selected. */
  readonly since: Instant
  readonly ranges: RangeRule
  readonly endedRun: string | undefined
}

/** Returns what is done with the slots between two that are done, the newest first. */
function stepsBetween(
  slots: readonly JudgedSlot[],
  { only, since, ranges, endedRun }: Selection,
): readonly RerunStep[] {
  const steps: RerunStep[] = []
  let others: JudgedSlot[] | null = null
  const inTheWay = ranges === 'none' ? [] : slots.filter((one) => isInTheWay(one, only))
  for (const judged of slots) {
    if (others !== null) {
      others.push(judged)
      continue
    }
    if (judged.slot < since) continue
    const leave = (why: LeftOut, because: Instant | null) => steps.push({ kind: 'leftOut', judged, why, because })
    // A batch must not start where its work may be done or never was due, unless the operator names that slot.
    const doubt = doubtOf(judged)
    const why = doubt === null ? (whySelected(judged, only) ?? whyEnded(judged, endedRun)) : undefined
    if (why === undefined) {
      // A remark about a slot that runs, or did not complete, is no reason to run it.
      if (only.some((one) => one === judged.kind && (doubt !== null || !isRemark(one))))
        leave(doubt ?? (judged.range === null ? 'noSchedule' : 'repeated'), null)
      continue
    }
    const { lost } = judged.later
    while (inTheWay[0] !== undefined && inTheWay[0].slot >= judged.slot) inTheWay.shift()
    const [older] = inTheWay
    if (ranges !== 'none' && lost?.isStale && !only.includes('stale')) leave('stale', lost.by.slot)
    else if (older !== undefined) leave(older.range === 'stale' ? 'stale' : 'skipped', older.slot)
    else {
      const newest: JudgedSlot[] = []
      steps.push({ kind: 'run', judged, why, others: newest })
      // Where each one runs, those before it are done by then.
      if (ranges === 'newest') others = newest
    }
  }
  return steps
}

/**
 * Returns as what a slot is selected. The kind of another finding is no reason to run: a slot that completed and whose repetition
 * failed is not selected by it, nor one that still runs.
 */
function whySelected({ range, kind }: JudgedSlot, only: readonly Selectable[]): Selectable | undefined {
  return only.find((one) => one === range || (one === kind && isRemark(one) && range !== null))
}

/** Returns as what a slot is selected because its run, or that of a later slot with it in its range, has ended. */
function whyEnded({ own, later: { covering } }: JudgedSlot, endedRun: string | undefined): Selectable | undefined {
  if (endedRun === undefined) return undefined
  if (own?.state === 'PENDING' && own.ownerRunId === endedRun) return 'stale'
  if (covering?.kind !== 'running' || covering.by.ownerRunId !== endedRun) return undefined
  return own === null ? 'missed' : 'failed'
}

function isDone({ own, later }: JudgedSlot): boolean {
  return later.covering?.kind === 'done' || (own !== null && hasCompleted(own))
}

/** Returns whether a run must not do the work of an older slot: its batch may still run, or a person has decided against it. */
function isInTheWay({ range, status, own }: JudgedSlot, only: readonly Selectable[]): boolean {
  if (range === 'stale') return !only.includes('stale')
  return status === 'skipped' && own !== null && !isOverlapSkip(own) && !only.includes('skipped')
}

function doubtOf({ situation, later }: JudgedSlot): LeftOut | null {
  return situation === 'doubtful' ? 'doubtful' : later.covering?.kind === 'unknown' ? 'rangeUnknown' : null
}

/** The compiler asks here for the word of a new remark in `SELECTABLE`. */
function isRemark(word: Selectable): word is RemarkName {
  return word in REMARKS
}

function askedRange(
  { schedules }: KnownTask,
  { from, until: end, status, retentionMs = Number.POSITIVE_INFINITY }: RerunnableSettings,
  now: Instant,
): Required<TimeRange> {
  const text = { since: timeText(from, 'from'), until: end === undefined ? undefined : timeText(end, 'until') }
  const zone = inForceAt(schedules, now)?.spec.zone ?? 'UTC'
  const { since = 0, until = now } = parseTimeRange(withTimesOfDay(text, zone, now), zone, now, [
    option('from'),
    option('until'),
  ])
  if (status.includes('missed') && since < now - retentionMs) {
    throw usageError(
      `from ${text.since} is too early: records are kept for ${formatDuration(retentionMs)}, so older slots that succeeded would look missed. Use a later start.`,
    )
  }
  return { since, until }
}
