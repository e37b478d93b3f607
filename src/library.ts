import type { Ledger, LedgerOptions, LedgerTask } from './api.ts'
import { LedgerError, quote, usageError } from './core/errors.ts'
import { didYouMean, nearest } from './core/near.ts'
import { isRecord, type OrUndefined } from './core/objects.ts'
import { isAllowed, type OptionSpec, optionName } from './core/option.ts'
import { readInstant, timeText } from './core/schedule/schedule-options.ts'
import { type ExitCodeOptions, exitCodeOf } from './exit-code.ts'
import { OutcomeError } from './function-work.ts'
import { createLedger } from './ledger.ts'
import { SETTINGS } from './run/settings-table.ts'
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
const TEXTS: Kind = { is: (value) => Array.isArray(value) && value.every(isText), use: 'a list of texts' }
const OBJECT: Kind = { is: isRecord, use: 'an object' }
const isTask = (value: unknown) => isRecord(value) && isText(value['task']) && Array.isArray(value['schedules'])
const TASK: Kind = { is: (value) => isText(value) || isTask(value), use: 'a name, or a task that tasks() returned' }
const ARGV: Kind = { is: (value) => TEXTS.is(value) && (value as []).length > 0, use: "a list such as ['./batch.sh']" }
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

type Options = Readonly<Record<string, Kind>>

const SETTING_KINDS = Object.fromEntries(
  Object.entries<OptionSpec>(SETTINGS).map(([name, spec]) => [name, kindOf(spec)]),
) as { readonly [Name in keyof typeof SETTINGS]: Kind }
const { graceMs, lateAfterMs, doneByMs, after, expect, owner, skewMs, sinceLastSuccess } = SETTING_KINDS
const READ = { ledgerTimeoutMs: COUNT, signal: SIGNAL }
const RANGE = { ...READ, task: A_TEXT, since: TIME, until: TIME }
const AUDIT = { ...READ, task: TASK, only: FUNCTION, since: TIME, until: TIME, progress: FUNCTION }
const SCHEDULE_KINDS = { schedule: A_TEXT, timezone: A_TEXT, anchor: TIME }
const CHANGE = { ...READ, reason: A_TEXT, by: A_TEXT, from: TIME }
const FORCE = {
  slot: TIME,
  reason: A_TEXT,
  by: A_TEXT,
  fresh: SWITCH,
  only: TEXTS,
  askedAt: MOMENT,
  ofRange: SWITCH,
  ignoreAfter: SWITCH,
}
const TASK_OPTIONS = { ...SETTING_KINDS, ...SCHEDULE_KINDS, task: A_TEXT, signal: SIGNAL }
const RUN = { ...TASK_OPTIONS, eventTime: TIME, force: OBJECT }

/** The options of each call, and those that must be given. */
const CALLS = {
  createLedger: [{ store: STORE, log: FUNCTION }, ['store']],
  run: [RUN, ['task', 'schedule']],
  task: [TASK_OPTIONS, ['task', 'schedule']],
  force: [FORCE, ['slot', 'reason']],
  runCommand: [{ argv: ARGV, env: OBJECT, stops: STOPS, timeoutMs: LIMIT }, ['argv', 'env', 'stops', 'timeoutMs']],
  get: [{ ...READ, task: A_TEXT, slot: TIME }, ['task', 'slot']],
  history: [{ ...RANGE, limit: MAX_ROWS }, []],
  slots: [{ ...RANGE, emitProblem: FUNCTION }, []],
  check: [{ ...AUDIT, newMs: COUNT, emitNote: FUNCTION }, ['since', 'until']],
  health: [AUDIT, ['since', 'until']],
  findSlot: [{ ...READ, task: A_TEXT, slot: TIME }, ['task', 'slot']],
  rerunnable: [
    { ...READ, task: TASK, from: TIME, to: TIME, only: TEXTS, retentionMs: COUNT, emitDoubt: FUNCTION },
    ['task', 'from'],
  ],
  tasks: [{ ...READ, task: A_TEXT, emitProblem: FUNCTION }, []],
  resolve: [
    { ...READ, task: A_TEXT, slot: TIME, state: A_TEXT, reason: A_TEXT, runId: A_TEXT, by: A_TEXT },
    ['task', 'slot', 'state', 'reason'],
  ],
  declare: [
    {
      ...{ ...READ, ...SCHEDULE_KINDS, task: A_TEXT, from: TIME },
      ...{ graceMs, lateAfterMs, doneByMs, after, expect, owner, skewMs, sinceLastSuccess },
    },
    ['task', 'schedule'],
  ],
  pause: [{ ...CHANGE, task: A_TEXT, until: TIME }, ['task', 'reason']],
  pauseAll: [{ ...CHANGE, until: TIME }, ['reason']],
  resume: [{ ...CHANGE, task: A_TEXT }, ['task']],
  resumeAll: [CHANGE, []],
  retire: [{ ...CHANGE, task: A_TEXT }, ['task', 'reason']],
  exitCodeOf: [{ exitOnDuplicate: EXIT_CODE, stopSignal: SIGNAL_NAME }, []],
} as const satisfies Readonly<Record<string, readonly [Options, readonly string[]]>>

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

