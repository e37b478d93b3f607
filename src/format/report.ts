import { createHash } from 'node:crypto'
import { formatInstant } from '../core/instant.ts'
import { keysOf, objectOf } from '../core/objects.ts'
import { hasStarted, isRepaired, latenessMsOf } from '../core/row/attempts.ts'
import { placeJson } from '../core/row/stored-place.ts'
import { medianOf, PACE_ROWS } from '../core/task/rules.ts'
import { RECORD_CHANGE, type RecordChange, type ScheduleSince, type Suspension } from '../core/task/task-record.ts'
import type { AttemptRecord, Instant, Place, Row } from '../core/types.ts'
import { progressText } from '../verdict/endings.ts'
import type { JudgedSlot, SlotClass } from '../verdict/judge.ts'
import { decisionText } from '../verdict/sentence.ts'
import { csvText } from './history/history.ts'
import { suspensionFields } from './log/verdict-entry.ts'
import { durationMsOf, instantOrNull, slotLine } from './slot/row.ts'
import { safeJson } from './text.ts'

type CountedClass = Exclude<SlotClass, 'forcedOnly' | 'paused'>

/** Each slot that was due is counted as one of these. A `calm` one has completed, as a `done` one, and needs no further words. */
export const CLASSES: Readonly<Record<CountedClass, readonly [words: string, 'calm' | 'done' | 'lost' | 'skipped']>> = {
  inTime: ['in time', 'calm'],
  completed: ['completed', 'calm'],
  covered: ['done by a later run', 'calm'],
  unusual: ['unusual', 'done'],
  late: ['late', 'done'],
  missed: ['missed', 'lost'],
  failed: ['failed', 'lost'],
  stale: ['stale', 'lost'],
  overdue: ['overdue', 'lost'],
  unknown: ['not readable', 'lost'],
  skipped: ['skipped', 'skipped'],
  marked: ['marked as completed', 'done'],
}
export const SLOT_CLASSES = keysOf(CLASSES)

const REPORT_COUNTS = ['due', ...SLOT_CLASSES, 'repaired', 'forced', 'duplicates', 'refused'] as const
export type ReportCounts = Record<(typeof REPORT_COUNTS)[number], number>

export interface SlotDecision {
  readonly slot: Instant
  /** The zone of its schedule. */
  readonly zone: string
  readonly at: Instant
  readonly by: string
  readonly what: string
  readonly reason: string
  /** Whether it is a forced attempt. */
  readonly isForced: boolean
  /** Where the attempt ran, with its log. Left out: it is not known, or nothing was run. */
  readonly place?: Place | undefined
}

export interface ExceptionalSlot {
  readonly slot: Instant
  /** The zone of its schedule. */
  readonly zone: string
  readonly class: CountedClass | 'repaired'
  readonly happened: string
  /** Whether the slot before it in time is exceptional too. */
  readonly follows: boolean
}

export interface TaskReport {
  readonly task: string
  readonly zone: string
  readonly owner: string | undefined
  readonly schedule: string | null
  /** Where the record begins within the period: a slot before it was not counted, unless it has a row. Null: it is whole. */
  readonly recordedFrom: Instant | null
  /** Whether it begins there because a retention removes older rows. */
  readonly hasRetention: boolean
  /** The slots that an operator forced and no schedule has. They are done, and not counted. */
  readonly forcedOnly: number
  /** The slots with a row, and the SHA-256 of what `history --status recorded --format ndjson` prints of them. */
  readonly rows: number
  readonly sha256: string
  readonly counts: Readonly<ReportCounts>
  /** Whether the task states `--late-after` or `--done-by`. Otherwise, no slot of it is called in time. */
  readonly isTimed: boolean
  /** How long the slots usually take, and the longest in the period, in milliseconds. Null: not known, or there is none. */
  readonly usualDurationMs: number | null
  readonly longestDurationMs: number | null
  /** How long after its slot the first attempt started in the period: the median and the most. Null: none has started. */
  readonly usualLatenessMs: number | null
  readonly longestLatenessMs: number | null
  readonly decisions: readonly SlotDecision[]
  readonly pauses: readonly Suspension[]
  readonly retirements: readonly Suspension[]
  readonly schedules: readonly ScheduleSince[]
  readonly changes: readonly RecordChange[]
  readonly exceptions: readonly ExceptionalSlot[]
  readonly unlisted: number
  readonly problem: string | null
}

/** The most exceptional slots and decisions of a task in memory. A task of each minute that fails for weeks has more. */
const MAX_LISTED = 10_000

