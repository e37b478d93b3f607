import type {
  ChangedTask,
  DeclareOptions,
  Ledger,
  PauseOptions,
  ReadOptions,
  ResumeOptions,
  RetireOptions,
  TaskChange,
} from './api.ts'
import type { HistoryDeps } from './audit/history.ts'
import { newestRow, usualRetirementStart } from './audit/retirement.ts'
import { readTaskRecords, unknownTask } from './audit/tasks.ts'
import { quote, usageError } from './core/errors.ts'
import { formatInstant } from './core/instant.ts'
import { readableRow } from './core/row/status.ts'
import { readSchedule, timeText } from './core/schedule/schedule-options.ts'
import { parseTimeRange } from './core/schedule/time-range.ts'
import { withDeclaration, withPause, withResumption, withRetirement } from './core/task/task-changes.ts'
import { type Decided, inForceAt, type Suspension, type TaskRecord } from './core/task/task-record.ts'
import type { Instant } from './core/types.ts'
import { checkOperator, checkTaskName } from './core/user-text.ts'
import { type HostFacts, operatorOf } from './process/host.ts'
import { readExpectations } from './run/settings.ts'
import { type ChangeableRecord, changeTask, readChangeable, type TaskChangeRequest } from './run/task/change-task.ts'
import type { KnownRecords } from './run/task/task-record.ts'

// The changes that operators make in the record of a task. The rules are in core/task/task-changes.ts, and the write is in
// run/task/change-task.ts. This file reads the options of the caller and what the ledger knows about the task.

export interface OperatorParts {
  readonly host: () => Promise<HostFacts>
  random(): number
  readonly known: KnownRecords
}

/** Opens the ledger as the options of a call ask for it. */
type OpenRecords = (options: ReadOptions) => Promise<HistoryDeps>

/** The reason on record of a task that is resumed without one. */
const USUAL_RESUME_REASON = 'resumed'

export function operatorMethods(
  reading: OpenRecords,
  parts: OperatorParts,
): Pick<Ledger, 'declare' | 'pause' | 'resume' | 'retire'> {
  return {
    declare: async (options) => declareTask(options, await reading(options), parts),
    pause: async (options) => pauseTask(options, await reading(options), parts),
    resume: async (options) => resumeTask(options, await reading(options), parts),
    retire: async (options) => retireTask(options, await reading(options), parts),
  }
}

/** A declaration is the same whoever makes it, so a change that is found in the record needs no second write. */
async function declareTask(options: DeclareOptions, deps: HistoryDeps, parts: OperatorParts): Promise<ChangedTask> {
  const { task } = options
  checkTaskName(task)
  const { spec } = readSchedule(options)
  const expectations = readExpectations(options)
  const now = secondOf(deps.clock.now())
  const { from = now } = readSpan(options, undefined, spec.zone, deps.clock.now())
  const declaration = { spec, from: secondOf(from), now, expectations }
  const change = (record: TaskRecord) => withDeclaration(record, declaration)
  const io = { ...deps, random: parts.random }
  const found = await readChangeable(task, settingsOf(deps), io)
  const request = { task, what: 'the declaration', change, isIn: (record: TaskRecord) => change(record) === null }
  const { changed, record } = await changeTask(request, found, settingsOf(deps), io)
  // A run of the same program must see the change at once.
  parts.known.add(task, record)
  return { task, changed, record }
}

async function pauseTask(options: PauseOptions, deps: HistoryDeps, parts: OperatorParts): Promise<TaskChange> {
  const decided = await decidedBy(options, deps, parts)
  const task = await readTaskToChange(options.task, deps, parts)
  const { from = secondOf(decided.at), until } = readSpan(options, options.until, task.zone, decided.at)
  const pause: Suspension = { from, until, ...decided }
  return recordChange(task, deps, parts, {
    what: 'the pause',
    change: (record) => withPause(record, pause),
    touched: ({ pauses }) => pauses.filter((one) => isSameSuspension(one, pause)),
  })
}

async function resumeTask(options: ResumeOptions, deps: HistoryDeps, parts: OperatorParts): Promise<TaskChange> {
  const decided = await decidedBy({ ...options, reason: options.reason ?? USUAL_RESUME_REASON }, deps, parts)
  const task = await readTaskToChange(options.task, deps, parts)
  const { from = secondOf(decided.at) } = readSpan(options, undefined, task.zone, decided.at)
  return recordChange(task, deps, parts, {
    what: 'the end of the pause',
    change: (record) => withResumption(record, from, decided),
    touched: ({ pauses, retirements }) => [...pauses, ...retirements].filter(({ ended }) => isBy(ended, decided)),
  })
}

