import { firstLine } from '../../core/errors.ts'
import type { RunEvent } from '../../core/event.ts'
import { formatInstant } from '../../core/instant.ts'
import { hasStarted, isCatchUpTrigger, isOfScheduler } from '../../core/row/attempts.ts'
import { readableRow } from '../../core/row/status.ts'
import { MAX_EARLY_TOLERANCE_MS } from '../../core/schedule/slot.ts'
import { signWarnings } from '../../core/schedule/warnings.ts'
import { withChange, withRangeOf } from '../../core/task/record-changes.ts'
import { pauseFor, retirementAt } from '../../core/task/suspensions.ts'
import { forcedRecord, otherScheduleAt, type StatedByRun, withRun } from '../../core/task/task-changes.ts'
import {
  inForceAt,
  isNewerRecord,
  isSameSpec,
  rangesUntil,
  type Schedules,
  type Suspension,
  type TaskRecord,
} from '../../core/task/task-record.ts'
import { isBeforeAnyRun, latestSlot, withoutFuture } from '../../core/task/wrong-clock.ts'
import type { Instant, ScheduleSpec, StoredRow } from '../../core/types.ts'
import type { CallOptions, Store } from '../../store/store.ts'
import { askWithin, Halted, type Limit } from '../ask.ts'
import type { ClaimRequest } from '../claim.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import { expectationsOf } from '../settings.ts'
import type { RunIo } from '../write.ts'
import { type ReadRecord, readRecord, writeRecord } from './task-record.ts'

export type Obstacle =
  /** The task is paused, so a scheduled trigger starts nothing. */
  | { readonly cause: 'paused'; readonly pause: Suspension }
  /** A newer cronledger wrote the record, so it is unknown whether the task is paused. */
  | { readonly cause: 'newerTaskRecord' }
  | { readonly cause: 'scheduleChanged'; readonly inForce: ScheduleSpec }

/**
 * Returns why a scheduled run may not start, or null. Records what the run states about its task, if that is new, also in a
 * pause. A forced run may always start, and states its schedule only if the task has no record yet.
 *
 * We must read the record again after each conflict. Otherwise this run would write over a pause that was set after the
 * read, or start in it. Each read may take `ms` milliseconds. `asksAgain`: the run asks again before it starts. Throws
 * `Halted`, and `LedgerError` if the record cannot be read.
 */
export async function admit(claimedSlot: ClaimedSlot, ms: number, asksAgain = false): Promise<Obstacle | null> {
  const { request, settings, io, halt } = claimedSlot
  const { task, trigger, window, schedule } = request
  if (trigger.kind === 'forced') {
    await listTask(claimedSlot)
    return null
  }
  const pauseIn = (record: TaskRecord) => pauseFor(record, window.slot, io.clock.now(), settings.skewMs)
  // A known record may be a minute old, so it must not decide whether the schedule changed.
  const known = asksAgain ? io.known.recent(task) : settings.strict ? null : io.known.get(task)
  claimedSlot.record = known
  if (known !== null && pauseIn(known) === null && statesNothing(known, claimedSlot)) return null
  for (;;) {
    const { record: stored, version } = await askWithin({ ms, halt }, io, (call) => readRecord(task, io.store, call))
    if (isNewerRecord(stored)) return { cause: 'newerTaskRecord' }
    const record = withoutFuture(stored, latestDueSlot(claimedSlot))
    // The slot of a catch-up comes from the record itself.
    const isCompared = settings.strict && !isCatchUpTrigger(trigger)
    const inForce = isCompared ? otherScheduleAt(record.schedules, schedule, window.slot) : null
    if (inForce !== null) return { cause: 'scheduleChanged', inForce }
    const pause = pauseIn(record)
    claimedSlot.record = record
    // A trigger in a pause states its schedule, too: it may have been deployed during the pause.
    const written = await writeStatement(record, { record: stored, version, isPaused: pause !== null }, claimedSlot)
    if (written !== 'conflict') return pause && { cause: 'paused', pause }
  }
}

// The statements of a scheduled run about its task: its schedule, what it expects, and the container in which it runs.

/** Operators may have forced or resolved some of the newest slots, and triggers in a pause may have left rows. */
const NEWEST_ROWS = 100

/** The start of the batch waits for this write, so it gets the time of one slow answer. The next run tries again. */
const WRITE_TIMEOUT_MS = 5_000

const CORRECTED =
  'the record of this task had values of a run whose slot is in the future: the clock of its host was ahead. This run has corrected the record.'

/** A mistake in the name makes a new task, which runs the work again. */
const FIRST_RUN = 'first run of this task: slots that ran under another name are not known to it'

export function isFirstRun(event: RunEvent): boolean {
  return event.event === 'warning' && event.message === FIRST_RUN
}

const BEHIND =
  'the clock of this host is years behind, so this run is recorded in a slot that is long over, and states no schedule. Correct the clock.'

function latestDueSlot({ request, settings, io }: ClaimedSlot): Instant {
  return Math.max(request.window.slot, latestSlot({ now: io.clock.now(), skewMs: settings.skewMs }))
}

