import { formatInstant } from '../core/instant.ts'
import { keysOf } from '../core/objects.ts'
import { hasStarted, isRepaired, latenessMsOf } from '../core/row/attempts.ts'
import { medianOf, PACE_ROWS } from '../core/task/rules.ts'
import type { ScheduleSince, Suspension } from '../core/task/task-record.ts'
import type { AttemptRecord, Instant, Row } from '../core/types.ts'
import { progressText } from '../verdict/endings.ts'
import type { JudgedSlot, SlotClass } from '../verdict/judge.ts'
import { decisionText } from '../verdict/sentence.ts'
import { csvText } from './history/csv.ts'
import { suspensionFields } from './log/verdict-entry.ts'
import { durationMsOf } from './slot/row.ts'
import { safeJson } from './text.ts'

/** Each slot that was due is counted as one of these. */
export const CLASS_WORDS: Readonly<Record<SlotClass, string>> = {
  inTime: 'in time',
  completed: 'completed',
  covered: 'done by a later run',
  unusual: 'unusual',
  late: 'late',
  missed: 'missed',
  failed: 'failed',
  stale: 'stale',
  overdue: 'overdue',
  unknown: 'not readable',
  skipped: 'skipped',
  marked: 'marked as completed',
}
export const SLOT_CLASSES = keysOf(CLASS_WORDS)
const OF_COMPLETED = ['inTime', 'completed', 'covered', 'unusual', 'late', 'marked'] as const satisfies SlotClass[]
/** The classes of a slot of which nothing more is to be said. */
const CALM: ReadonlySet<SlotClass> = new Set(['inTime', 'completed', 'covered'])

const REPORT_COUNTS = ['due', ...SLOT_CLASSES, 'repaired', 'duplicates', 'refused'] as const
export type ReportCounts = Record<(typeof REPORT_COUNTS)[number], number>

/** A forced attempt, or the decision of an operator about a slot. */
export interface SlotDecision {
  readonly slot: Instant
  /** The zone of its schedule. */
  readonly zone: string
  readonly at: Instant
  readonly by: string
  readonly what: string
  readonly reason: string
}

/** A slot that did not complete in time with its first attempt. */
export interface ExceptionalSlot {
  readonly slot: Instant
  /** The zone of its schedule. */
  readonly zone: string
  readonly class: SlotClass | 'repaired'
  readonly happened: string
  /** Whether the slot before it in time is exceptional too. */
  readonly follows: boolean
}

export interface TaskReport {
  readonly task: string
  readonly zone: string
  readonly owner: string | undefined
  readonly schedule: string | null
  readonly counts: Readonly<ReportCounts>
  /** Whether the task states `--late-after` or `--done-by`. Otherwise, no slot of it is called in time. */
  readonly isTimed: boolean
  /** How long the slots usually take, and the longest in the period, in milliseconds. Null: not known, or there is none. */
  readonly usualMs: number | null
  readonly longestMs: number | null
  /** How long after its slot the first attempt started in the period: the median and the most. Null: none has started. */
  readonly usualDelayMs: number | null
  readonly longestDelayMs: number | null
  readonly decisions: readonly SlotDecision[]
  readonly pauses: readonly Suspension[]
  readonly retirements: readonly Suspension[]
  readonly schedules: readonly ScheduleSince[]
  /** Newest first, at most 10,000 of them. */
  readonly exceptions: readonly ExceptionalSlot[]
  readonly unlisted: number
  readonly problem: string | null
}

/** The most exceptional slots and decisions of a task in memory. A task of each minute that fails for weeks has more. */
const MAX_LISTED = 10_000

/** The slots must come newest first, without those that were not due. `happenedOf` describes an exceptional one. */
export function openTaskTally(happenedOf: (slot: JudgedSlot) => string) {
  const counts = Object.fromEntries(REPORT_COUNTS.map((name) => [name, 0])) as ReportCounts
  const exceptions: ExceptionalSlot[] = []
  const decisions: SlotDecision[] = []
  const rows: Row[] = []
  const delaysMs: number[] = []
  let longestMs: number | null = null
  let wasExceptional = false
  let unlisted = 0
  return {
    counts,
    /** The newest rows, which say how long the slots usually take. */
    rows,
    addDecisions({ own, slot }: JudgedSlot): void {
      if (own !== null && decisions.length < MAX_LISTED) decisions.push(...decisionsOf(own, slot))
    },
    add(one: JudgedSlot): void {
      const { own, class: counted, status } = one
      const { count = 0, refused = 0 } = own?.rejections ?? {}
      counts.duplicates += count - refused
      counts.refused += refused
      if (own !== null && rows.length < PACE_ROWS) rows.push(own)
      if (counted === null) return
      counts.due += 1
      counts[counted] += 1
      const repaired = own !== null && isRepaired(own)
      if (repaired) counts.repaired += 1
      const [tookMs, delayMs] = [status === 'completed' ? durationMsOf(one) : null, own && latenessMsOf(own)]
      if (tookMs !== null) longestMs = Math.max(longestMs ?? 0, tookMs)
      if (delayMs !== null) delaysMs.push(delayMs)
      const isExceptional = !CALM.has(counted) || repaired
      if (isExceptional && exceptions.length < MAX_LISTED) {
        const last = exceptions.at(-1)
        if (wasExceptional && last !== undefined) exceptions[exceptions.length - 1] = { ...last, follows: true }
        const name = CALM.has(counted) ? 'repaired' : counted
        exceptions.push({
          slot: one.slot,
          zone: one.schedule.zone,
          class: name,
          happened: happenedOf(one),
          follows: false,
        })
      } else if (isExceptional) unlisted += 1
      wasExceptional = isExceptional
    },
    result() {
      const usualDelayMs = medianOf(delaysMs)
      return {
        ...{ counts, exceptions, decisions, unlisted, longestMs },
        usualDelayMs: usualDelayMs === null ? null : Math.round(usualDelayMs),
        // Not `Math.max(...)`, which takes no more than about 100,000 arguments.
        longestDelayMs: delaysMs.length === 0 ? null : delaysMs.reduce((one, other) => Math.max(one, other), 0),
      }
    },
  }
}

