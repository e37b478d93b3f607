import { formatInstant } from '../core/instant.ts'
import { hasStarted, isRepaired, successOf } from '../core/row/attempts.ts'
import { isCover } from '../core/row/covering.ts'
import { readableRow, type SlotRecord, workRow } from '../core/row/status.ts'
import { medianOf, type Rules, unmetRules } from '../core/task/rules.ts'
import type { ExpectedTimes, ScheduleSince, Suspension } from '../core/task/task-record.ts'
import type { AttemptRecord, Instant, Resolution, Row, Status } from '../core/types.ts'
import { csvText } from './history/csv.ts'
import { suspensionFields } from './log/verdict-entry.ts'
import { durationMsOf } from './slot/row.ts'
import { safeJson } from './text.ts'

/** Each slot that was due is counted as one of these. */
export const SLOT_CLASSES = [
  'inTime',
  'unusual',
  'late',
  'missed',
  'failed',
  'stale',
  'overdue',
  'unknown',
  'skipped',
  // An operator marked it as completed, and no attempt of it succeeded.
  'marked',
] as const
export type SlotClass = (typeof SLOT_CLASSES)[number]

const REPORT_COUNTS = ['due', ...SLOT_CLASSES, 'repaired', 'duplicates', 'refused'] as const
export type ReportCounts = Record<(typeof REPORT_COUNTS)[number], number>

/** A forced attempt, or the decision of an operator about a slot. */
export interface SlotDecision {
  readonly slot: Instant
  readonly at: Instant
  readonly by: string
  readonly what: string
  readonly reason: string
}