/** Without a record, no view of all tasks would show the slot of a forced run, nor later ones that are missed. */
async function listTask(claimedSlot: ClaimedSlot): Promise<void> {
  const { request, io } = claimedSlot
  claimedSlot.record = io.known.get(request.task) ?? io.known.recent(request.task)
  if (claimedSlot.record === null)
    await writeOrWarn(forcedRecord(request.schedule, request.window.slot), 'absent', claimedSlot)
}

/**
 * Records that this run has a range, if the runs of the task state none: others look for ranges only where the record has some.
 * Returns whether it had to ask for the record. Throws `Halted` and `LedgerError`.
 */
export async function stateRange(claimedSlot: ClaimedSlot, ms: number): Promise<boolean> {
  const { request, io, halt } = claimedSlot
  const { task, runId, window } = request
  const isStated = (record: TaskRecord) => window.slot < rangesUntil(record)
  const known = io.known.recent(task) ?? claimedSlot.record
  if (known !== null && isStated(known)) return false
  const reason = `stated by run ${runId} of slot ${formatInstant(window.slot)}`
  for (;;) {
    const { record, version } = await askWithin({ ms, halt }, io, (call) => readRecord(task, io.store, call))
    if (isNewerRecord(record) || isStated(record)) return true
    const changed = withRangeOf(record, window.slot, { at: io.clock.now(), by: 'cronledger', reason })
    const write = (call: CallOptions) => writeRecord(task, changed, version, io.store, call)
    if ((await askWithin({ ms, halt }, io, write)) === 'ok') return true
  }
}

/** Returns whether the run finds what it states in a known record, so that nothing needs to be said or written. */
function statesNothing(known: TaskRecord, claimedSlot: ClaimedSlot): boolean {
  const isPlausible = withoutFuture(known, latestDueSlot(claimedSlot)) === known
  const { schedule, window } = claimedSlot.request
  const isOther = otherScheduleAt(known.schedules, schedule, window.slot) !== null
  return isPlausible && !isOther && changeBy(known, claimedSlot) === null
}

/**
 * Writes what the run states on top of `record`, if that is new. `stored` may have values of a host whose clock was ahead.
 * The record serves audits, so a write that fails is logged and does not prevent the start. Throws `Halted`.
 */
async function writeStatement(
  record: TaskRecord,
  stored: ReadRecord & { readonly record: TaskRecord; readonly isPaused: boolean },
  claimedSlot: ClaimedSlot,
): Promise<'conflict' | 'done'> {
  const { request, io } = claimedSlot
  const { task, trigger } = request
  const { isPaused } = stored
  const isCorrected = record !== stored.record
  const changed =
    changeBy(record, claimedSlot, { isPaused }) ?? (isCorrected && !isCatchUpTrigger(trigger) ? record : null)
  if (changed === null) io.known.add(task, stored.record)
  if (changed === null || (stored.version !== 'absent' && (await isOld(claimedSlot)))) {
    if (!isPaused) warnOfOther(request, record, io)
    return 'done'
  }
  const isSwitch = changed.schedules !== record.schedules
  const replaced = isSwitch ? otherScheduleAt(record.schedules, request.schedule, request.window.slot) : null
  const complete = replaced === null ? changed : await withLastSlot(record, claimedSlot, isPaused)
  if (complete === null) return 'done'
  const written = await writeOrWarn(complete, stored.version, claimedSlot)
  if (written === 'conflict') return written
  if (written === 'ok') {
    io.known.add(task, complete)
    if (isCorrected) io.emit({ event: 'warning', message: CORRECTED })
    // Said once: the zone may be meant so.
    const isNew = stored.version === 'absent' || replaced !== null
    for (const message of isNew ? signWarnings(request.schedule.zone) : []) io.emit({ event: 'warning', message })
    if (replaced !== null) io.emit({ event: 'schedule-changed', before: replaced, after: request.schedule })
    warnOfNoOverlap(record, complete, io)
    const retirement = isPaused ? null : retirementAt(record, request.window.slot)
    if (retirement !== null) io.emit({ event: 'revived', retirement })
  }
  return 'done'
}

/**
 * Returns the record with what the run states, or null if that is not new. A slot that is caught up states nothing, because
 * it is older.
 */
function changeBy(
  record: TaskRecord,
  { request, settings, io }: ClaimedSlot,
  more: Pick<StatedByRun, 'lastSlot' | 'isPaused'> = {},
): TaskRecord | null {
  const { trigger, runId, window, schedule, knownPlace = null } = request
  const at = io.clock.now()
  if (isCatchUpTrigger(trigger) || isBeforeAnyRun(window.slot, at)) return null
  const expectations = expectationsOf(settings)
  const stated: StatedByRun = { slot: window.slot, spec: schedule, expectations, place: knownPlace, ...more }
  const decided = (verb: string) => {
    return { at, by: 'cronledger', reason: `${verb} by run ${runId} of slot ${formatInstant(window.slot)}` }
  }
  const changed = withRun(record, stated, decided('revived'))
  const isFirst = record.schedules.length === 0
  return changed === null || isFirst ? changed : withChange(record, changed, window.slot, decided('stated'))
}

