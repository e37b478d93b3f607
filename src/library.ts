import type {
  CheckOptions,
  DeclareOptions,
  FindSlotOptions,
  GetOptions,
  HealthOptions,
  HistoryOptions,
  Ledger,
  LedgerOptions,
  LedgerTask,
  PauseOptions,
  RerunnableOptions,
  ResolveOptions,
  ResumeOptions,
  RetireOptions,
  RunOptions,
  SlotsOptions,
  TaskOptions,
  TasksOptions,
} from './api.ts'
import { hyphened, LedgerError, quote, usageError } from './core/errors.ts'
import { EXIT } from './core/exit.ts'
import { didYouMean, nearest } from './core/near.ts'
import { isRecord, keysOf, objectOf } from './core/objects.ts'
import { isAllowed, type OptionSpec } from './core/option.ts'
import { otherName } from './core/other-names.ts'
import { readInstant, type ScheduleOptions, slotOf, timeText } from './core/schedule/schedule-options.ts'
import { type ExitCodeOptions, exitCodeOf } from './exit-code.ts'
import { OutcomeError } from './function-work.ts'
import { createLedger } from './ledger.ts'
import type { CommandOptions } from './run/command.ts'
import type { Force } from './run/run-trigger.ts'
import { SETTING_GROUPS, SETTINGS } from './run/settings-table.ts'
import type { RunOutcome } from './said-run.ts'
import { scheduledTask } from './scheduled-task.ts'

// A caller in plain JavaScript has no types. Each call is checked whole before the ledger is asked for anything: a name that
// is misspelt would otherwise be ignored, and the batch would run in another slot, or in none.

interface Kind {
  is(value: unknown): boolean
  readonly use: string
}

const isText = (value: unknown) => typeof value === 'string'
const isValidDate = (value: unknown) => value instanceof Date && !Number.isNaN(value.getTime())
const isFunction = (value: unknown) => typeof value === 'function'
const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0
const isExitCode = (value: unknown) => isCount(value) && Number.isInteger(value) && value <= 255
const isSignal = (value: unknown) => isRecord(value) && 'aborted' in value && isFunction(value['addEventListener'])

const A_TEXT: Kind = { is: isText, use: 'a text' }
const TIME: Kind = { is: (value) => isText(value) || isValidDate(value), use: 'a text or a valid Date' }
const MOMENT: Kind = { is: isValidDate, use: 'a valid Date' }
const FUNCTION: Kind = { is: isFunction, use: 'a function' }
const SWITCH: Kind = { is: (value) => typeof value === 'boolean', use: 'true or false' }
const COUNT: Kind = { is: isCount, use: 'a number that is not negative' }
const SIGNAL: Kind = { is: isSignal, use: 'an AbortSignal' }
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)
const TEXTS: Kind = { is: isTexts, use: 'a list of texts' }
const OBJECT: Kind = { is: isRecord, use: 'an object' }
const isTask = (value: unknown) => isRecord(value) && isText(value['task']) && Array.isArray(value['schedules'])
const TASK: Kind = { is: (value) => isText(value) || isTask(value), use: 'a name, or a task that tasks() returned' }
const ARGV: Kind = { is: (value) => isTexts(value) && value.length > 0, use: "a list such as ['./batch.sh']" }
const isStops = (value: unknown) => isRecord(value) && isSignal(value['aborted']) && isFunction(value['onSignal'])
const STOPS: Kind = { is: isStops, use: 'what installStops() returns' }
const STORE: Kind = { is: (value) => isText(value) && value !== '', use: 'a text such as file:ledger.db' }
const LIMIT: Kind = { is: (value) => value === null || isCount(value), use: 'milliseconds, or null for no limit' }

const MAX_ROWS: Kind = {
  is: (value) => isCount(value) && value >= 1 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY),
  use: 'a whole number from 1',
}
const EXIT_CODE: Kind = { is: isExitCode, use: '0 to 255' }
const SIGNAL_NAME: Kind = { is: (value) => value === null || isText(value), use: 'a name such as SIGTERM, or null' }

type Kinds = Readonly<Record<string, Kind & { readonly isRequired?: true }>>

/** Each option of a call. The compiler asks for one that is missing here, and for `required` as the type says. */
type KindsOf<Options> = {
  readonly [Name in keyof Options]-?: undefined extends Options[Name]
    ? Kind & { readonly isRequired?: never }
    : Kind & { readonly isRequired: true }
}

