import { randomUUID } from 'node:crypto'
import type {
  Attempt,
  Force,
  HistoryOptions,
  Ledger,
  LedgerOptions,
  OrUndefined,
  ReadOptions,
  RunOptions,
  RunOutcome,
} from './api.ts'
import { checkTask, checkTasks } from './audit/check.ts'
import { USUAL_GRACE_MS } from './audit/expected.ts'
import { type HistoryDeps, type HistoryQuery, readHistory } from './audit/history.ts'
import { rerunnableSlots } from './audit/rerunnable.ts'
import { readSlots } from './audit/slots.ts'
import { type KnownTask, readTask, readTasks } from './audit/tasks.ts'
import { formatDuration } from './core/duration.ts'
import { firstLine, LedgerError, usageError } from './core/errors.ts'
import type { RunContext, RunEvent } from './core/event.ts'
import { formatInstant, parseInstant } from './core/instant.ts'
import { checkOperator } from './core/person.ts'
import type { Policy } from './core/row/policy.ts'
import { DEFAULT_RERUNNABLE, readRerunnable } from './core/row/rerunnable.ts'
import { parseSlotBySchedules } from './core/row/schedules-in-force.ts'
import { defined } from './core/row/stored-fields.ts'
import { readSchedule, rememberingParser, type ScheduleOptions, timeText } from './core/schedule/schedule-options.ts'
import { parseTimeRange } from './core/schedule/time-range.ts'
import { checkTaskName } from './core/task.ts'
import type { Host, Instant, Row, ScheduleSpec } from './core/types.ts'
import { link, systemClock } from './process/clock.ts'
import { findHost, operatorOf } from './process/host.ts'
import type { StopReason } from './process/stop.ts'
import { findSurvivor } from './process/survivors.ts'
import { unfailing } from './run/claimed-slot.ts'
import { commandWork } from './run/command.ts'
import { execute, type LiveAttempt, type WorkEnd } from './run/execute.ts'
import { hasOverlapLock } from './run/overlap-lock.ts'
import { resolveSlot } from './run/resolve.ts'
import { guardsOf, LIMITS, readSettings, usualLedgerTimeoutMs } from './run/settings.ts'
import { seenSchedules } from './run/task-record.ts'
import { readTrigger, type TriggerInput } from './run/trigger.ts'
import { type OpenedStore, openStore } from './store/open.ts'