/** The likeliest cause is a mistake: the same morning then runs twice, once under each of the schedules. */
function warnOfOther({ trigger, schedule, window }: ClaimRequest, { schedules }: TaskRecord, io: RunIo): void {
  const { slot } = window
  if (isBeforeAnyRun(slot, io.clock.now())) io.emit({ event: 'warning', message: BEHIND })
  const recorded = inForceAt(schedules, slot)
  if (recorded === undefined || isCatchUpTrigger(trigger) || otherScheduleAt(schedules, schedule, slot) === null) return
  const [own, other] = [schedule, recorded.spec].map(({ expression, zone }) => `${expression} (${zone})`)
  const message = `this run is for the slot ${formatInstant(slot)} of the schedule ${own}, but the recorded schedule is ${other}, which ran the slot ${formatInstant(recorded.since)}. The record stays as it is, because a later slot has run. If both slots are the same work, it runs twice: give all runs of a task the same --schedule and --timezone.`
  io.emit({ event: 'warning', message })
}

/**
 * If a later slot had a scheduled run, this run states something out of date, which the record does not show. If the ledger
 * does not answer, the run states nothing. The usual run is the newest one, and need not ask.
 */
async function isOld(claimedSlot: ClaimedSlot): Promise<boolean> {
  const { request, settings, io } = claimedSlot
  const { slot, end } = request.window
  const aheadMs = settings.skewMs + MAX_EARLY_TOLERANCE_MS
  if (end === null || io.clock.now() + aheadMs < end) return false
  // A later row than that comes from a host whose clock was ahead.
  const until = latestDueSlot(claimedSlot) + 1
  const query = { kind: 'task', task: request.task, since: slot + 1, until, limit: NEWEST_ROWS } as const
  const page = await askOrWarn((call) => io.store.list(query, call), claimedSlot)
  // A run that started nothing may have been refused because of its schedule, and has stated nothing then.
  const hasRun = (row: StoredRow) => readableRow(row)?.attempts.some((one) => isOfScheduler(one) && hasStarted(one))
  return page === null || page.rows.some(hasRun)
}

/** Returns the changed record with `lastSlot`. Null: the ledger did not answer, and the run states nothing. */
async function withLastSlot(
  record: TaskRecord,
  claimedSlot: ClaimedSlot,
  isPaused: boolean,
): Promise<TaskRecord | null> {
  const { request, io } = claimedSlot
  const asked = { task: request.task, schedules: record.schedules, before: request.window.slot }
  const found = await askOrWarn(async (call) => ({ slot: await findLastSlot(asked, io.store, call) }), claimedSlot)
  return found && changeBy(record, claimedSlot, { lastSlot: found.slot, isPaused })
}

/**
 * Returns the newest slot before `before` for which a scheduler started a run under the schedule in force then. A forced run
 * may be of an old schedule, so neither that nor a catch-up counts. Null: not among the newest rows. Throws `LedgerError`.
 */
export async function findLastSlot(
  { task, schedules, before }: { readonly task: string; readonly schedules: Schedules; readonly before: Instant },
  store: Store,
  call: CallOptions,
): Promise<Instant | null> {
  const inForce = inForceAt(schedules, before)?.spec
  if (inForce === undefined) return null
  const { rows } = await store.list({ kind: 'task', task, until: before, limit: NEWEST_ROWS }, call)
  const own = rows
    .map(readableRow)
    .find((row) => row?.attempts.some(isOfScheduler) && isSameSpec(row.schedule, inForce))
  return own?.slot ?? null
}

async function writeOrWarn(record: TaskRecord, version: ReadRecord['version'], claimedSlot: ClaimedSlot) {
  const { request, settings, io, halt } = claimedSlot
  const write = (call: CallOptions) => writeRecord(request.task, record, version, io.store, call)
  const written = await askOrWarn(write, claimedSlot, { busyMs: settings.ledgerTimeoutMs, halt })
  if (written === 'ok' && version === 'absent') io.emit({ event: 'warning', message: FIRST_RUN })
  return written
}

/** Asks the ledger. If it does not answer, logs that the record stays as it is, and returns null. */
async function askOrWarn<T>(
  request: (call: CallOptions) => Promise<T>,
  { settings: { stopTimeoutMs }, io }: ClaimedSlot,
  more: Partial<Limit> = {},
): Promise<T | null> {
  try {
    return await askWithin({ ms: WRITE_TIMEOUT_MS, stopTimeoutMs, ...more }, io, request)
  } catch (error) {
    if (error instanceof Halted) throw error
    const message = `the record of the task could not be updated, but this run is not affected: ${firstLine(error)}`
    io.emit({ event: 'warning', message })
    return null
  }
}

function warnOfNoOverlap(before: TaskRecord, after: TaskRecord, io: RunIo): void {
  const overlap = before.expectations?.overlap
  if (overlap === undefined || after.expectations?.overlap !== undefined) return
  const message = `this run states no --overlap, but the runs of this task before it stated --overlap ${overlap}. This run and such a run start beside each other. Use the same --overlap in all runs of a task.`
  io.emit({ event: 'warning', message })
}