function checkRun<T>(options: T): T {
  const given = checkCall('run', options) as Readonly<Record<string, unknown>>
  if (given['force'] !== undefined) checkCall('force', given['force'])
  // An event without a time would run in the slot of now, and leave its own one without a row.
  else if ('eventTime' in given && given['eventTime'] === undefined)
    throw usageError('eventTime is undefined. Give the time of the event, or leave eventTime out to use the clock.')
  return options
}

/** An empty range has no findings, which a caller would take for a healthy task. */
function checkRange<T>(call: 'history' | 'slots' | 'check' | 'health', options: T): T {
  const { since, until } = checkCall(call, options) as OrUndefined<Record<'since' | 'until', string | Date>>
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
function checkCall<T>(call: keyof typeof CALLS, options: T): T {
  const [kinds, required]: readonly [Options, readonly string[]] = CALLS[call]
  if (options instanceof Promise) throw usageError(`${call} needs the options themselves. Await the Promise first.`)
  if (!isRecord(options)) throw usageError(`${call} needs an object with its options.`)
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) {
      const near = nearest(name, Object.keys(kinds))
      throw usageError(`${call} has no option ${quote(name)}.${didYouMean(near === null ? [] : [near])}`)
    }
    if (value !== undefined && !kind.is(value))
      throw usageError(`${name} ${shown(value)} is not allowed. Use ${kind.use}.`)
  }
  const missing = required.find((name) => options[name] === undefined)
  if (missing !== undefined) throw usageError(`${missing} is missing. Give it to ${call}: ${kinds[missing]?.use}.`)
  return options
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

const OWN_NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(CALLS).flatMap(([kinds]) => Object.keys(kinds).map((name) => [optionName(name), name])),
)

/**
 * The rules that several options make are those of the command line. Their errors must name the options of the library. If the
 * signal aborted before the ledger answered, its reason is thrown, as `fetch` does.
 */
function rethrow(error: unknown, { signal }: Stoppable = {}): never {
  if (error instanceof LedgerError && error.kind === 'unreachable') signal?.throwIfAborted()
  if (error instanceof LedgerError && error.kind === 'usage') {
    const own = (name: string) => OWN_NAMES[name] ?? name
    const [said = '', ...command] = error.message.split(/(?=\bcronledger )/)
    error.message = [
      said
        .replace(/--([a-z]+(-[a-z]+)*)/g, (_, name) => own(name))
        .replace(/\b[a-z]+(-[a-z]+)+\b/g, own)
        .replace(/^[a-z]+(?= \d)/, own),
      ...command,
    ].join('')
  }
  throw error
}

/** Returns the exit code for an outcome, or for an error that `run` has thrown: 1 for an error of the work. */
export function exitCodeOfAny(outcome: RunOutcome<unknown> | Error, options: ExitCodeOptions = {}): number {
  checkCall('exitCodeOf', options)
  if (outcome instanceof LedgerError) return exitCodeOf(outcome)
  if (outcome instanceof OutcomeError) return exitCodeOf({ ...outcome.outcome, caughtUp: [] }, options)
  if (outcome instanceof Error) return 1
  if (isRecord(outcome) && 'status' in outcome && 'caughtUp' in outcome) return exitCodeOf(outcome, options)
  throw usageError('exitCodeOf needs the outcome of a run, or the error that it threw.')
}