/** The slots must come newest first. `happenedOf` describes an exceptional one. */
export function openTaskTally(happenedOf: (slot: JudgedSlot) => string) {
  const counts: ReportCounts = objectOf(REPORT_COUNTS, () => 0)
  const exceptions: ExceptionalSlot[] = []
  const decisions: SlotDecision[] = []
  const rows: Row[] = []
  const delaysMs: number[] = []
  let longestMs: number | null = null
  let wasExceptional = false
  let unlisted = 0
  let oldest: Instant | null = null
  let recorded = 0
  let forcedOnly = 0
  const hash = createHash('sha256')
  return {
    counts,
    paceRows: rows,
    addRow(one: JudgedSlot): void {
      const { own, row, slot } = one
      if (own !== null && decisions.length < MAX_LISTED) decisions.push(...decisionsOf(own, slot))
      counts.forced += own?.attempts.filter(({ trigger }) => trigger.kind === 'forced').length ?? 0
      if (own !== null && rows.length < PACE_ROWS) rows.push(own)
      if (row === null) return
      recorded += 1
      hash.update(`${slotLine(one)}\n`)
    },
    add(one: JudgedSlot): void {
      const { own, class: counted, status } = one
      if (counted === 'forcedOnly') forcedOnly += 1
      // The report lists the pause itself.
      if (counted === 'forcedOnly' || counted === 'paused') return
      const { count = 0, refused = 0 } = own?.rejections ?? {}
      counts.duplicates += count - refused
      counts.refused += refused
      if (counted === null) return
      oldest = one.slot
      counts.due += 1
      counts[counted] += 1
      const repaired = own !== null && isRepaired(own)
      if (repaired) counts.repaired += 1
      const [tookMs, delayMs] = [status === 'completed' ? durationMsOf(one) : null, own && latenessMsOf(own)]
      if (tookMs !== null) longestMs = Math.max(longestMs ?? 0, tookMs)
      if (delayMs !== null) delaysMs.push(delayMs)
      const isCalm = CLASSES[counted][1] === 'calm'
      const isExceptional = !isCalm || repaired
      if (isExceptional && exceptions.length < MAX_LISTED) {
        const last = exceptions.at(-1)
        if (wasExceptional && last !== undefined) exceptions[exceptions.length - 1] = { ...last, follows: true }
        const name = isCalm ? 'repaired' : counted
        const { slot, schedule } = one
        exceptions.push({ slot, zone: schedule.zone, class: name, happened: happenedOf(one), follows: false })
      } else if (isExceptional) unlisted += 1
      wasExceptional = isExceptional
    },
    result() {
      const usualDelayMs = medianOf(delaysMs)
      return {
        counts,
        exceptions,
        decisions,
        unlisted,
        longestDurationMs: longestMs,
        oldest,
        rows: recorded,
        forcedOnly,
        sha256: hash.digest('hex'),
        usualLatenessMs: usualDelayMs === null ? null : Math.round(usualDelayMs),
        // Not `Math.max(...)`, which takes no more than about 100,000 arguments.
        longestLatenessMs: delaysMs.length === 0 ? null : delaysMs.reduce((one, other) => Math.max(one, other), 0),
      }
    },
  }
}

function decisionsOf({ attempts, resolutions, schedule: { zone } }: Row, slot: Instant): readonly SlotDecision[] {
  return [
    ...attempts.flatMap((attempt) => {
      const { trigger, startedAt, place } = attempt
      if (trigger.kind !== 'forced') return []
      const { by, reason } = trigger
      return [{ slot, zone, at: startedAt, by, what: forcedText(attempt), reason, isForced: true, place }]
    }),
    ...resolutions.map(({ at, by, state, reason }) => {
      return { slot, zone, at, by, what: decisionText(state), reason, isForced: false }
    }),
  ].sort((one, other) => other.at - one.at)
}

function forcedText(attempt: AttemptRecord): string {
  return hasStarted(attempt)
    ? `ran it again: ${progressText(attempt)}`
    : 'asked to run it again, and it was not started'
}

/** The classes that are `done`, in time or not, or `lost`. */
export const classesOf = (kind: 'done' | 'lost') =>
  SLOT_CLASSES.filter((name) => CLASSES[name][1] === kind || (kind === 'done' && CLASSES[name][1] === 'calm'))

export function sumOf(counts: ReportCounts, names: readonly CountedClass[]): number {
  return names.reduce((sum, name) => sum + counts[name], 0)
}