async function retireTask(options: RetireOptions, deps: HistoryDeps, parts: OperatorParts): Promise<TaskChange> {
  const decided = await decidedBy(options, deps, parts)
  const task = await readTaskToChange(options.task, deps, parts)
  const { from = await usualStart(task, decided.at, deps) } = readSpan(options, undefined, task.zone, decided.at)
  const retirement: Suspension = { from, until: null, ...decided }
  const change = await recordChange(task, deps, parts, {
    what: 'the retirement',
    change: (record) => withRetirement(record, retirement),
    touched: ({ retirements }) => retirements.filter((one) => isSameSuspension(one, retirement)),
  })
  if (change.changed) return change
  return { ...change, suspensions: change.record.retirements.filter(({ until }) => until === null) }
}

/** Returns who decides, why and when. Throws a usage error if a text is missing, too long or a placeholder. */
async function decidedBy(
  { task, by, reason }: ResumeOptions & { readonly reason: string },
  { clock }: HistoryDeps,
  { host }: OperatorParts,
): Promise<Decided> {
  checkTaskName(task)
  const person = { by: by ?? operatorOf((await host()).host), reason }
  checkOperator(person)
  return { at: clock.now(), ...person }
}

/** Slots are whole seconds, and an operator reads the start of a pause more easily without milliseconds. */
function secondOf(instant: Instant): Instant {
  return instant - (instant % 1_000)
}

/** Reads both ends, as `parseTimeRange` does. Throws a usage error if the end is not in the future. */
function readSpan(
  { from: fromText }: Pick<ResumeOptions, 'from'>,
  untilText: string | Date | undefined,
  zone: string,
  now: Instant,
): { readonly from?: Instant; readonly until: Instant | null } {
  const text = {
    since: fromText === undefined ? undefined : timeText(fromText, 'from'),
    until: untilText === undefined ? undefined : timeText(untilText, 'until'),
  }
  const { since, until = null } = parseTimeRange(text, zone, now, ['from', 'until'])
  if (until !== null && until <= now) {
    throw usageError(
      `until ${quote(text.until ?? '')} is not later than now: it is ${formatInstant(until)}. Use a later end as an instant, a local time or a date, or leave it out.`,
    )
  }
  return { ...(since !== undefined && { from: since }), until }
}

/** A task whose record is to be changed. */
interface TaskToChange {
  readonly task: string
  readonly found: ChangeableRecord
  readonly zone: string
}

/** Reads a task that has a record or a row. Throws `UnknownTaskError` if it has neither. */
async function readTaskToChange(task: string, deps: HistoryDeps, parts: OperatorParts): Promise<TaskToChange> {
  const found = await readChangeable(task, settingsOf(deps), { ...deps, random: parts.random })
  const spec = inForceAt(found.record.schedules, deps.clock.now())?.spec
  if (spec !== undefined) return { task, found, zone: spec.zone }
  const newest = await newestRow({ task }, deps)
  if (newest === null && found.version === 'absent') throw await unknownTask(task, readTaskRecords(deps))
  return { task, found, zone: readableRow(newest)?.schedule.zone ?? 'UTC' }
}

async function usualStart({ task, found }: TaskToChange, now: Instant, deps: HistoryDeps): Promise<Instant> {
  // A slot in the future may have a row, which an operator has resolved. It says nothing about the scheduler.
  const newest = await newestRow({ task, until: now + 1 }, deps)
  return usualRetirementStart(found.record, newest, secondOf(now))
}

async function recordChange(
  { task, found, zone }: TaskToChange,
  deps: HistoryDeps,
  parts: OperatorParts,
  {
    touched,
    ...request
  }: Pick<TaskChangeRequest, 'what' | 'change'> & {
    /** Returns the suspensions of a record that the change of this call has made or ended. */
    touched(record: TaskRecord): readonly Suspension[]
  },
): Promise<TaskChange> {
  const isIn = (record: TaskRecord) => touched(record).length > 0
  const io = { ...deps, random: parts.random }
  const { changed, record } = await changeTask({ task, isIn, ...request }, found, settingsOf(deps), io)
  // A run of the same program must see the change at once.
  parts.known.add(task, record)
  return { task, changed, suspensions: changed ? touched(record) : [], record, timezone: zone }
}

function settingsOf({ pageTimeoutMs }: HistoryDeps) {
  return { ledgerTimeoutMs: pageTimeoutMs }
}

function isSameSuspension(one: Suspension, other: Suspension): boolean {
  return one.from === other.from && isBy(one, other)
}

function isBy(one: Decided | undefined, { at, by, reason }: Decided): boolean {
  return one !== undefined && one.at === at && one.by === by && one.reason === reason
}