/** A ledger by its name. It is opened by the first call, not before. */
export function createLedger({ store: name, log }: LedgerOptions): Ledger {
  let opened: Promise<OpenedStore> | null = null
  const open = () => {
    opened ??= openStore(name, process.env).catch((error: unknown) => {
      // The next call may find it mended.
      opened = null
      throw error
    })
    return opened
  }

  // Asked for once: under ECS it is a request of its own.
  let host: Promise<Host> | null = null
  const currentHost = () => {
    host ??= findHost(process.env)
    return host
  }

  const seen = seenSchedules(systemClock)
  const parse = rememberingParser()

  async function reading({ ledgerTimeoutMs, signal }: ReadOptions): Promise<HistoryDeps> {
    const { store } = await open()
    const pageTimeoutMs = ledgerTimeoutMs ?? LIMITS.ledgerTimeoutMs.default
    return { store, clock: systemClock, pageTimeoutMs, signals: signal === undefined ? [] : [signal] }
  }

  async function trigger<T>(
    options: RunOptions,
    stop: AbortSignal,
    work: (live: LiveAttempt) => Promise<WorkEnd<T>>,
  ): Promise<RunOutcome<T>> {
    checkTaskName(options.task)
    const given = { ledgerTimeoutMs: usualLedgerTimeoutMs(name), ...defined(options) }
    let settings = { ...readSettings(given), ...expectations(options.force) }
    const schedule = readSchedule(options, parse)
    const host = await currentHost()
    const read = readTrigger(triggerInput(options, host), schedule, settings, systemClock.now())
    let context: RunContext = {
      task: options.task,
      window: read.window,
      schedule: schedule.spec,
      runId: newId(),
      trigger: read.trigger,
      host,
      store: name,
      guards: guardsOf(settings),
    }
    let hasReported = false
    const emit = unfailing((event: RunEvent) => {
      hasReported ||= event.event === 'withdrawn'
      log?.(event, context)
    })
    /** Whoever is told of runs is told of those that could not be, too; a claim that was given up has said so. */
    const reportAndRethrow = (error: unknown): never => {
      const isNews = error instanceof LedgerError && error.kind !== 'usage' && !hasReported
      if (isNews) emit({ event: 'unusable', detail: error.message })
      throw error
    }
    const { store, warnings } = await open().catch(reportAndRethrow)
    for (const message of warnings) emit({ event: 'warning', message })
    for (const notice of read.notices) emit(notice)
    const io = {
      store,
      clock: systemClock,
      newId,
      random: Math.random,
      stop,
      seen,
      findSurvivor: (row: Row) => findSurvivor(row.attempts),
      emit,
    }
    const mayOverlap = options.force === undefined || options.overlap !== undefined
    if (!mayOverlap && (await hasOverlapLock(options.task, settings, io).catch(reportAndRethrow))) {
      settings = { ...settings, ...readSettings({ ...given, overlap: 'skip' }) }
      context = { ...context, guards: guardsOf(settings) }
    }
    const { overlap, retentionMs } = settings
    const phase = overlap === 'allow' ? {} : ({ phase: 'waiting' } as const)
    // `commandWork` puts it into the environment of a batch.
    const insideOf = process.env['CRONLEDGER_RUN_ID']
    const request = { ...context, zoneData: zoneData(), objection: read.objection, retentionMs, insideOf, ...phase }
    const result = await execute(request, work, settings, io).catch(reportAndRethrow)
    const { slot, end } = read.window
    return {
      ...result,
      task: options.task,
      slot: new Date(slot),
      windowEnd: end === null ? null : new Date(end),
      runId: context.runId,
    }
  }

  return {
    async run(options, work) {
      const { stop, release } = stopOf(options.signal)
      try {
        return await trigger(options, stop, (live) => callWork(work, live, stop))
      } finally {
        release()
      }
    },
    async runCommand(options, command) {
      return trigger(options, command.stops.aborted, commandWork(command, readSettings(defined(options))))
    },
    async *history({ limit = Number.POSITIVE_INFINITY, ...options }) {
      yield* readHistory({ ...queryOf(options), limit }, await reading(options))
    },
    async *slots({ graceMs, ...options }) {
      const query = queryOf(options)
      const deps = await reading(options)
      const tasks: KnownTask[] = []
      for await (const task of tasksOf(options, query.since ?? 0, deps)) tasks.push(task)
      yield* readSlots(query, tasks, graceMs, deps)
    },
    async *check({ since, until, graceMs, lateAfterMs = null, skewMs = LIMITS.skewMs.default, ...options }) {
      const deps = await reading(options)
      const progress = (task: string, slot: Instant) => options.progress?.(task, new Date(slot))
      const settings = { since: since.getTime(), until: until.getTime(), graceMs, lateAfterMs, skewMs, progress }
      const { task } = options
      if (task === undefined) yield* checkTasks(settings, deps)
      else if (typeof task !== 'string') yield* checkTask(task, settings, deps)
      else yield* checkTask(await knownTask(task, options, settings.since, deps), settings, deps)
    },
    async findSlot({ task, slot, ...options }) {
      const { schedules } = await knownTask(task, options, 0, await reading(options))
      const { window, spec } = parseSlotBySchedules(schedules, timeText(slot, 'slot'), systemClock.now())
      return { slot: new Date(window.slot), schedule: scheduleOptions(spec) }
    },
    async *rerunnable({ task, from, to, only = DEFAULT_RERUNNABLE, ...options }) {
      const { graceMs = USUAL_GRACE_MS, skewMs = LIMITS.skewMs.default } = options
      const deps = await reading(options)
      const known = await knownTask(task, options, 0, deps)
      const now = systemClock.now()
      const text = { since: timeText(from, 'from'), until: to === undefined ? undefined : timeText(to, 'to') }
      const zone = known.schedules.at(-1)?.spec.zone ?? 'UTC'
      const { since = 0, until = now } = parseTimeRange(text, zone, now, ['from', 'to'])
      const { retentionMs = Number.POSITIVE_INFINITY } = options
      if (only.includes('missed') && since < now - retentionMs) {
        throw usageError(
          `from is ${text.since}, and rows are kept for ${formatDuration(retentionMs)}: before that, slots that ran well look missed; begin later`,
        )
      }
      const settings = { since, until, graceMs, skewMs, only: readRerunnable(only) }
      // Whoever keeps a list of many slots keeps each schedule once.
      const schedules = new Map<ScheduleSpec, ScheduleOptions>()
      for await (const { slot, why, schedule: spec } of rerunnableSlots(known, settings, deps)) {
        const schedule = schedules.get(spec) ?? scheduleOptions(spec)
        schedules.set(spec, schedule)
        yield { slot: new Date(slot), why, schedule }
      }
    },
    async *tasks({ task, ...options } = {}) {
      const deps = await reading(options)
      const known = task === undefined ? null : await readTask(task, deps)
      if (known !== null) yield known
      else if (task === undefined) yield* readTasks(deps)
    },
    async resolve({ task, slot, state, reason, by, skewMs = LIMITS.skewMs.default, ...options }) {
      const deps = await reading(options)
      const host = await currentHost()
      const person = { reason, by: by ?? operatorOf(host) }
      checkOperator(person)
      const { schedules } = await knownTask(task, options, 0, deps)
      const { window, spec } = parseSlotBySchedules(schedules, timeText(slot, 'slot'), systemClock.now())
      const word = { task, window, schedule: spec, zoneData: zoneData(), runId: newId(), state, ...person }
      const settings = { skewMs, ledgerTimeoutMs: deps.pageTimeoutMs }
      const resolveResult = await resolveSlot(word, settings, { ...deps, newId, random: Math.random })
      if (resolveResult.kind === 'unanswered') throw resolveResult.cause
      return { ...resolveResult, slot: new Date(window.slot) }
    },
    async close() {
      // An opening that failed was thrown to whoever needed it, and left nothing to close.
      const left = await opened?.catch(() => null)
      left?.store.close()
    },
  }
}