/** Returns the tasks with slots that did not complete, those with the most of them first. */
export function worstTasks(tasks: readonly TaskReport[]): readonly TaskReport[] {
  const lost = ({ counts }: TaskReport) => sumOf(counts, classesOf('lost'))
  return tasks.filter((one) => lost(one) > 0).sort((one, other) => lost(other) - lost(one))
}

export function totalCounts(tasks: readonly Pick<TaskReport, 'counts'>[]): ReportCounts {
  return objectOf(REPORT_COUNTS, (name) => tasks.reduce((sum, { counts }) => sum + counts[name], 0))
}

type Counted = Pick<TaskReport, 'counts' | 'isTimed'>

export function shareInTime(tasks: readonly Counted[]): string | null {
  const { due, inTime } = totalCounts(tasks.filter(({ isTimed }) => isTimed))
  return shareText(inTime, due)
}

export function shareCompleted(tasks: readonly Counted[]): string | null {
  const total = totalCounts(tasks)
  return shareText(sumOf(total, classesOf('done')), total.due)
}

/** Returns `99.2 %`, cut and not rounded, because 100 % must mean all of them. */
function shareText(count: number, due: number): string | null {
  return due === 0 ? null : `${Math.floor((1000 * count) / due) / 10} %`
}

export interface Report {
  readonly since: Instant
  readonly until: Instant
  /** The zone of most tasks, in which the period was read. */
  readonly zone: string
  readonly madeAt: Instant
  readonly store: string
  readonly version: string
  readonly by: string
  /** The name, or the prefix, and the owner that were asked for. Left out: all tasks. */
  readonly task?: string | undefined
  readonly owner?: string | undefined
  readonly tasks: readonly TaskReport[]
  readonly leftOut: readonly string[]
  readonly problems: readonly string[]
}

export function* reportJson(report: Report): Generator<string, void> {
  const { since, until, zone, madeAt, store, version, by, tasks, leftOut, problems } = report
  const head = {
    since: formatInstant(since),
    until: formatInstant(until),
    zone,
    madeAt: formatInstant(madeAt),
    store,
    version,
    by,
    total: totalCounts(tasks),
    leftOut,
    problems,
  }
  yield `${safeJson(head).slice(0, -1)},"tasks":[`
  for (const [index, task] of tasks.entries()) yield `${index === 0 ? '' : ','}\n${safeJson(taskReportJson(task))}`
  yield ']}\n'
}

function taskReportJson(report: TaskReport) {
  const { decisions, pauses, retirements, schedules, changes, exceptions, recordedFrom, ...task } = report
  return {
    ...task,
    recordedFrom: instantOrNull(recordedFrom),
    decisions: decisions.map(({ place, ...one }) => {
      return { ...one, slot: formatInstant(one.slot), at: formatInstant(one.at), ...placeJson(place) }
    }),
    pauses: pauses.map(suspensionFields),
    retirements: retirements.map(suspensionFields),
    schedules: schedules.map(({ since, spec: { expression, zone } }) => ({
      since: formatInstant(since),
      schedule: expression,
      zone,
    })),
    changes: changes.map(RECORD_CHANGE.encode),
    exceptions: exceptions.map(({ slot, class: name, happened }) => ({
      slot: formatInstant(slot),
      class: name,
      happened,
    })),
  }
}

export const REPORT_MEASURES = ['usualLatenessMs', 'longestLatenessMs', 'usualDurationMs', 'longestDurationMs'] as const

export function* reportCsv({ since, until, tasks }: Report): Generator<string, void> {
  const lists = ['decisions', 'pauses', 'retirements', 'schedules'] as const
  const head = ['since', 'until', 'task', 'owner', 'zone', 'schedule', ...REPORT_COUNTS, ...REPORT_MEASURES]
  const whole = ['forcedOnly', 'rows', 'sha256'] as const
  yield csvText([[...head, ...lists, 'problem', 'recordedFrom', ...whole]])
  for (const one of tasks) {
    const { task, owner, zone, schedule, counts, problem } = one
    const facts = [formatInstant(since), formatInstant(until), task, owner, zone, schedule]
    const numbers = [...REPORT_COUNTS.map((name) => counts[name]), ...REPORT_MEASURES.map((name) => one[name])]
    const sizes = lists.map((name) => one[name].length)
    const recordedFrom = instantOrNull(one.recordedFrom)
    yield csvText([[...facts, ...numbers, ...sizes, problem, recordedFrom, ...whole.map((name) => one[name])]])
  }
}
