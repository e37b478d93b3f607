import type {
  DeclaredTask,
  DeclareOptions,
  Ledger,
  PauseOptions,
  ReadOptions,
  ResumeOptions,
  RetireOptions,
  TaskChange,
} from './api.ts'
import { concurrently } from './audit/concurrently.ts'
import type { HistoryDeps } from './audit/history.ts'
import { newestRow, usualRetirementStart } from './audit/retirement.ts'
import { listKnownTasks, readTaskRecords, unknownTask } from './audit/tasks.ts'
import { LedgerError, option, quote, said, usageError } from './core/errors.ts'
import { formatInstant } from './core/instant.ts'
import { keysOf } from './core/objects.ts'
import { readableRow } from './core/row/status.ts'
import { parseSchedule } from './core/schedule/schedule.ts'
import { readSchedule, timeText } from './core/schedule/schedule-options.ts'
import { parseTimeRange } from './core/schedule/time-range.ts'
import { withChange } from './core/task/record-changes.ts'
import { affectedPeriods } from './core/task/schedule-switch.ts'
import { withDeclaration, withPause, withResumption, withRetirement } from './core/task/task-changes.ts'
import { type Decided, inForceAt, type Suspension, type TaskRecord } from './core/task/task-record.ts'
import type { Instant } from './core/types.ts'
import { checkOperator, checkTaskName } from './core/user-text.ts'
import { type HostFacts, operatorOf } from './process/host.ts'
import { askWithin } from './run/ask.ts'
import { readExpectations } from './run/settings.ts'
import { SETTING_GROUPS, SETTINGS } from './run/settings-table.ts'
import { findUnknown } from './run/task/needs.ts'
import { changeTask, type KnownRecords, readChangeable, type TaskChangeRequest } from './run/task/task-record.ts'

// The rules are in core/task/task-changes.ts, and the write is in run/task/task-record.ts.

interface OperatorParts {
  readonly host: () => Promise<HostFacts>
  random(): number
  readonly known: KnownRecords
}

interface OperatorDeps extends HistoryDeps, OperatorParts {}

const NO_TASKS = said`no task has run yet in this ledger, so there is none to change. Is this the right ${option('store')}?`

export function operatorMethods(
  reading: (options: ReadOptions) => Promise<HistoryDeps>,
  { host, random, known }: OperatorParts,
): Pick<Ledger, 'declare' | 'pause' | 'pauseAll' | 'resume' | 'resumeAll' | 'retire'> {
  const decide = async (options: ReadOptions & Parameters<typeof decidedBy>[0]) => {
    const deps: OperatorDeps = { ...(await reading(options)), host, random, known }
    return [await decidedBy(options, deps), deps] as const
  }
  return {
    declare: async (options) => declareTask(options, ...(await decide(withReason(options, 'declared')))),
    pause: async (options) => pauseTask(options, ...(await decide(options))),
    async *pauseAll(options) {
      const [decided, deps] = await decide(options)
      yield* changeAll(deps, (task, own) => pauseTask({ ...options, task }, decided, own, 'all'))
    },
    resume: async (options) => resumeTask(options, ...(await decide(withReason(options, 'resumed')))),
    async *resumeAll(options) {
      const [decided, deps] = await decide(withReason(options, 'resumed'))
      yield* changeAll(deps, (task, own) => resumeTask({ ...options, task }, decided, own, true))
    },
    retire: async (options) => retireTask(options, ...(await decide(options))),
  }
}