/** A slot that did not complete in time with its first attempt. */
export interface ExceptionalSlot {
  readonly slot: Instant
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
  /** The median and the longest duration of the attempts that succeeded, in milliseconds. Null: there are none. */
  readonly usualMs: number | null
  readonly longestMs: number | null
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

export interface ReportedSlot extends SlotRecord {
  readonly status: Status
  /** The rows before it, the newest first. */
  readonly older: readonly Row[]
}

/** The slots must come newest first, without those that were not due. `happenedOf` describes an exceptional one. */
export function openTaskTally(times: ExpectedTimes, rules: Rules | null, happenedOf: (slot: ReportedSlot) => string) {
  const counts = Object.fromEntries(REPORT_COUNTS.map((name) => [name, 0])) as ReportCounts
  const exceptions: ExceptionalSlot[] = []
  const decisions: SlotDecision[] = []
  const durationsMs: number[] = []
  let wasExceptional = false
  let unlisted = 0
  return {
    counts,
    addDecisions({ slot, row }: SlotRecord): void {
      const own = readableRow(row)
      if (own !== null && decisions.length < MAX_LISTED) decisions.push(...decisionsOf(own, slot))
    },
    add(one: ReportedSlot, now: Instant): void {
      const own = readableRow(one.row)
      const { count = 0, refused = 0 } = own?.rejections ?? {}
      counts.duplicates += count - refused
      counts.refused += refused
      const isUnusual = own !== null && rules !== null && unmetRules(own, rules, one.older).length > 0
      const className = isUnusual ? 'unusual' : classOf(one.status, own, times)
      if (className === null) return
      counts.due += 1
      counts[className] += 1
      const repaired = own !== null && isRepaired(own)
      if (repaired) counts.repaired += 1
      const tookMs = own !== null && one.status === 'completed' ? durationMsOf(own, one.status, now) : null
      if (tookMs !== null) durationsMs.push(tookMs)
      const isExceptional = className !== 'inTime' || repaired
      if (isExceptional && exceptions.length < MAX_LISTED) {
        const name = className === 'inTime' ? 'repaired' : className
        const last = exceptions.at(-1)
        if (wasExceptional && last !== undefined) exceptions[exceptions.length - 1] = { ...last, follows: true }
        exceptions.push({ slot: one.slot, class: name, happened: happenedOf(one), follows: false })
      } else if (isExceptional) unlisted += 1
      wasExceptional = isExceptional
    },
    result() {
      const usualMs = medianOf(durationsMs)
      return {
        ...{ counts, exceptions, decisions, unlisted },
        usualMs: usualMs === null ? null : Math.round(usualMs),
        // Not `Math.max(...)`, which takes no more than about 100,000 arguments.
        longestMs: durationsMs.length === 0 ? null : durationsMs.reduce((one, other) => Math.max(one, other), 0),
      }
    },
  }
}

/** Returns how a slot counts. Null: its time is not over yet. */
function classOf(status: Status, row: Row | null, times: ExpectedTimes): SlotClass | null {
  switch (status) {
    case 'running':
    case 'waiting':
    case 'due':
    case 'scheduled':
      return null
    case 'completed':
      return row === null ? 'marked' : classOfCompleted(row, times)
    default:
      return status
  }
}

/** The attempt may be one of the covering slot. Without `--late-after`, it may start until its slot would be missed. */
function classOfCompleted(row: Row, { graceMs, lateAfterMs, doneByMs }: ExpectedTimes): SlotClass {
  const success = successOf(workRow(row))
  if (success === undefined) return 'marked'
  if (success.startedAt - row.slot > (lateAfterMs ?? graceMs)) return 'late'
  const isOverdue = doneByMs !== null && (success.endedAt ?? success.startedAt) - row.slot > doneByMs
  return isOverdue ? 'late' : 'inTime'
}

function decisionsOf({ attempts, resolutions }: Row, slot: Instant): readonly SlotDecision[] {
  return [
    ...attempts.flatMap((attempt) => {
      const { trigger, startedAt } = attempt
      if (trigger.kind !== 'forced') return []
      return [{ slot, at: startedAt, by: trigger.by, what: forcedText(attempt), reason: trigger.reason }]
    }),
    ...resolutions.map(({ at, by, state, reason }) => {
      const what = state === 'SKIPPED' && isCover({ by, reason }) ? 'left it to a later slot' : RESOLVED[state]
      return { slot, at, by, what, reason }
    }),
  ].sort((one, other) => other.at - one.at)
}

const RESOLVED: Readonly<Record<Resolution['state'], string>> = {
  COMPLETED: 'marked it as completed',
  FAILED: 'marked it as failed',
  SKIPPED: 'skipped it',
}

function forcedText(attempt: AttemptRecord): string {
  return hasStarted(attempt)
    ? `ran it again: ${attempt.outcome ?? 'running'}`
    : 'asked to run it again, and it was not started'
}

export function totalCounts(tasks: readonly Pick<TaskReport, 'counts'>[]): ReportCounts {
  const sumOf = (name: keyof ReportCounts) => tasks.reduce((sum, { counts }) => sum + counts[name], 0)
  return Object.fromEntries(REPORT_COUNTS.map((name) => [name, sumOf(name)])) as ReportCounts
}

/** Returns `99.2 %`, cut and not rounded, because 100 % must mean all of them. Null: none was due. */
export function shareText({ due, inTime }: Pick<ReportCounts, 'due' | 'inTime'>): string | null {
  return due === 0 ? null : `${Math.floor((1000 * inTime) / due) / 10} %`
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
  const head = ['since', 'until', 'task', 'owner', 'zone', 'schedule', ...REPORT_COUNTS, 'usualMs', 'longestMs']
  yield csvText([[...head, ...lists, 'problem']])
  for (const one of tasks) {
    const { task, owner, zone, schedule, counts, usualMs, longestMs, problem } = one
    const facts = [formatInstant(since), formatInstant(until), task, owner, zone, schedule]
    const numbers = [...REPORT_COUNTS.map((name) => counts[name]), usualMs, longestMs]
    yield csvText([[...facts, ...numbers, ...lists.map((name) => one[name].length), problem]])
  }
}