function decisionsOf({ attempts, resolutions, schedule: { zone } }: Row, slot: Instant): readonly SlotDecision[] {
  return [
    ...attempts.flatMap((attempt) => {
      const { trigger, startedAt } = attempt
      if (trigger.kind !== 'forced') return []
      return [{ slot, zone, at: startedAt, by: trigger.by, what: forcedText(attempt), reason: trigger.reason }]
    }),
    ...resolutions.map(({ at, by, state, reason }) => {
      return { slot, zone, at, by, what: decisionText(state), reason }
    }),
  ].sort((one, other) => other.at - one.at)
}

function forcedText(attempt: AttemptRecord): string {
  return hasStarted(attempt)
    ? `ran it again: ${progressText(attempt)}`
    : 'asked to run it again, and it was not started'
}

export function totalCounts(tasks: readonly Pick<TaskReport, 'counts'>[]): ReportCounts {
  const sumOf = (name: keyof ReportCounts) => tasks.reduce((sum, { counts }) => sum + counts[name], 0)
  return Object.fromEntries(REPORT_COUNTS.map((name) => [name, sumOf(name)])) as ReportCounts
}

type Counted = Pick<TaskReport, 'counts' | 'isTimed'>

/** Returns the share of the slots in time, of the tasks that state when a slot is in time. Null: none was due. */
export function shareInTime(tasks: readonly Counted[]): string | null {
  const { due, inTime } = totalCounts(tasks.filter(({ isTimed }) => isTimed))
  return shareText(inTime, due)
}

/** Returns the share of the slots that completed, in time or not. Null: none was due. */
export function shareCompleted(tasks: readonly Counted[]): string | null {
  const total = totalCounts(tasks)
  const completed = OF_COMPLETED.reduce((sum, name) => sum + total[name], 0)
  return shareText(completed, total.due)
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
  readonly tasks: readonly TaskReport[]
  readonly problems: readonly string[]
}

export function* reportJson(report: Report): Generator<string, void> {
  const { since, until, zone, madeAt, store, tasks, problems } = report
  const head = {
    ...{ since: formatInstant(since), until: formatInstant(until), zone, madeAt: formatInstant(madeAt), store },
    ...{ total: totalCounts(tasks), problems },
  }
  yield `${safeJson(head).slice(0, -1)},"tasks":[`
  for (const [index, task] of tasks.entries()) yield `${index === 0 ? '' : ','}\n${safeJson(taskReportJson(task))}`
  yield ']}\n'
}

function taskReportJson({ decisions, pauses, retirements, schedules, exceptions, ...task }: TaskReport) {
  return {
    ...task,
    decisions: decisions.map((one) => ({ ...one, slot: formatInstant(one.slot), at: formatInstant(one.at) })),
    pauses: pauses.map(suspensionFields),
    retirements: retirements.map(suspensionFields),
    schedules: schedules.map(({ since, spec: { expression, zone } }) => ({
      ...{ since: formatInstant(since), expression, zone },
    })),
    exceptions: exceptions.map(({ slot, class: name, happened }) => ({
      ...{ slot: formatInstant(slot), class: name, happened },
    })),
  }
}

export function* reportCsv({ since, until, tasks }: Report): Generator<string, void> {
  const lists = ['decisions', 'pauses', 'retirements', 'schedules'] as const
  const measures = ['usualMs', 'longestMs', 'usualDelayMs', 'longestDelayMs'] as const
  const head = ['since', 'until', 'task', 'owner', 'zone', 'schedule', ...REPORT_COUNTS, ...measures]
  yield csvText([[...head, ...lists, 'problem']])
  for (const one of tasks) {
    const { task, owner, zone, schedule, counts, problem } = one
    const facts = [formatInstant(since), formatInstant(until), task, owner, zone, schedule]
    const numbers = [...REPORT_COUNTS.map((name) => counts[name]), ...measures.map((name) => one[name])]
    yield csvText([[...facts, ...numbers, ...lists.map((name) => one[name].length), problem]])
  }
}