const required = (kind: Kind) => ({ ...kind, isRequired: true }) as const
const nullable = ({ is, use }: Kind): Kind => ({ is: (value) => value === null || is(value), use: `${use}, or null` })

const kindsOf = <Name extends string>(table: Readonly<Record<Name, OptionSpec>>, of = kindOf) =>
  objectOf(keysOf(table), (name) => of(table[name]))

const READ = { ledgerTimeoutMs: COUNT, signal: SIGNAL }
const RANGE = { ...READ, since: TIME, until: TIME, limit: MAX_ROWS }
const AUDIT = { ...READ, task: TASK, only: FUNCTION, since: TIME, until: TIME, now: MOMENT, progress: FUNCTION }
const SCHEDULE_OPTIONS = { schedule: required(A_TEXT), timezone: A_TEXT, anchor: TIME }
const OF_TASK = { ...READ, task: required(A_TEXT) }
const CHANGE = { ...READ, reason: A_TEXT, by: A_TEXT, from: TIME }
const REASON = { reason: required(A_TEXT) }
const FORCE: KindsOf<Force> = {
  slot: required(TIME),
  ...REASON,
  by: A_TEXT,
  fresh: SWITCH,
  status: TEXTS,
  askedAt: MOMENT,
  partOfRepair: SWITCH,
  plan: A_TEXT,
  ignoreAfter: SWITCH,
}
const TASK_OPTIONS: KindsOf<TaskOptions> = {
  ...kindsOf(SETTINGS),
  ...SCHEDULE_OPTIONS,
  task: required(A_TEXT),
  signal: SIGNAL,
}

interface Calls {
  createLedger: LedgerOptions
  run: RunOptions
  task: TaskOptions
  force: Force
  runCommand: CommandOptions
  get: GetOptions
  history: HistoryOptions
  slots: SlotsOptions
  check: CheckOptions
  health: HealthOptions
  findSlot: FindSlotOptions
  rerunnable: RerunnableOptions
  tasks: TasksOptions
  resolve: ResolveOptions
  declare: DeclareOptions
  pause: PauseOptions
  pauseAll: Omit<PauseOptions, 'task'>
  resume: ResumeOptions
  resumeAll: Omit<ResumeOptions, 'task'>
  retire: RetireOptions
  exitCodeOf: ExitCodeOptions
  slotOf: ScheduleOptions
}

const CALLS: { readonly [Call in keyof Calls]: KindsOf<Calls[Call]> } = {
  createLedger: { store: required(STORE), log: FUNCTION },
  run: { ...TASK_OPTIONS, eventTime: TIME, force: OBJECT },
  task: TASK_OPTIONS,
  force: FORCE,
  runCommand: { argv: required(ARGV), env: required(OBJECT), stops: required(STOPS), timeoutMs: required(LIMIT) },
  get: { ...OF_TASK, slot: required(TIME) },
  history: { ...RANGE, task: A_TEXT },
  slots: { ...RANGE, task: TASK, now: MOMENT, emitProblem: FUNCTION },
  check: { ...AUDIT, emitNote: FUNCTION, emitSlot: FUNCTION },
  health: AUDIT,
  findSlot: { ...OF_TASK, slot: required(TIME) },
  rerunnable: {
    ...READ,
    task: required(TASK),
    from: required(TIME),
    until: TIME,
    status: TEXTS,
    retentionMs: COUNT,
    ranges: A_TEXT,
    endedRun: A_TEXT,
    withRunning: SWITCH,
    emitDoubt: FUNCTION,
  },
  tasks: { ...READ, task: A_TEXT, emitProblem: FUNCTION },
  resolve: { ...OF_TASK, ...REASON, slot: required(TIME), state: required(A_TEXT), runId: A_TEXT, by: A_TEXT },
  declare: {
    ...OF_TASK,
    ...CHANGE,
    ...SCHEDULE_OPTIONS,
    dryRun: SWITCH,
    ...kindsOf(SETTING_GROUPS.expectations, (spec) => nullable(kindOf(spec))),
  },
  pause: { ...OF_TASK, ...CHANGE, ...REASON, until: TIME },
  pauseAll: { ...CHANGE, ...REASON, until: TIME },
  resume: { ...OF_TASK, ...CHANGE },
  resumeAll: CHANGE,
  retire: { ...OF_TASK, ...CHANGE, ...REASON },
  exitCodeOf: { exitOnDuplicate: EXIT_CODE, stopSignal: SIGNAL_NAME },
  slotOf: SCHEDULE_OPTIONS,
}

