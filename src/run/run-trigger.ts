import { option, said, usageError } from '../core/errors.ts'
import type { RunContext, RunEvent } from '../core/event.ts'
import { defined, type OrUndefined } from '../core/objects.ts'
import { DEFAULT_FORCED, DEFAULT_RERUNNABLE, type Policy, type Rerunnable, readRerunnable } from '../core/row/policy.ts'
import { readSchedule, type ScheduleOptions } from '../core/schedule/schedule-options.ts'
import type { MissedSlot } from '../core/task/expected-slots.ts'
import { expectedTimes } from '../core/task/task-record.ts'
import { traceOf } from '../core/trace.ts'
import type { Environment } from '../core/types.ts'
import { checkTaskName } from '../core/user-text.ts'
import type { Clock } from '../process/clock.ts'
import { type HostFacts, operatorOf } from '../process/host.ts'
import { surroundingRuns, surroundingSlot } from '../process/surrounding-runs.ts'
import { findSurvivor } from '../process/survivors.ts'
import type { OpenedStore } from '../store/store.ts'
import { ifHalted } from './ask.ts'
import { type ClaimRequest, checkNotInsideOtherSlot, reportAndRethrow } from './claim.ts'
import { unfailing } from './claimed-slot.ts'
import type { Taken } from './enter.ts'
import { execute, type RunResult, type Work } from './execute.ts'
import { hasOverlapLock } from './overlap.ts'
import {
  expectationsOf,
  guardsOf,
  type RunSettings,
  readSettings,
  type Settings,
  usualLedgerTimeoutMs,
  withOverlapLock,
} from './settings.ts'
import { isFirstRun } from './task/admission.ts'
import { type CatchUpIo, catchUp } from './task/catch-up.ts'
import { needsUnread, readNeeds } from './task/needs.ts'
import { defaultZoneWarning, readTrigger } from './trigger.ts'
import type { RunIo } from './write.ts'

export interface Force {
  /** An instant, a local time, a date that has one slot, or `latest`. */
  readonly slot: string | Date
  readonly reason: string
  /** The default is the ECS task, or the user and the host. */
  readonly by?: string | undefined
  /** Gives the work no checkpoint, and removes that of the attempt before. */
  readonly fresh?: boolean | undefined
  /**
   * The statuses that the force is meant for. If the slot has another status when it is claimed, nothing starts, and the
   * force is refused. A slot that completed once counts as `completed`, also if a later force failed. Default: `missed`,
   * `failed`, `stale` and `skipped`.
   */
  readonly status?: readonly Rerunnable[] | undefined
  /**
   * When the operator asked for the force. The default is now. The operator did not know of an attempt that began later, so
   * the force is then refused: of two forces at the same time, one starts. It has no effect together with `partOfRepair`.
   */
  readonly askedAt?: Date | undefined
  /** The id of the repair that this force is a part of: up to 64 letters, digits and `.`, `_`, `:`, `-`. Each attempt has it in its row. */
  readonly plan?: string | undefined
  /**
   * The slot is one of those that `rerunnable` yielded. If another run has completed or skipped it since, the force is a
   * duplicate and is not refused. The default of `status` is then that of `rerunnable`.
   */
  readonly partOfRepair?: boolean | undefined
  /** Starts although a slot that this one comes after has not completed. It is recorded. */
  readonly ignoreAfter?: boolean | undefined
}

/** The options of a trigger. An option that is undefined counts as left out. */
export interface TriggerOptions extends ScheduleOptions, OrUndefined<RunSettings> {
  readonly task: string
  /** The instant that this trigger stands for, as the scheduler wrote it into its event, or the JSON of an EventBridge event. */
  readonly eventTime?: string | Date | undefined
  /**
   * Runs this slot again, if it has one of the statuses that the force is meant for. If slots of the task must not overlap,
   * it does not run while another slot of the task is running.
   */
  readonly force?: Force | undefined
}

export interface SlotOfResult {
  readonly task: string
  readonly slot: Date
  readonly windowEnd: Date | null
  readonly runId: string
}

export type SlotResult<T> = (RunResult<T> | Taken) & SlotOfResult

