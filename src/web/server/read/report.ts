import { concurrently } from '../../../audit/concurrently.ts'
import type { KnownTask } from '../../../audit/tasks.ts'
import { usageError } from '../../../core/errors.ts'
import { formatInstant } from '../../../core/instant.ts'
import { hasStarted } from '../../../core/row/attempts.ts'
import { parseTime, parseTimeRange, type RangeText, type TimeRange } from '../../../core/schedule/time-range.ts'
import { commonZone } from '../../../core/schedule/zone.ts'
import { PACE_ROWS } from '../../../core/task/rules.ts'
import { scheduleWith } from '../../../core/task/schedules-in-force.ts'
import { isRetired, suspensionOf } from '../../../core/task/suspensions.ts'
import { EMPTY_TASK_RECORD, expectedTimes, type Suspension } from '../../../core/task/task-record.ts'
import type { Instant } from '../../../core/types.ts'
import { openTaskTally, type Report, type TaskReport } from '../../../format/report.ts'
import { sentenceText } from '../../../format/verdict.ts'
import { isTimed, type JudgedSlot } from '../../../verdict/judge.ts'
import { scheduleText } from '../../../verdict/sentence.ts'
import { verdictOf } from '../../../verdict/verdict.ts'
import { wallClock } from '../../views/frame/time.tsx'
import {
  askOptions,
  faultOf,
  paceIn,
  type Reading,
  type ReadTask,
  readEach,
  readJudged,
  readKnown,
  readPaceRows,
  taskZone,
} from './reading.ts'
import { readTask } from './task.ts'

export interface ReportQuery {
  /** The period as the operator wrote it. Left out: the last calendar month. */
  readonly range: RangeText
  readonly task?: string | undefined
  readonly store: string
  readonly version: string
  readonly by: string
}

/** Returns null when the ledger has nothing about the task. Throws a usage error for an empty period. */
export async function readReport({ range, task, ...made }: ReportQuery, reading: Reading): Promise<Report | null> {
  const problems: string[] = []
  let zone: string
  let tasks: Iterable<ReadTask>
  if (task === undefined) {
    const emitProblem = (problem: string) => problems.push(problem)
    const known: KnownTask[] = []
    for await (const one of reading.ledger.tasks({ emitProblem, ...askOptions(reading) })) known.push(one)
    zone = commonZone(known.map((one) => taskZone(one, reading)))
    tasks = readEach(known, (one) => readKnown(one, reading))
  } else {
    const own = await readTask(task, reading)
    if (own === null) return null
    zone = own.head.clock.zone
    tasks = [own]
  }
  const period = periodOf(range, zone, reading.now)
  async function* reportOne(read: ReadTask, signal: AbortSignal) {
    yield await taskReport(read, period, made.store, { ...reading, signal })
  }
  const reports: TaskReport[] = []
  const leftOut: string[] = []
  for await (const one of concurrently(() => tasks, reportOne, [reading.signal])) {
    if (isToBeFiled(one)) reports.push(one)
    else leftOut.push(one.task)
  }
  return { ...period, zone, madeAt: reading.now, ...made, tasks: reports, leftOut, problems }
}

/** Reads the period. It ends with the last calendar month, and begins with the month in which it ends, if nothing else is said. */
function periodOf(range: RangeText, zone: string, now: Instant): Required<TimeRange> {
  const monthOf = (at: Instant) => parseTime(`${wallClock(zone).day(at).slice(0, 7)}-01`, '--since', zone, now)
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
  read: ReadTask,
  period: Required<TimeRange>,
  store: string,
  reading: Reading,
): Promise<TaskReport> {
  const { head, known } = read
  const { task, clock, current } = head
  const happenedOf = (one: JudgedSlot) => {
    // The verdict says how long ago that was, which has no meaning in a file.
    if (one.status !== 'missed') return sentenceText(verdictOf(one, store).happened, one.slot, one.schedule.zone)
    const doubt = one.situation === 'doubtful' ? ', and it may not have been due: the schedule changed' : ''
    return `no run is recorded${doubt}`
  }
  const tally = openTaskTally(happenedOf)
  const isUnscheduled = known === null || known.schedules.length === 0
  let problem = isUnscheduled ? 'no schedule is recorded, so missed slots are unknown' : read.problem
  let usualMs: number | null = null
  let keptFrom = 0
  let forcedOnly = 0
  try {
    keptFrom = await keptSince(task, reading)
    for await (const one of readJudged(read, period, reading)) {
      if (one.status !== 'due') tally.addRow(one)
      // The pause itself is listed, and not each slot that it skipped. A slot that ran before, or in spite of it, counts.
      const isLeftOut = one.status === 'skipped' && !one.own?.attempts.some(hasStarted)
      if (isLeftOut && suspensionOf(known, one.slot) !== null) continue
      if (one.row === null && one.slot < keptFrom) continue
      if (wasDue(one)) tally.add(one)
      else forcedOnly += 1
    }
    const isWhole = tally.paceRows.length >= PACE_ROWS
    usualMs = paceIn(read, isWhole ? tally.paceRows : await readPaceRows(task, period.until, reading)).usualMs
  } catch (error) {
    problem = faultOf(error)
  }
  const record = known ?? EMPTY_TASK_RECORD
  const { changes = [] } = record
  const isIn = (at: Instant) => at >= period.since && at < period.until
  const { oldest, ...result } = tally.result()
  const begin = Math.max(record.schedules[0]?.since ?? 0, keptFrom)
  const recordedFrom = Math.min(begin, oldest ?? begin)
  const within = ({ from, until }: Suspension) =>
    from < period.until && (until ?? Number.POSITIVE_INFINITY) > Math.max(from, period.since)
  return {
    task,
    zone: clock.zone,
    owner: head.owner,
    problem,
    usualMs,
    ...result,
    forcedOnly,
    recordedFrom: recordedFrom > period.since ? recordedFrom : null,
    hasRetention: keptFrom > period.since,
    isTimed: isTimed(expectedTimes(known)),
    schedule: current === null ? null : scheduleText(current.spec),
    pauses: record.pauses.filter(within),
    retirements: record.retirements.filter((one) => within(one) || isRetired(record, period.since)),
    // The first one is not a change.
    schedules: record.schedules.slice(1).filter(({ since }) => isIn(since)),
    changes: changes.filter(({ at }) => isIn(at)),
  }
}

/** Returns since when the ledger has all rows of a task: its retention, by the newest row, removes older ones. 0: it keeps all. */
async function keptSince(task: string, reading: Reading): Promise<Instant> {
  const rows = await readPaceRows(task, reading.now + 1, reading)
  const newest = rows.find(({ attempts }) => attempts.length > 0)
  const attempt = newest?.attempts.at(-1)
  if (newest === undefined || attempt === undefined || newest.expiresAt === null) return 0
  return reading.now - (newest.expiresAt - Math.max(newest.slot, attempt.startedAt))
}

/**
 * A slot without a row is only found if it was due. An operator can force a slot that no schedule has. It does not count if it
 * is done, and otherwise does, as in `check`.
 */
function wasDue({ own, row, of, slot, status }: JudgedSlot): boolean {
  const isScheduled = own?.attempts.some(({ trigger }) => trigger.kind === 'scheduled') ?? row === null
  const isDone = status === 'completed' || status === 'skipped'
  return isScheduled || !isDone || of.inForce.length === 0 || scheduleWith(of.inForce, slot) !== null
}