/** An option that only another call has, and what to do here. */
const OF_OTHER_CALLS: Readonly<Record<string, string>> = {
  timeoutMs: 'Give run a signal, such as AbortSignal.timeout(60_000); only runCommand has timeoutMs.',
}

function kindOf(spec: OptionSpec): Kind {
  if (spec.kind === 'switch') return SWITCH
  const is = (value: unknown) => isAllowed(value, spec)
  if ('choices' in spec) return { is, use: spec.choices.join(', ') }
  if (spec.kind === 'names') return { is, use: "a list of names of tasks, such as ['extract']" }
  if (spec.kind === 'text') return { is, use: 'a text' }
  const unit = spec.kind === 'duration' ? ' milliseconds' : ''
  return { is, use: `${spec.bounds.join(' to ')}${unit}` }
}

/** Returns the ledger of that name. The first call opens it. */
export function createCheckedLedger(options: LedgerOptions): Ledger {
  checkCall('createLedger', options)
  return checked(inOwnWords(() => createLedger(options)))
}

function checked(ledger: Ledger): Ledger {
  const methods: Omit<Ledger, 'task'> = {
    run: async (options, work) => settled({}, () => ledger.run(checkRun(options), checkWork('run', work))),
    tryRun: async (options, work) => settled({}, () => ledger.tryRun(checkRun(options), checkWork('tryRun', work))),
    once(options, work) {
      checkWork('once', work)
      const own = isFunction(options) ? options : checkRun(options)
      const call = ledger.once(typeof own === 'function' ? (...args) => checkRun(own(...args)) : own, work)
      return async (...args) => settled({}, () => call(...args))
    },
    runCommand: async (options, command) =>
      settled({}, () => ledger.runCommand(checkRun(options), checkCall('runCommand', command))),
    get: async (options) => settled(options, () => ledger.get(checkCall('get', options))),
    history: (options) => each(options, () => ledger.history(checkRange('history', options))),
    slots: (options) => each(options, () => ledger.slots(checkRange('slots', options))),
    check: (options) => each(options, () => ledger.check(checkRange('check', options))),
    health: (options) => each(options, () => ledger.health(checkRange('health', options))),
    findSlot: async (options) => settled(options, () => ledger.findSlot(checkCall('findSlot', options))),
    rerunnable: (options) => each(options, () => ledger.rerunnable(checkCall('rerunnable', options))),
    tasks: (options = {}) => each(options, () => ledger.tasks(checkCall('tasks', options))),
    resolve: async (options) => settled(options, () => ledger.resolve(checkCall('resolve', options))),
    declare: async (options) => settled(options, () => ledger.declare(checkCall('declare', options))),
    pause: async (options) => settled(options, () => ledger.pause(checkCall('pause', options))),
    pauseAll: (options) => each(options, () => ledger.pauseAll(checkCall('pauseAll', options))),
    resume: async (options) => settled(options, () => ledger.resume(checkCall('resume', options))),
    resumeAll: (options) => each(options, () => ledger.resumeAll(checkCall('resumeAll', options))),
    retire: async (options) => settled(options, () => ledger.retire(checkCall('retire', options))),
    close: ledger.close,
  }
  return {
    ...methods,
    task: (options) => withCheckedCalls(inOwnWords(() => scheduledTask(methods, checkCall('task', options)))),
  }
}

function withCheckedCalls(task: LedgerTask): LedgerTask {
  return {
    ...task,
    run: async (work) => task.run(checkWork('run', work)),
    tick: async (instant, work) => task.tick(instant, checkWork('tick', work)),
    nextSlot(after) {
      if (after === undefined || isValidDate(after)) return task.nextSlot(after)
      throw usageError(`nextSlot takes a valid Date, but ${shown(after)} is not one.`)
    },
  }
}

function checkRun<T extends Pick<RunOptions, 'force' | 'eventTime'>>(options: T): T {
  const given = checkCall('run', options)
  if (given.force !== undefined) checkCall('force', given.force)
  // An event without a time would run in the slot of now, and leave its own one without a row.
  else if ('eventTime' in given && given.eventTime === undefined)
    throw usageError('eventTime is undefined. Give the time of the event, or leave eventTime out to use the clock.')
  return options
}

/** An empty range has no findings, which a caller would take for a healthy task. */
function checkRange<T extends Partial<Pick<HistoryOptions, 'since' | 'until'>>>(call: keyof Calls, options: T): T {
  const { since, until } = checkCall(call, options)
  if (since === undefined || until === undefined || readInstant(since, 'since') <= readInstant(until, 'until'))
    return options
  const [start, end] = [since, until].map((time) => quote(timeText(time, 'since')))
  throw usageError(`since ${start} is later than until ${end}. Use an earlier start.`)
}