function queryOf({ task, since, until }: HistoryOptions): Omit<HistoryQuery, 'limit'> {
  if (task !== undefined) checkTaskName(task)
  return {
    ...(task === undefined ? {} : { task }),
    ...(since === undefined ? {} : { since: parseInstant(timeText(since, 'since'), 'since') }),
    ...(until === undefined ? {} : { until: parseInstant(timeText(until, 'until'), 'until') }),
  }
}

/** The tasks to look at: all of the registry, one of them, or one whose schedule the caller knows better. */
async function* tasksOf(
  { task, ...given }: OrUndefined<ScheduleOptions> & { readonly task?: string | undefined },
  since: Instant,
  deps: HistoryDeps,
) {
  if (task === undefined) {
    yield* readTasks(deps)
    return
  }
  yield await knownTask(task, given, since, deps)
}

/** The task with the schedule that the caller gives, or else those of the registry. */
async function knownTask(
  task: string,
  { schedule, ...more }: OrUndefined<ScheduleOptions>,
  since: Instant,
  deps: HistoryDeps,
): Promise<KnownTask> {
  checkTaskName(task)
  if (schedule !== undefined) return { task, schedules: [{ since, spec: readSchedule({ schedule, ...more }).spec }] }
  const known = await readTask(task, deps)
  if (known === null)
    throw usageError(`the registry does not know task ${task}: no scheduled run of it is on record; give its schedule`)
  return known
}

async function callWork<T>(
  work: (attempt: Attempt) => T | Promise<T>,
  live: LiveAttempt,
  stop: AbortSignal,
): Promise<WorkEnd<T>> {
  const { task, slot, windowEnd, number, runId, lost } = live
  const controller = new AbortController()
  const unlink = link([lost, stop], controller)
  const attempt: Attempt = {
    task,
    slot: new Date(slot),
    windowEnd: windowEnd === null ? null : new Date(windowEnd),
    number,
    runId,
    signal: controller.signal,
  }
  try {
    return { outcome: 'succeeded', value: await work(attempt) }
  } catch (error) {
    const outcome = lost.aborted ? 'leaseLost' : stop.aborted ? 'interrupted' : 'failed'
    return { outcome, error, detail: firstLine(error) }
  } finally {
    unlink()
  }
}

function triggerInput({ eventTime, event, force }: RunOptions, host: Host): TriggerInput {
  return {
    ...(eventTime === undefined ? {} : { eventTime: timeText(eventTime, 'event time') }),
    ...(event === undefined ? {} : { event }),
    ...(force === undefined
      ? {}
      : { forceSlot: timeText(force.slot, 'slot'), reason: force.reason, by: force.by ?? operatorOf(host) }),
  }
}

/** What a force is asked for on. */
function expectations(force: Force | undefined): Pick<Policy, 'forceOnly' | 'forceAskedAt'> {
  if (force === undefined) return {}
  const { only, askedAt } = force
  return only === undefined
    ? { forceAskedAt: askedAt?.getTime() ?? systemClock.now() }
    : { forceOnly: readRerunnable(only) }
}

function scheduleOptions({ expression, zone, anchor }: ScheduleSpec): ScheduleOptions {
  return { schedule: expression, timezone: zone, ...(anchor !== undefined && { anchor: formatInstant(anchor) }) }
}

/** The caller's signal with the time of its abort: what a stop leaves is counted from there. */
function stopOf(signal: AbortSignal | undefined): { readonly stop: AbortSignal; release(): void } {
  const stop = new AbortController()
  const abort = () => stop.abort({ atMs: systemClock.monotonicMs() } satisfies StopReason)
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  return { stop: stop.signal, release: () => signal?.removeEventListener('abort', abort) }
}

/** The version of the zone data that Node brings. */
function zoneData(): string {
  return process.versions['tz'] ?? 'unknown'
}

/**
 * 80 random bits: unique among all runs of a ledger, and short, since every row holds several. Of a UUID, the parts without
 * its version: Node draws the randomness for many of them at once.
 */
function newId(): string {
  const uuid = randomUUID()
  return uuid.slice(0, 8) + uuid.slice(24)
}