/** If two operators declare the same, it is written once. */
async function declareTask(options: DeclareOptions, decided: Decided, deps: OperatorDeps): Promise<DeclaredTask> {
  const { task } = options
  const { spec } = readSchedule(options)
  const cleared = keysOf(SETTING_GROUPS.expectations).filter((name) => options[name] === null)
  const expectations = {
    ...readExpectations(options),
    ...Object.fromEntries(cleared.map((name) => [name, null])),
    ...(options.after === null && { afterTimeoutMs: null }),
  }
  const now = secondOf(deps.clock.now())
  const { from: start = now } = readSpan(options, spec.zone, deps.clock.now())
  const from = secondOf(start)
  const created = options.dryRun ? null : await createLedgerFile(deps)
  // The tasks that it comes after and that are not recorded yet.
  const unknownAfter = await findUnknown(
    { task, window: { slot: from, end: null }, schedule: spec },
    expectations.after ?? [],
    { ledgerTimeoutMs: deps.pageTimeoutMs, skewMs: SETTINGS.skewMs.default },
    { ...deps, stop: AbortSignal.any([...deps.signals]) },
  )
  const change = (record: TaskRecord) => {
    // A run that is refused asks for its own slot, which is over.
    const declared = withDeclaration(record, { spec, from, now: options.dryRun ? from : now, expectations })
    return declared && withChange(record, declared, from, decided)
  }
  const request = { task, what: 'the declaration', change, isIn: (record: TaskRecord) => change(record) === null }
  const facts = { ...(created !== null && { created }), ...(unknownAfter.length > 0 && { unknownAfter }) }
  const found = await readChangeable(task, deps)
  if (options.dryRun) {
    const record = change(found.record)
    const before = inForceAt(found.record.schedules, from - 1)?.spec
    const affected = before === undefined ? [] : affectedPeriods(parseSchedule(before), parseSchedule(spec), from)
    return { task, changed: record !== null, record: record ?? found.record, affected, ...facts }
  }
  const { changed, record } = await changeTask(request, found, deps)
  deps.known.add(task, record)
  return { task, changed, record, ...facts }
}

/** Returns the path of the file if it has just been made. */
async function createLedgerFile({ pageTimeoutMs, signals, store, ...io }: OperatorDeps): Promise<string | null> {
  const { create } = store
  return create === undefined ? null : askWithin({ ms: pageTimeoutMs, signals }, io, (call) => create(call))
}

/** The error of one task does not stop the others. Names are read again at the end: a first run may have added one. */
async function* changeAll(deps: OperatorDeps, change: (task: string, deps: OperatorDeps) => Promise<TaskChange>) {
  const done = new Set<string>()
  for (;;) {
    const names = (await listKnownTasks(deps)).filter((name) => !done.has(name))
    if (done.size + names.length === 0) throw usageError(NO_TASKS)
    if (names.length === 0) return
    yield* concurrently(
      () => names,
      async function* (task, signal) {
        yield await change(task, { ...deps, signals: [signal] }).catch((error: unknown) => {
          if (error instanceof LedgerError) return { task, error }
          throw error
        })
      },
      deps.signals,
    )
    for (const name of names) done.add(name)
  }
}

async function pauseTask(options: PauseOptions, decided: Decided, deps: OperatorDeps, scope?: 'all') {
  const task = await readTaskToChange(options.task, deps)
  const { from = secondOf(decided.at), until } = readSpan(options, task.zone, decided.at)
  const pause: Suspension = { from, until, ...(scope && { scope }), ...decided }
  return recordChange(task, deps, {
    what: 'the pause',
    change: (record) => withPause(record, pause),
    touched: ({ pauses }) => pauses.filter((one) => isSameSuspension(one, pause)),
  })
}

async function resumeTask(options: ResumeOptions, decided: Decided, deps: OperatorDeps, onlyOfAll = false) {
  const task = await readTaskToChange(options.task, deps)
  const { from = secondOf(decided.at) } = readSpan(options, task.zone, decided.at)
  return recordChange(task, deps, {
    what: 'the end of the pause',
    change: (record) => withResumption(record, from, decided, { onlyOfAll }),
    touched: ({ pauses, retirements }) => [...pauses, ...retirements].filter(({ ended }) => isBy(ended, decided)),
  })
}

function withReason<Options extends Omit<ResumeOptions, 'task'>>(options: Options, usual: string) {
  return { ...options, reason: options.reason ?? usual }
}

