import type { Ledger } from '../../../api.ts'
import { concurrently } from '../../../audit/concurrently.ts'
import { readableRows } from '../../../audit/history.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { isFaultOfTask, usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { readableRow } from '../../../core/row/status.ts'
import { parseTime, parseTimeRange, type RangeText, type TimeRange } from '../../../core/schedule/time-range.ts'
import { commonZone } from '../../../core/schedule/zone.ts'
import { PACE_ROWS, paceOf } from '../../../core/task/rules.ts'
import { readableSchedules } from '../../../core/task/schedules-in-force.ts'
import { isRetired } from '../../../core/task/suspensions.ts'
import { EMPTY_TASK_RECORD, expectedTimes, inForceAt, type Suspension } from '../../../core/task/task-record.ts'
import type { Instant, Row, ScheduleSpec } from '../../../core/types.ts'
import { inZone } from '../../../format/local-time.ts'
import { openTaskTally, type Report, type TaskReport } from '../../../format/report.ts'
import { sentenceText } from '../../../format/verdict.ts'
import { countSlotsIn } from '../../../verdict/found.ts'
import { isTimed, type JudgedSlot } from '../../../verdict/judge.ts'
import { scheduleText } from '../../../verdict/sentence.ts'
import { verdictOf } from '../../../verdict/verdict.ts'
import { findNewestRow, wantedTasks } from '../../lookup.ts'

interface ReportQuery {
  /** The period as the operator wrote it. Left out: the last calendar month. */
  readonly range: RangeText
  readonly task?: string | undefined
  readonly owner?: string | undefined
  readonly store: string
  readonly version: string
  readonly by: string
}

interface ReportReading {
  readonly ledger: Ledger
  readonly ledgerTimeoutMs: number
  readonly now: Instant
  readonly signal: AbortSignal
}

/** Returns null when the ledger has nothing about the task, or no task matches. Throws a usage error for an empty period. */
export async function readReport({ range, ...made }: ReportQuery, reading: ReportReading) {
  const { ledger, ledgerTimeoutMs, signal, now } = reading
  const { task, only } = wantedTasks(made)
  const asking = { task, ledgerTimeoutMs, signal }
  const problems: string[] = []
  const emitProblem = task === undefined ? (problem: string) => problems.push(problem) : undefined
  const known: KnownTask[] = []
  for await (const one of ledger.tasks({ ...asking, emitProblem })) if (only?.(one) ?? true) known.push(one)
  const [first] = known
  const newest = task === undefined || first?.schedules.length ? null : await findNewestRow(ledger, { ...asking, task })
  if (task !== undefined && first === undefined) {
    if (newest === null) return null
    known.push({ ...EMPTY_TASK_RECORD, task })
  }
  if (only !== undefined && first === undefined) return null
  const specOf = ({ schedules }: KnownTask) => inForceAt(schedules, now)?.spec ?? readableRow(newest)?.schedule ?? null
  const zone = commonZone(known.map((one) => ({ zone: specOf(one)?.zone ?? 'UTC' })))
  const period = periodOf(range, zone, now)
  async function* reportOne(one: KnownTask, ownSignal: AbortSignal) {
    yield await taskReport(one, specOf(one), period, made.store, { ...reading, signal: ownSignal })
  }
  const tasks: TaskReport[] = []
  const leftOut: string[] = []
  for await (const one of concurrently(() => known, reportOne, [signal])) {
    if (isToBeFiled(one)) tasks.push(one)
    else leftOut.push(one.task)
  }
  return { ...period, zone, madeAt: now, ...made, tasks, leftOut, problems } satisfies Report
}

/** Reads the period. It ends with the last calendar month, and begins with the month in which it ends, if nothing else is said. */
function periodOf(range: RangeText, zone: string, now: Instant): Required<TimeRange> {
  const monthOf = (at: Instant) => parseTime(inZone(at, zone).toFormat('yyyy-MM-01'), '--since', zone, now)
  const given = parseTimeRange(range, zone, now, ['--since', '--until'])
  const until = given.until ?? (given.since === undefined ? monthOf(now) : now + 1)
  const since = given.since ?? monthOf(until - 1)
  if (since < until) return { since, until }
  throw usageError(`--since ${formatInstant(since)} is not earlier than now. Use an earlier start.`)
}

