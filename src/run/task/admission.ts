import { firstLine, type LedgerError } from '../../core/errors.ts'
import type { RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { hasStarted, isCatchUpTrigger, isOfScheduler } from '../../core/row/attempts.ts'
import { readableRow } from '../../core/row/status.ts'
import { MAX_EARLY_TOLERANCE_MS } from '../../core/schedule/slot.ts'
import { pauseFor, retirementAt } from '../../core/task/suspensions.ts'
import { otherScheduleAt, type StatedByRun, withRun } from '../../core/task/task-changes.ts'
import {
  EMPTY_TASK_RECORD,
  inForceAt,
  isNewerRecord,
  type Suspension,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import { isBeforeAnyRun, latestSlot, withoutFuture } from '../../core/task/wrong-clock.ts'
import type { Instant, ScheduleSpec, StoredRow, Trigger } from '../../core/types.ts'
import { withDeadline } from '../../process/clock.ts'
import { type StopIo, type StopSettings, withinStop } from '../../process/stop.ts'
import type { Store } from '../../store/store.ts'
import type { ClaimRequest } from '../claim.ts'
import { expectationsOf, type Settings } from '../settings.ts'
import { askPatiently, type RetryIo, type RetryOptions, untilAnswered } from '../write.ts'
import { findLastSlot } from './last-slot.ts'
import { type KnownRecords, type ReadRecord, readRecord, writeRecord } from './task-record.ts'

/** The run that asks whether it may start, and what it states about its task. */
export interface AdmissionRequest {
  readonly task: string
  readonly trigger: Trigger
  readonly runId: string
  readonly stated: StatedByRun
  /** The slot after that of the run. Null after the schedule's last slot. */
  readonly windowEnd: Instant | null
}

export type Admission =
  | { readonly kind: 'admitted' }
  /** The task is paused, so a scheduled trigger starts nothing. */
  | { readonly kind: 'paused'; readonly pause: Suspension }
  /** A newer cronledger wrote the record, so it is unknown whether the task is paused. */
  | { readonly kind: 'newerRecord' }
  /** The task record has another schedule for the slot, and the run does not accept a change. */
  | { readonly kind: 'scheduleChanged'; readonly inForce: ScheduleSpec }
  /** A stop came, or the lease is lost. */
  | { readonly kind: 'halted' }
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

export interface AdmissionIo extends StopIo, RetryIo {
  readonly store: Store
  readonly known: KnownRecords
  emit(event: RunEvent): void
}

type AdmissionSettings = StopSettings &
  Pick<Settings, 'ledgerTimeoutMs' | 'skewMs' | 'earlyToleranceMs' | 'onScheduleChange'>

const ADMITTED: Admission = { kind: 'admitted' }

/** Operators may have forced or resolved some of the newest slots, so more than one is looked at. */
const NEWEST_ROWS = 20

/**
 * The start of the batch waits for this write, so it gets the time of one slow answer. The next run tries again. On a file
 * that other processes have locked, it gets the ledger timeout, as the claim does.
 */
const WRITE_TIMEOUT_MS = 5_000

/** Returns what a run asks before an attempt, and states about its task. */
export function admissionRequest(request: ClaimRequest, settings: Settings): AdmissionRequest {
  const { task, window, schedule, trigger, runId, knownEcs = null } = request
  const stated = { slot: window.slot, spec: schedule, expectations: expectationsOf(settings), ecs: knownEcs }
  return { task, trigger, runId, stated, windowEnd: window.end }
}

/**
 * Reads the task record before the start of a scheduled run, and returns whether the run may start. Records what the run
 * states about its task, if that is new. A forced run is always admitted, because its operator knows about pauses. It
 * states nothing, and only makes sure that its task is listed.
 *
 * We must read the record again after each conflict. Otherwise this run would write over a pause that was set after the
 * read, or start in it. Throws `LedgerError` if a new try cannot help.
 */
export async function admit(
  request: AdmissionRequest,
  settings: AdmissionSettings,
  io: AdmissionIo,
  halt: AbortSignal,
): Promise<Admission> {
  const { task, trigger, stated } = request
  if (trigger.kind === 'forced') {
    // Without a record, no view of all tasks would show the slot.
    const empty = { task, record: EMPTY_TASK_RECORD, version: 'absent' } as const
    if (io.known.get(task) === null) await writeChange(empty, settings, io, halt)
    return ADMITTED
  }
  const pauseIn = (record: TaskRecord) => pauseFor(record, stated.slot, io.clock.now(), settings.skewMs)
  // A known record may be a minute old, so it must not decide whether the schedule changed.
  const known = settings.onScheduleChange === 'refuse' ? null : io.known.get(task)
  if (known !== null && pauseIn(known) === null && statesNothing(request, known, settings, io)) return ADMITTED
  for (;;) {
    const reply = await withDeadline(io.clock, settings.ledgerTimeoutMs, [halt], (signal) => {
      const options = { signal, retry: 'unreachable' } as const
      return untilAnswered(() => readRecord(task, io.store, options), io, options)
    })
    if (halt.aborted) return { kind: 'halted' }
    if (reply.kind === 'unanswered') return { kind: 'unanswered', cause: reply.cause }
    const { record: stored, version } = reply.value
    if (isNewerRecord(stored)) return { kind: 'newerRecord' }
    const record = withoutFuture(stored, latestFor(request, settings, io))
    const pause = pauseIn(record)
    if (pause !== null) return { kind: 'paused', pause }
    const inForce = scheduleAgainst(request, record, settings)
    if (inForce !== null) return { kind: 'scheduleChanged', inForce }
    const changed = changeBy(request, record, io) ?? (record === stored || isCatchUpTrigger(trigger) ? null : record)
    if (changed === null) {
      io.known.add(task, stored)
      warnOfOther(request, record, io)
      return ADMITTED
    }
    const isFirst = version === 'absent'
    if (!isFirst && mayBeOld(request, settings, io) && (await isOld(request, settings, io))) {
      warnOfOther(request, record, io)
      return ADMITTED
    }
    const replaced = replacedBy(request, record, changed)
    const complete = replaced === null ? changed : await withLastSlot(request, record, settings, io)
    if (complete === null) return ADMITTED
    const written = await writeChange({ task, record: complete, version }, settings, io, halt)
    if (halt.aborted) return { kind: 'halted' }
    if (written === 'conflict') continue
    if (written === 'ok') {
      io.known.add(task, complete)
      if (record !== stored) io.emit({ event: 'warning', message: CORRECTED })
      emitChanges(request, record, complete, io)
    }
    return ADMITTED
  }
}

const CORRECTED =
  'the record of this task had values of a run whose slot is in the future: the clock of its host was ahead. This run has corrected the record.'

const BEHIND =
  'the clock of this host is years behind, so this run is recorded in a slot that is long over, and states no schedule. Correct the clock.'

/** Returns the latest slot that another run may have had. The slot of the run itself is due. */
function latestFor({ stated }: AdmissionRequest, { skewMs }: AdmissionSettings, { clock }: AdmissionIo): Instant {
  return Math.max(stated.slot, latestSlot({ now: clock.now(), skewMs }))
}

/** Returns whether the run finds what it states in a known record, so that nothing needs to be said or written. */
function statesNothing(request: AdmissionRequest, known: TaskRecord, settings: AdmissionSettings, io: AdmissionIo) {
  const isPlausible = withoutFuture(known, latestFor(request, settings, io)) === known
  const { spec, slot } = request.stated
  return isPlausible && changeBy(request, known, io) === null && otherScheduleAt(known.schedules, spec, slot) === null
}

/**
 * Warns if the record has another schedule for the slot and stays as it is. The likeliest cause is a mistake: the same
 * morning then runs twice, once under each of the schedules.
 */
function warnOfOther({ trigger, stated }: AdmissionRequest, { schedules }: TaskRecord, io: AdmissionIo): void {
  const { spec, slot } = stated
  if (isBeforeAnyRun(slot, io.clock.now())) io.emit({ event: 'warning', message: BEHIND })
  const recorded = inForceAt(schedules, slot)
  if (recorded === undefined || isCatchUpTrigger(trigger) || otherScheduleAt(schedules, spec, slot) === null) return
  const [own, other] = [spec, recorded.spec].map(({ expression, zone }) => `${expression} (${zone})`)
  io.emit({
    event: 'warning',
    message: `this run is for the slot ${formatInstant(slot)} of the schedule ${own}, but the recorded schedule is ${other}, which ran the slot ${formatInstant(recorded.since)}. The record stays as it is, because a later slot has run. If both slots are the same work, it runs twice: give all runs of a task the same --schedule and --timezone.`,
  })
}

/**
 * Returns the schedule in the record if the run is refused because of it, otherwise null. The slot of a catch-up comes from
 * the record itself.
 */
function scheduleAgainst(
  { trigger, stated }: AdmissionRequest,
  { schedules }: TaskRecord,
  { onScheduleChange }: AdmissionSettings,
): ScheduleSpec | null {
  if (onScheduleChange !== 'refuse' || isCatchUpTrigger(trigger)) return null
  return otherScheduleAt(schedules, stated.spec, stated.slot)
}

/** Returns whether the next slot may have run already. The usual run is the newest one, and need not ask the ledger. */
function mayBeOld({ windowEnd }: AdmissionRequest, settings: AdmissionSettings, { clock }: AdmissionIo): boolean {
  const { skewMs, earlyToleranceMs } = settings
  return windowEnd !== null && clock.now() + skewMs + (earlyToleranceMs ?? MAX_EARLY_TOLERANCE_MS) >= windowEnd
}

/**
 * Returns whether a later slot had a scheduled run. Then this run states something out of date. The record does not show
 * that, because a run that states nothing new leaves the record as it is. If the ledger does not answer, the run states
 * nothing.
 */
async function isOld(request: AdmissionRequest, settings: AdmissionSettings, io: AdmissionIo): Promise<boolean> {
  const { task, stated } = request
  // A later row than that comes from a host whose clock was ahead.
  const until = latestFor(request, settings, io) + 1
  const query = { kind: 'task', task, since: stated.slot + 1, until, limit: NEWEST_ROWS } as const
  const page = await askOrWarn((options) => io.store.list(query, options), settings, io)
  return page === null || page.rows.some(hasScheduledRun)
}

/**
 * Returns the changed record, with the last slot that ran under the schedule before. If the ledger does not answer, returns
 * null, and the run states nothing.
 */
async function withLastSlot(
  request: AdmissionRequest,
  record: TaskRecord,
  settings: StopSettings,
  io: AdmissionIo,
): Promise<TaskRecord | null> {
  const { task, stated } = request
  const asked = { task, schedules: record.schedules, before: stated.slot }
  const found = await askOrWarn(async (call) => ({ slot: await findLastSlot(asked, io.store, call) }), settings, io)
  return found && changeBy({ ...request, stated: { ...stated, lastSlot: found.slot } }, record, io)
}

/** Asks the ledger for a short time. Logs it and returns null if it does not answer. */
async function askOrWarn<T>(
  ask: (options: RetryOptions) => Promise<T>,
  settings: StopSettings,
  io: AdmissionIo,
): Promise<T | null> {
  try {
    const reply = await withinStop(WRITE_TIMEOUT_MS, settings, io, (signal) => {
      const options = { signal, retry: 'unreachable' } as const
      return untilAnswered(() => ask(options), io, options)
    })
    if (reply.kind === 'answer') return reply.value
    warn(reply.cause, io)
  } catch (error) {
    warn(error, io)
  }
  return null
}

/** A run that started nothing does not count. It may have been refused because of its schedule, and has stated nothing then. */
function hasScheduledRun(row: StoredRow): boolean {
  return readableRow(row)?.attempts.some((attempt) => isOfScheduler(attempt) && hasStarted(attempt)) ?? false
}

/** Logs that the record stays as it is. It serves audits, so this does not prevent the start. */
function warn(cause: unknown, io: AdmissionIo): void {
  io.emit({
    event: 'warning',
    message: `the record of the task could not be updated, but this run is not affected: ${firstLine(cause)}`,
  })
}

/** A slot that is caught up is older than the slot of the run, so it states nothing about the task. */
function changeBy(
  { trigger, runId, stated }: AdmissionRequest,
  record: TaskRecord,
  { clock }: Pick<AdmissionIo, 'clock'>,
): TaskRecord | null {
  if (trigger.kind === 'forced' || isCatchUpTrigger(trigger) || isBeforeAnyRun(stated.slot, clock.now())) return null
  const reason = `revived by run ${runId} of slot ${formatInstant(stated.slot)}`
  return withRun(record, stated, { at: clock.now(), by: 'cronledger', reason })
}

/**
 * Writes the changed record. It serves audits, so a write that fails is logged and does not prevent the start. Returns
 * `failed` then.
 */
async function writeChange(
  { task, record, version }: { readonly task: string } & Pick<ReadRecord, 'version'> & { readonly record: TaskRecord },
  settings: AdmissionSettings,
  io: AdmissionIo,
  halt: AbortSignal,
): Promise<'ok' | 'conflict' | 'failed'> {
  const times = { firstMs: WRITE_TIMEOUT_MS, mostMs: settings.ledgerTimeoutMs }
  try {
    const write = (options: RetryOptions) => writeRecord(task, record, version, io.store, options)
    const reply = await askPatiently(write, { ...settings, ...times }, io, halt)
    if (reply.kind === 'answer') return reply.value
    warn(reply.cause, io)
  } catch (error) {
    warn(error, io)
  }
  return 'failed'
}

/** Returns the schedule that the run replaces in the record, or null if there is none. */
function replacedBy({ stated }: AdmissionRequest, before: TaskRecord, after: TaskRecord): ScheduleSpec | null {
  return after.schedules === before.schedules ? null : otherScheduleAt(before.schedules, stated.spec, stated.slot)
}

function emitChanges(request: AdmissionRequest, before: TaskRecord, after: TaskRecord, io: AdmissionIo): void {
  const { stated } = request
  const replaced = replacedBy(request, before, after)
  if (replaced !== null) io.emit({ event: 'schedule-changed', before: replaced, after: stated.spec })
  const overlap = before.expectations?.overlap
  if (overlap !== undefined && after.expectations?.overlap === undefined) {
    io.emit({
      event: 'warning',
      message: `this run states no --overlap, but the runs of this task before it stated --overlap ${overlap}. This run and such a run start beside each other. Use the same --overlap in all runs of a task.`,
    })
  }
  const retirement = retirementAt(before, stated.slot)
  if (retirement !== null) io.emit({ event: 'revived', retirement })
}
