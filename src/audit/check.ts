import { isFaultOfTask, type LedgerError, option, said, usageError } from '../core/errors.ts'
import { batchReport, ranMsOf, successOf } from '../core/row/attempts.ts'
import { type OtherPlace, rejectedFromOtherPlace } from '../core/row/other-place.ts'
import { type ReportedFacts, reportedFacts } from '../core/row/report.ts'
import type { TimeRange } from '../core/schedule/time-range.ts'
import { nextSlotDue } from '../core/task/expected-slots.ts'
import { parseSchedules } from '../core/task/schedules-in-force.ts'
import { gapsOf, isRetired } from '../core/task/suspensions.ts'
import { expectedTimes } from '../core/task/task-record.ts'
import { futureRun, futureSlotIn, futureTime, latestSlot, withoutFuture, wrongClock } from '../core/task/wrong-clock.ts'
import type { Instant, Key, Row, Status } from '../core/types.ts'
import { factsOf } from '../verdict/found.ts'
import { isFinding, type JudgedSlot, NO_FINDINGS } from '../verdict/judge.ts'
import { concurrently } from './concurrently.ts'
import type { HistoryDeps } from './history.ts'
import { type KnownTask, openFaults, readTaskRecords } from './tasks.ts'
import { judgedSlots } from './walk.ts'

export interface CheckSettings extends Required<TimeRange> {
  /** The time of the check. All tasks have the same, although they are read one after another. */
  readonly now: Instant
  readonly only?: ((task: KnownTask) => boolean) | undefined
  readonly progress: (task: string, slot: Instant) => void
  /** Called for each slot of a task, newest first, also for one without a finding. */
  readonly emitSlot?: ((one: JudgedSlot) => void) | undefined
  readonly emitFault?: ((task: string) => void) | undefined
  /** Called at most once for a task and each kind of note. */
  readonly emitNote?: ((note: Note) => void) | undefined
}

/**
 * An oddity in a slot that is not a finding. Two batches seem to have the name of one task: a duplicate came from another place, or had
 * another command line. Or a clock is wrong: an attempt has a time in the future.
 */
export type Note = Key & { readonly zone: string } & (Twin | ({ readonly what: 'clock' } & Future))
type Twin = OtherPlace | { readonly what: 'command' }
type Future = NonNullable<ReturnType<typeof futureTime>>

/** Only the gravest difference is reported. */
const GRAVITY = (what: Twin['what']) => (what === 'account' ? 2 : what === 'command' ? 0 : 1)

/** A twin comes in each slot, so the newest ones show whether it is still there. */
const TWIN_SLOTS = 10

/** Newest first. After them, throws `shape` if a host whose clock was ahead has run the task: its slots hide others. */
async function* checkedSlots(stored: KnownTask, settings: CheckSettings, deps: HistoryDeps) {
  const { now } = settings
  const latest = latestSlot({ now, ...expectedTimes(stored) })
  const known = withoutFuture(stored, latest)
  const { task } = known
  let future = futureSlotIn(stored, latest)
  let twin: (Key & { readonly zone: string } & Twin) | null = null
  let wrongAt: Note | null = null
  let left = TWIN_SLOTS
  for await (const one of judgedSlots([factsOf(task, known, now)], { task, ...withFuture(settings) }, now, deps)) {
    const run = futureRun(one.row, latest)
    if (run !== null) {
      future ??= run
      continue
    }
    const { slot, own, schedule } = one
    settings.progress(task, slot)
    const other = own !== null && left-- > 0 ? differenceOf(own) : null
    if (other !== null && (twin === null || GRAVITY(other.what) > GRAVITY(twin.what)))
      twin = { ...other, task, slot, zone: schedule.zone }
    const ahead = own && futureTime(own, now + one.of.times.skewMs)
    if (ahead !== null) wrongAt ??= { ...ahead, what: 'clock', task, slot, zone: schedule.zone }
    yield one
  }
  for (const note of [twin, wrongAt]) if (note !== null) settings.emitNote?.(note)
  if (future !== null) throw wrongClock(task, future)
}