async function retireTask(options: RetireOptions, decided: Decided, deps: OperatorDeps): Promise<TaskChange> {
  const task = await readTaskToChange(options.task, deps)
  // A slot in the future may have a row, which an operator has resolved. It says nothing about the scheduler.
  const newest = () => newestRow({ task: task.task, until: decided.at + 1 }, deps)
  const usualStart = async () => usualRetirementStart(task.found.record, await newest(), secondOf(decided.at))
  const { from = await usualStart() } = readSpan(options, task.zone, decided.at)
  const retirement: Suspension = { from, until: null, ...decided }
  const change = await recordChange(task, deps, {
    what: 'the retirement',
    change: (record) => withRetirement(record, retirement),
    touched: ({ retirements }) => retirements.filter((one) => isSameSuspension(one, retirement)),
  })
  if (change.changed) return change
  return { ...change, suspensions: change.record.retirements.filter(({ until }) => until === null) }
}

/** Returns who decides, why and when. Throws a usage error if a text is missing, too long or a placeholder. */
async function decidedBy(
  { task, by, reason }: Omit<ResumeOptions, 'task'> & { readonly task?: string; readonly reason: string },
  { clock, host }: OperatorDeps,
): Promise<Decided> {
  if (task !== undefined) checkTaskName(task)
  const person = { by: by ?? operatorOf((await host()).host), reason }
  checkOperator(person)
  return { at: clock.now(), ...person }
}

/** Slots are whole seconds, and an operator reads the start of a pause more easily without milliseconds. */
function secondOf(instant: Instant): Instant {
  return instant - (instant % 1_000)
}

/** Reads both ends, as `parseTimeRange` does. Throws a usage error if a range that begins now has already ended. */
function readSpan(given: Pick<PauseOptions, 'from' | 'until'>, zone: string, now: Instant) {
  const text = {
    since: given.from === undefined ? undefined : timeText(given.from, 'from'),
    until: given.until === undefined ? undefined : timeText(given.until, 'until'),
  }
  const { since, until = null } = parseTimeRange(text, zone, now, [option('from'), option('until')])
  if (since === undefined && until !== null && until <= now) {
    throw usageError(
      said`${option('until')} ${quote(text.until ?? '')} is not later than now: it is ${formatInstant(until)}. Use a later end as an instant, a local time or a date, or leave it out. A pause that is over also needs ${option('from')}.`,
    )
  }
  return { from: since, until }
}

type TaskToChange = Awaited<ReturnType<typeof readTaskToChange>>

async function readTaskToChange(task: string, deps: OperatorDeps) {
  const found = await readChangeable(task, deps)
  const spec = inForceAt(found.record.schedules, deps.clock.now())?.spec
  if (spec !== undefined) return { task, found, zone: spec.zone }
  const newest = await newestRow({ task }, deps)
  if (newest === null && found.version === 'absent') throw await unknownTask(task, readTaskRecords(deps))
  return { task, found, zone: readableRow(newest)?.schedule.zone ?? 'UTC' }
}

async function recordChange(
  { task, found, zone }: TaskToChange,
  deps: OperatorDeps,
  {
    touched,
    ...request
  }: Pick<TaskChangeRequest, 'what' | 'change'> & {
    /** Returns the suspensions of a record that the change of this call has made or ended. */
    touched(record: TaskRecord): readonly Suspension[]
  },
): Promise<TaskChange> {
  const isIn = (record: TaskRecord) => touched(record).length > 0
  const { changed, record } = await changeTask({ task, isIn, ...request }, found, deps)
  // A run of the same program must see the change at once.
  deps.known.add(task, record)
  return { task, changed, suspensions: changed ? touched(record) : [], record, timezone: zone }
}

function isSameSuspension(one: Suspension, other: Suspension): boolean {
  return one.from === other.from && isBy(one, other)
}

function isBy(one: Decided | undefined, { at, by, reason }: Decided): boolean {
  return one !== undefined && one.at === at && one.by === by && one.reason === reason
}