export type TriggerResult<T> = RunResult<T> &
  SlotOfResult & {
    /** The missed slots that ran before the slot of the trigger, the oldest first. Empty without `catchUpMs`. */
    readonly caughtUp: readonly SlotResult<T>[]
  }

export interface TriggerParts
  extends Pick<RunIo, 'clock' | 'newId' | 'random' | 'known'>,
    Pick<CatchUpIo, 'findMissed'> {
  readonly storeName: string
  /** Returns whether the ledger is on this host. Throws a usage error if its name is not valid. */
  isLocal(): boolean
  open(): Promise<OpenedStore>
  host(): Promise<HostFacts>
  readonly env: Environment
  /** The hash of the command line of the batch. Left out: the work is a function. */
  readonly commandHash?: string
  /** The environment of the batch, whose trace the run continues. Left out: the run is in none. */
  readonly traceEnv?: Environment
  readonly zoneData: string
  readonly log: (event: RunEvent, context: RunContext) => void
}

/**
 * Runs one trigger, from the options of the caller to the result. Gives the settings to `workWith`. Throws `LedgerError` for
 * wrong options, and when the ledger cannot be used: a catch-up may have run missed slots before.
 */
export async function runTrigger<T>(
  options: TriggerOptions,
  workWith: (settings: Settings) => Work<T>,
  stop: AbortSignal,
  parts: TriggerParts,
): Promise<TriggerResult<T>> {
  // This must come before the first wait: the function that calls may end during it.
  const insideOf = surroundingRuns(parts.env)
  const given = { ledgerTimeoutMs: usualLedgerTimeoutMs(parts.isLocal()), ...defined(options) }
  const settings = { ...readSettings(given), ...preconditionsOf(options.force, parts.clock) }
  const work = workWith(settings)
  if (options.force !== undefined && settings.catchUpMs !== null) {
    throw usageError(said`${option('catchUpMs')} cannot be used with a forced slot. Leave one of them out.`)
  }
  const { context, objection, notices, knownPlace } = await readRequest(options, settings, parts)
  const emit = emitterOf(context, parts)
  const report = reportAndRethrow(emit)
  const opened = await parts.open().catch(report)
  for (const message of opened.warnings) emit({ event: 'warning', message })
  for (const notice of notices) emit(notice)

  const io = { ...parts, store: opened.store, stop, findSurvivor }
  // After a stop, the run of the slot says that it was stopped.
  await checkNotInsideOtherSlot({ ...context, insideOf }, surroundingSlot(parts.env), settings, io)
    .catch(ifHalted(undefined))
    .catch(report)
  const { mayOverlap, hasRanges, upstreams, unknown, owner, ...needs } = await readNeeds(
    context,
    options.force,
    settings,
    io,
  )
    .catch(ifHalted(needsUnread(null, false)))
    .catch(report)
  // The operator may not know that slots of the task must not overlap. If the record does not say so, the ledger is asked
  // whether the task has a lock.
  const isUnsure = options.force !== undefined && options.overlap === undefined
  const hasLock = () => hasOverlapLock(options.task, settings, io).catch(ifHalted(false)).catch(report)
  const isApart =
    (needs.sinceLastSuccess && settings.overlap === 'allow') || (isUnsure && (!mayOverlap || (await hasLock())))
  const effective = {
    ...(isApart ? withOverlapLock(settings, given) : settings),
    ...needs,
    ...defined({ afterTimeoutMs: options.afterTimeoutMs }),
  }
  const shared = { insideOf, knownPlace, upstreams, hasRanges, unknownUpstream: unknown }
  const own = { ...defined({ owner }), ...context, ...shared, guards: guardsOf(effective) }
  const runSlot = slotRunner(work, effective, io, opened, parts)
  // The slots that are caught up share one wait for other tasks, so that they do not hold up the own slot for days.
  const waitUntilMs = io.clock.monotonicMs() + settings.afterTimeoutMs
  const runMissed = ({ slot, end, schedule }: MissedSlot) => {
    const trigger = { kind: 'scheduled', eventTime: slot, source: 'catch-up' } as const
    return runSlot({ ...own, window: { slot, end }, schedule, trigger, runId: parts.newId() }, null, waitUntilMs)
  }
  // A run that is refused because of its event time may have the wrong schedule, so it must not start other slots.
  const caughtUp =
    objection === null && unknown === undefined
      ? await catchUp(own, effective, { ...io, emit }, runMissed).catch(report)
      : []
  const result = await runSlot(own, objection)
  if (unknown !== undefined) throw unknown
  if (result.status === 'taken') throw new Error('only a slot that is caught up can be taken')
  return { ...result, caughtUp }
}