function differenceOf(row: Row): Twin | null {
  return rejectedFromOtherPlace(row) ?? (row.rejections.otherCommands > 0 ? { what: 'command' } : null)
}

/** An audit that ends now also reads the rows of the future, which only a host with a wrong clock makes. */
function withFuture({ since, until, now }: CheckSettings): Required<TimeRange> {
  return { since, until: until > now - JUST_NOW_MS ? END_OF_TIME : until }
}

/** The caller has read its clock a moment ago. */
const JUST_NOW_MS = 60_000

const END_OF_TIME = Date.UTC(2199, 11, 31)

export async function* checkTask(known: KnownTask, settings: CheckSettings, deps: HistoryDeps) {
  for await (const one of checkedSlots(known, settings, deps)) {
    settings.emitSlot?.(one)
    if (isFinding(one)) yield one
  }
}

/** Yields nothing for a retired task without findings. Throws as `checkedSlots` does. */
export async function* taskHealth(known: KnownTask, settings: CheckSettings, deps: HistoryDeps) {
  const findings = { ...NO_FINDINGS }
  let status: Status | null = null
  let lastSuccess = Number.NEGATIVE_INFINITY
  let hasFound = false
  let facts: ReportedFacts | null = null
  let lastDurationMs: number | null = null
  let duplicates = 0
  for await (const one of checkedSlots(known, settings, deps)) {
    // A slot that is due later can have a row, because an operator may resolve it in advance.
    if (one.slot <= settings.now) status ??= one.status
    if (one.kind !== null) findings[one.kind] += 1
    hasFound ||= one.kind !== null
    const { own } = one
    const success = own && successOf(own)
    if (success) {
      facts ??= reportedFacts(batchReport(success)) ?? {}
      lastDurationMs ??= ranMsOf(success) ?? null
      lastSuccess = Math.max(lastSuccess, success.endedAt ?? success.startedAt)
    }
    if (own === null) continue
    duplicates += own.rejections.count - own.rejections.refused
  }
  if (isRetired(known, settings.now) && !hasFound) return
  const lastSuccessAt = Number.isFinite(lastSuccess) ? lastSuccess : null
  const next = nextSlotDue(parseSchedules(known), gapsOf(known), settings.now)
  const { owner } = known.expectations ?? {}
  yield {
    task: known.task,
    status,
    lastSuccessAt,
    lastDurationMs,
    next,
    duplicates,
    owner,
    facts: facts ?? {},
    findings,
  }
}

/**
 * Reads several tasks at a time, and yields in their order. A task whose records cannot be read does not hide the others: the error
 * is thrown after all of them. Throws a usage error if the ledger has no task record.
 */
export async function* ofAllTasks<T>(
  read: (task: KnownTask, settings: CheckSettings, deps: HistoryDeps) => AsyncGenerator<T, void>,
  settings: CheckSettings,
  deps: HistoryDeps,
): AsyncGenerator<T, void> {
  const { only, emitFault } = settings
  let known = 0
  let wanted = 0
  const faults = openFaults('checked completely')
  const keepFault = (task: string, error: LedgerError) => {
    faults.keep(task, error)
    emitFault?.(task)
  }
  async function* recorded(signal: AbortSignal) {
    for await (const task of readTaskRecords({ ...deps, signals: [signal] }, keepFault)) {
      known += 1
      if (only?.(task) === false) continue
      wanted += 1
      yield task
    }
  }
  async function* readOne(task: KnownTask, signal: AbortSignal) {
    try {
      yield* read(task, settings, { ...deps, signals: [signal] })
    } catch (error) {
      if (!isFaultOfTask(error)) throw error
      keepFault(task.task, error)
    }
  }
  yield* concurrently(recorded, readOne, deps.signals)
  faults.throwIfAny()
  // We must fail here, otherwise a dead man's switch on the wrong ledger would report success forever.
  if (known === 0) {
    throw usageError(
      said`no task has run yet in this ledger, so there is nothing to check. Is this the right ${option('store')}? To check a task before its first run, record it: cronledger declare`,
    )
  }
  if (wanted === 0)
    throw usageError(
      'no task matches the given name and owner, so there is nothing to check. To see all tasks: cronledger tasks',
    )
}