/** A task that was retired before the period has nothing to file. */
function isToBeFiled({ counts, decisions, retirements, problem }: TaskReport): boolean {
  return counts.due > 0 || decisions.length > 0 || problem !== null || retirements.length === 0
}

async function taskReport(
  known: KnownTask,
  spec: ScheduleSpec | null,
  period: Required<TimeRange>,
  store: string,
  { ledger, ledgerTimeoutMs, signal, now }: ReportReading,
): Promise<TaskReport> {
  const { task, schedules, changes = [], expectations } = known
  const asking = { ledgerTimeoutMs, signal }
  const happenedOf = (one: JudgedSlot) => {
    // The verdict says how long ago that was, which has no meaning in a file.
    if (one.status !== 'missed') return sentenceText(verdictOf(one, store).happened, one.slot, one.schedule.zone)
    const doubt = one.situation === 'doubtful' ? ', and it may not have been due: the schedule changed' : ''
    return `no run is recorded${doubt}`
  }
  const rowsBefore = (until: Instant, limit: number) =>
    readableRows(ledger.history({ ...asking, task, until: new Date(until), limit }))
  const tally = openTaskTally(happenedOf)
  let problem = schedules.length === 0 ? 'no schedule is recorded, so missed slots are unknown' : null
  const inForce = readableSchedules(schedules, (text) => {
    problem ??= text
  })
  let usualMs: number | null = null
  let keptFrom = 0
  try {
    const few = await rowsBefore(now + 1, FEW_ROWS)
    const hasRun = few.length < FEW_ROWS || few.some(({ attempts }) => attempts.length > 0)
    keptFrom = keptSince(hasRun ? few : await rowsBefore(now + 1, PACE_ROWS), now)
    const range = { since: new Date(period.since), until: new Date(period.until), now: new Date(now) }
    for await (const one of ledger.slots({ ...asking, ...range, task: known, emitProblem: () => {} })) {
      if (one.status !== 'due') tally.addRow(one)
      if (one.row !== null || one.slot >= keptFrom) tally.add(one)
    }
    const { paceRows: rows } = tally
    const missing = PACE_ROWS - rows.length
    const older = missing === 0 ? [] : await rowsBefore(rows.at(-1)?.slot ?? period.until, missing)
    usualMs = paceOf([...rows, ...older], countSlotsIn({ task, inForce })).usualMs
  } catch (error) {
    if (!isFaultOfTask(error)) throw error
    problem = error.message
  }
  const isIn = (at: Instant) => at >= period.since && at < period.until
  const { oldest, ...result } = tally.result()
  const begin = Math.max(schedules[0]?.since ?? 0, keptFrom)
  const recordedFrom = Math.min(begin, oldest ?? begin)
  const within = ({ from, until }: Suspension) =>
    from < period.until && (until ?? Number.POSITIVE_INFINITY) > Math.max(from, period.since)
  return {
    task,
    zone: spec?.zone ?? 'UTC',
    owner: expectations?.owner,
    problem,
    usualDurationMs: usualMs,
    ...result,
    recordedFrom: recordedFrom > period.since ? recordedFrom : null,
    hasRetention: keptFrom > period.since,
    isTimed: isTimed(expectedTimes(known)),
    schedule: spec === null ? null : scheduleText(spec),
    pauses: known.pauses.filter(within),
    retirements: known.retirements.filter((one) => within(one) || isRetired(known, period.since)),
    // The first one is not a change.
    schedules: schedules.slice(1).filter(({ since }) => isIn(since)),
    changes: changes.filter(({ at }) => isIn(at)),
  }
}

/** Nearly always enough to find one with an attempt: an operator has resolved the others. */
const FEW_ROWS = 5

/** Returns since when the ledger has all rows of a task: its retention, by the newest row, removes older ones. 0: it keeps all. */
function keptSince(rows: readonly Row[], now: Instant): Instant {
  const newest = rows.find(({ attempts }) => attempts.length > 0)
  const attempt = newest?.attempts.at(-1)
  if (newest === undefined || attempt === undefined || newest.expiresAt === null) return 0
  return now - (newest.expiresAt - Math.max(newest.slot, attempt.startedAt))
}