function slotRunner<T>(
  work: Work<T>,
  settings: Settings,
  io: Omit<RunIo, 'emit'>,
  { takeCreated }: OpenedStore,
  parts: TriggerParts,
) {
  return async (
    context: RunContext & Pick<ClaimRequest, 'insideOf' | 'knownPlace' | 'upstreams' | 'hasRanges' | 'unknownUpstream'>,
    objection: ClaimRequest['objection'],
    waitUntilMs?: number,
  ): Promise<SlotResult<T>> => {
    const request: ClaimRequest = {
      ...context,
      zoneData: parts.zoneData,
      ...(parts.traceEnv && { traceId: traceOf(parts.traceEnv, context.runId)?.traceId }),
      objection,
      retentionMs: settings.retentionMs,
      ...((settings.overlap !== 'allow' || settings.after !== null) && { phase: 'waiting' }),
      ...defined({ waitUntilMs }),
    }
    const log = emitterOf(context, parts)
    let isNewLedger = false
    const emit = (event: RunEvent) => {
      const path = takeCreated?.() ?? null
      if (path !== null) log({ event: 'ledger-created', path })
      isNewLedger ||= path !== null
      // In a new ledger, each task is new.
      if (!(isNewLedger && isFirstRun(event))) log(event)
    }
    const result = await execute(request, work, settings, { ...io, emit })
    const { task, runId, window } = context
    const windowEnd = window.end === null ? null : new Date(window.end)
    return { ...result, task, slot: new Date(window.slot), windowEnd, runId }
  }
}

async function readRequest(
  options: TriggerOptions,
  settings: Settings,
  { storeName, host: findHost, clock, newId, env, commandHash }: TriggerParts,
) {
  checkTaskName(options.task)
  const schedule = readSchedule(options)
  const { host, place: knownPlace, warning: hostWarning } = await findHost()
  // POSIX lets a name of a file of zone data begin with a colon.
  const hostZone = env['TZ']?.replace(/^:/, '')
  const { eventTime, force } = options
  const input = { eventTime, force: force && { ...force, by: force.by ?? operatorOf(host) }, hostZone }
  const { trigger, window, objection, notices } = readTrigger(input, schedule, settings, clock.now())
  const zoneWarning = options.timezone === undefined ? defaultZoneWarning(schedule, hostZone) : null
  const context: RunContext = {
    task: options.task,
    window,
    schedule: schedule.spec,
    runId: newId(),
    trigger,
    host,
    ...(knownPlace !== null && knownPlace !== 'unknown' && { place: knownPlace }),
    // An operator may run another command on purpose.
    ...(trigger.kind === 'scheduled' && defined({ commandHash })),
    store: storeName,
    guards: guardsOf(settings),
    maxAttempts: settings.maxAttempts,
    ...defined({ owner: settings.owner, expect: settings.expect }),
    expected: expectedTimes({ expectations: { ...expectationsOf(settings), since: window.slot } }),
  }
  const warnings = [zoneWarning, hostWarning].flatMap((message): RunEvent[] =>
    message == null ? [] : [{ event: 'warning', message }],
  )
  return { context, knownPlace, objection, notices: [...warnings, ...notices] }
}

function preconditionsOf(
  force: Force | undefined,
  clock: Clock,
): Pick<Policy, 'forceStatus' | 'forceAskedAt' | 'forceOfRange'> {
  if (force === undefined) return {}
  const { status, askedAt, partOfRepair = false } = force
  const forceStatus = readRerunnable(status ?? (partOfRepair ? DEFAULT_RERUNNABLE : DEFAULT_FORCED))
  if (partOfRepair) return { forceStatus, forceOfRange: true, ...defined({ forceAskedAt: askedAt?.getTime() }) }
  return { forceStatus, forceAskedAt: askedAt?.getTime() ?? clock.now() }
}

function emitterOf(context: RunContext, { log }: TriggerParts) {
  return unfailing((event: RunEvent) => log(event, context))
}