function checkWork<T>(call: string, work: T): T {
  if (!isFunction(work)) throw usageError(`${call} needs a function: the work of the attempt.`)
  // A class cannot be called, and a generator returns before it has done anything.
  const isClass = Object.getOwnPropertyDescriptor(work, 'prototype')?.writable === false
  if (isClass || /Generator/.test(Object.prototype.toString.call(work))) {
    throw usageError(`${call} needs a function that does the work when it is called, not a class or a generator.`)
  }
  return work
}

/** Returns the options. Throws a usage error if one is unknown, missing, or not of its kind. */
function checkCall<T>(call: keyof Calls, options: T): T {
  const kinds: Kinds = CALLS[call]
  if (options instanceof Promise) throw usageError(`${call} needs the options themselves. Await the Promise first.`)
  if (!isRecord(options)) {
    const what =
      call === 'runCommand' ? "its command as the second argument: { argv: ['./batch.sh'], … }" : 'its options'
    throw usageError(`${call} needs an object with ${what}.`)
  }
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) throw noSuchOption(call, name, Object.keys(kinds))
    if (value !== undefined && !kind.is(value))
      throw usageError(`${name} ${shown(value)} is not allowed. Use ${kind.use}.`)
  }
  const missing = Object.entries(kinds).filter(([name, { isRequired }]) => isRequired && options[name] === undefined)
  if (missing.length > 0) {
    const [[first, kind] = ['', A_TEXT], ...more] = missing
    if (more.length === 0) throw usageError(`${first} is missing. Give it to ${call}: ${kind.use}.`)
    const uses = missing.map(([name, { use }]) => `${name} (${use})`)
    throw usageError(
      `${missing.map(([name]) => name).join(', ')} are missing. Give them to ${call}: ${uses.join(', ')}.`,
    )
  }
  return options
}

function noSuchOption(call: keyof Calls, name: string, names: readonly string[]) {
  const meant = otherName(hyphened(name), (one) => names.some((own) => hyphened(own) === one))
  const same = meant !== null && 'option' in meant ? names.find((own) => hyphened(own) === meant.option) : null
  const near = same ?? nearest(name, names)
  const advice = Object.hasOwn(OF_OTHER_CALLS, name)
    ? ` ${OF_OTHER_CALLS[name]}`
    : didYouMean(near === null ? [] : [near])
  return usageError(`${call} has no option ${quote(name)}.${advice}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (value instanceof Date) return '(an invalid Date)'
  if (typeof value === 'function') return '(a function)'
  return typeof value === 'object' && value !== null ? '(an object)' : String(value)
}

interface Stoppable {
  readonly signal?: AbortSignal | undefined
}

async function settled<T>(options: Stoppable, call: () => Promise<T>): Promise<T> {
  return call().catch((error: unknown) => rethrow(error, options))
}

async function* each<T>(options: Stoppable, call: () => AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* call()
  } catch (error) {
    rethrow(error, options)
  }
}

function inOwnWords<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    return rethrow(error)
  }
}

/** Names options as the library does. If the signal aborted before the ledger answered, its reason is thrown, as `fetch` does. */
function rethrow(error: unknown, { signal }: Stoppable = {}): never {
  if (error instanceof LedgerError && error.kind === 'unreachable') signal?.throwIfAborted()
  if (error instanceof LedgerError) error.useLibraryNames()
  throw error
}

export const slotOfChecked: typeof slotOf = (options, ...time) =>
  inOwnWords(() => slotOf(checkCall('slotOf', options), ...time))

/** Returns the exit code for an outcome, or for an error that `run` has thrown: `EXIT.failed` for an error of the work. */
export function exitCodeOfAny(outcome: RunOutcome<unknown> | Error, options: ExitCodeOptions = {}): number {
  checkCall('exitCodeOf', options)
  if (outcome instanceof LedgerError) return exitCodeOf(outcome)
  if (outcome instanceof OutcomeError) return exitCodeOf({ ...outcome.outcome, caughtUp: [] }, options)
  if (outcome instanceof Error) return EXIT.failed
  if (isRecord(outcome) && 'status' in outcome && 'caughtUp' in outcome) return exitCodeOf(outcome, options)
  throw usageError('exitCodeOf needs the outcome of a run, or the error that it threw.')
}
