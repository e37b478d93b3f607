import { firstLine, LedgerError } from '../core/errors.ts'
import type { RunEvent } from '../core/event.ts'
import { defined } from '../core/objects.ts'
import { placeParts } from '../core/place.ts'
import { openAttempt, ranMsOf } from '../core/row/attempts.ts'
import { mayRetry } from '../core/row/decide.ts'
import { otherCommand, otherParts, otherPlace } from '../core/row/other-place.ts'
import { rangeStartOf } from '../core/row/range.ts'
import { readableRow } from '../core/row/status.ts'
import { keyOf } from '../core/row/transition.ts'
import type {
  DuplicateCause,
  Ending,
  Instant,
  Outcome,
  PendingRow,
  ProcessMark,
  RefusalCause,
  Row,
  StoredRow,
  Trigger,
} from '../core/types.ts'
import { link } from '../process/clock.ts'
import type { AbortSignalWith } from '../process/signals.ts'
import { type Ask, Halted, ifHalted, within } from './ask.ts'
import { type AskedSlot, type ClaimRequest, type ClaimResult, claimSlot, noteRejection } from './claim.ts'
import { type ClaimedSlot, endClaim, endUnstarted, openGate, unfailing } from './claimed-slot.ts'
import { beginInTurn, enter, type GaveWay, reportAnswer, type Taken } from './enter.ts'
import { Lease, type LeaseLoss, startableMs } from './lease.ts'
import { beginRetry, type EndToWrite, recordRetry } from './next-attempt.ts'
import { takeOverlapLock } from './overlap.ts'
import type { Settings } from './settings.ts'
import { answerOf, readAround } from './task/range.ts'
import type { RunIo } from './write.ts'

export interface LiveAttempt {
  readonly task: string
  readonly slot: Instant
  readonly timezone: string
  readonly windowEnd: Instant | null
  readonly since: Instant | null
  readonly number: number
  readonly runId: string
  readonly trigger: Trigger
  /** The ids of the runs that this run is a part of, the outermost first. */
  readonly insideOf: readonly string[]
  /** Aborts when the work must end because its lease is lost. */
  readonly lost: AbortSignalWith<LeaseLoss>
  /** Returns whether another attempt of this run follows one with this outcome. */
  mayRetry(outcome: Outcome): boolean
  /** Returns whether the lease is young enough to start the work at this moment. A start that takes time asks again. */
  mayStart(): boolean
  record(process: ProcessMark): void
  readonly checkpoint: string | null
  /** Keeps what `read` returns for the next attempt, with each heartbeat. Undefined: the row stays. Must not throw. */
  keepCheckpoint(read: () => string | null | undefined): void
  warn(message: string): void
}

/** How the work ended, with the details for the caller that the row does not keep. */
export type WorkEnd<T> = Succeeded<T> | (Ending & Failure)

interface Succeeded<T> extends Ending {
  readonly outcome: 'succeeded'
  readonly value: T
}

interface Failure {
  readonly outcome: Exclude<Outcome, 'succeeded'>
  /** The error that the work threw. If the attempt was not started, what the attempt before it threw. */
  readonly error?: unknown
  readonly detail?: string
  /** The pid of a process of the work that is still alive. It prevents a new attempt. */
  readonly left?: number
}

export type RunResult<T> =
  | { readonly status: 'completed'; readonly attempt: number; readonly value: T }
  /** The work succeeded, but the ledger may not know it: a later trigger may find the slot stale. */
  | { readonly status: 'unrecorded'; readonly attempt: number; readonly value: T }
  /** The work failed or was not started. `attempt` is null if nothing was claimed. */
  | ({ readonly status: 'failed'; readonly attempt: number | null; readonly recorded: boolean } & Ending & Failure)
  | { readonly status: 'duplicate'; readonly cause: DuplicateCause; readonly row: Row }
  | { readonly status: 'refused'; readonly cause: RefusalCause; readonly row: StoredRow | null }
  | Exclude<GaveWay, Taken>

export type Work<T> = (attempt: LiveAttempt) => Promise<WorkEnd<T>>

/** The work is called at most once in an attempt, and only under a claim that the ledger confirmed. Throws `LedgerError`. */
export async function execute<T>(
  request: ClaimRequest,
  work: Work<T>,
  settings: Settings,
  givenIo: RunIo,
): Promise<RunResult<T> | Taken> {
  const io = { ...givenIo, emit: unfailing((event: RunEvent) => givenIo.emit(asRecorded(event))) }
  const asked = { request, settings, io }
  const claimResult = await claimSlot(asked).catch(ifHalted(null))
  switch (claimResult?.kind) {
    case undefined:
      return { status: 'failed', attempt: null, recorded: false, outcome: 'notStarted' }
    case 'duplicate': {
      const { kind, cause, row } = claimResult
      const parts = otherParts(row, request.place)
      const commandHash = otherCommand(row, request.commandHash)
      const noted = await noteRejection({ kind, cause, ...parts, ...defined({ commandHash }) }, asked)
      const hasOther = commandHash !== undefined && ({ hasOtherCommand: true } as const)
      io.emit({ event: kind, cause, row, ...placeOf(row, request), ...hasOther, ...noted })
      return { status: kind, cause, row }
    }
    case 'refused': {
      const { kind, cause, row, survivor } = claimResult
      const done = await answerOfLaterRun(claimResult, asked)
      if (done !== null) return done
      const noted = row === null ? { noted: false } : await noteRejection({ kind, cause }, asked)
      const own = cause === 'otherAccount' ? readableRow(row) : null
      io.emit({ event: kind, cause, row, survivor, ...(own && placeOf(own, request)), ...noted })
      return { status: kind, cause, row }
    }
    case 'taken':
      return { status: 'taken' }
    case 'claimed':
      return runClaimed(claimResult, work, asked)
  }
}

/** What is said of an attempt has one duration, that of the row. */
function asRecorded(event: RunEvent): RunEvent {
  if (event.event !== 'ended') return event
  const attempt = event.row?.attempts.find(({ number }) => number === event.attempt.number)
  return attempt?.phase === 'ended' ? { ...event, durationMs: ranMsOf(attempt) ?? event.durationMs } : event
}

function placeOf(row: Row, { host, place }: ClaimRequest) {
  const other = otherPlace(row, { ...host, ...placeParts(place) })
  return other && { otherPlace: other }
}

/** Returns the result if a later run has this slot in its range: then there is nothing to decide about its own attempts. */
async function answerOfLaterRun(
  { cause, row: found }: Extract<ClaimResult, { kind: 'refused' }>,
  asked: AskedSlot,
): Promise<GaveWay | null> {
  const { request, settings, io } = asked
  const row = readableRow(found)
  if (request.trigger.kind === 'forced' || (cause !== 'failed' && cause !== 'stale') || row === null) return null
  if (!settings.sinceLastSuccess && row.attempts.every((one) => rangeStartOf(one) === undefined)) return null
  const limit = { ms: settings.ledgerTimeoutMs, halt: io.stop }
  const around = await within(limit, io, (ask) => readAround(asked, row, ask)).catch(() => null)
  const answer = around && answerOf(around, request.trigger, settings, false)
  if (answer === null) return null
  const noted = await noteRejection({ kind: answer.kind, cause: answer.cause }, asked)
  return reportAnswer(answer, row, noted, io)
}

async function runClaimed<T>(
  { row, preparedAtMs }: Extract<ClaimResult, { kind: 'claimed' }>,
  work: Work<T>,
  asked: AskedSlot,
): Promise<RunResult<T> | Taken> {
  const { request, settings, io } = asked
  let holdsLock = false
  const progress: ClaimProgress<T> = { ending: { outcome: 'notStarted' }, started: 0, before: null, isWorking: false }
  const hasLostLock = async (ask: Ask) => {
    if (!holdsLock) return false
    // Another run that had the lock since may have done the work of this one, also if it has ended.
    const keepsOnly = claimedSlot.rangeLapses !== null && progress.isWorking
    return (await takeOverlapLock(row, settings, io, ask, undefined, keepsOnly)).kind !== 'held'
  }
  // The scheduled runs of the task may allow more attempts than this force knows, so that one of them may take the slot over
  // when the lease has run out. So a forced attempt must not outlive its lease, even if the caller allows that.
  const onLeaseLost = request.trigger.kind === 'forced' ? 'stop' : settings.onLeaseLost
  const lease = new Lease({ row, preparedAtMs }, { ...settings, onLeaseLost }, io, hasLostLock)
  lease.lost.addEventListener('abort', () => {
    io.emit({ event: 'lease-lost', cause: lease.lost.reason.cause })
  })
  const halt = new AbortController()
  const unlink = link([io.stop, lease.lost], halt)
  const claimedSlot: ClaimedSlot = { ...asked, lease, halt: halt.signal, record: null, rangeLapses: null }
  try {
    const entered = await enter(row, claimedSlot, () => {
      holdsLock = true
    })
    return 'status' in entered ? entered : await makeAttempts(entered, work, progress, claimedSlot)
  } catch (error) {
    return await endEarly(error, progress, claimedSlot)
  } finally {
    unlink()
  }
}

interface ClaimProgress<T> {
  /** How the attempt in progress ended: `notStarted` until its work has ended. */
  ending: Ending
  started: number
  /** The work of an attempt has started, and has not ended. */
  isWorking: boolean
  before: RunResult<T> | null
}

/** A stop came, the lease is lost, or no answer came. Throws the error, unless the attempt before has a result. */
async function endEarly<T>(
  error: unknown,
  progress: ClaimProgress<T>,
  claimedSlot: ClaimedSlot,
): Promise<RunResult<T>> {
  const { before } = progress
  // A stop must not hide from the caller what the attempt before has thrown.
  if (error instanceof Halted)
    return {
      ...(await endUnstarted(claimedSlot)),
      ...(before !== null && 'error' in before && { error: before.error }),
    }
  if (before !== null && error instanceof LedgerError) {
    await endUnstarted(claimedSlot, error.message)
    return before
  }
  const { ending, started } = progress
  const detail = firstLine(error)
  const { held, finish } = await endClaim(ending, claimedSlot)
  claimedSlot.io.emit(
    started === 0
      ? { event: 'withdrawn', certain: finish.finish !== 'unanswered', detail }
      : { event: 'ended', attempt: openAttempt(held), ending, durationMs: 0, detail, ...finish },
  )
  throw error
}

/** Makes the attempts of one trigger: the first one, and those that the run makes itself after a failure. */
async function makeAttempts<T>(
  first: PendingRow,
  work: Work<T>,
  progress: ClaimProgress<T>,
  claimedSlot: ClaimedSlot,
): Promise<RunResult<T> | Taken> {
  const { halt, settings, io } = claimedSlot
  let row = first
  for (let retry = 1; ; retry++) {
    const entered = await openRangeGate(row, claimedSlot)
    if ('status' in entered) return progress.before ?? entered
    row = entered
    const { end, ended } = await runWork(row, work, progress, claimedSlot)
    const { number } = ended.attempt
    const isLast = halt.aborted || end.outcome === 'succeeded' || end.left !== undefined
    if (isLast || !mayRetry(row, end.outcome, settings)) {
      const { finish } = await endClaim(ended.ending, claimedSlot)
      io.emit({ ...ended, ...finish })
      return resultOf(end, number, finish.finish === 'recorded')
    }
    const waiting = await recordRetry(ended, claimedSlot)
    const before: RunResult<T> = resultOf(end, number, waiting !== null)
    if (waiting === null) return before
    progress.before = before
    progress.ending = { outcome: 'notStarted' }
    const next = await beginRetry(waiting, retry, claimedSlot)
    if (next === null) return before
    row = next
  }
}

/** Opens the gate. If the lease has run out since the range was found, other runs may have changed it, so it is found again. */
async function openRangeGate(row: PendingRow, claimedSlot: ClaimedSlot): Promise<PendingRow | GaveWay> {
  const { lease, settings } = claimedSlot
  for (let begun = row; ; ) {
    await openGate(claimedSlot)
    if (claimedSlot.rangeLapses === null || claimedSlot.rangeLapses === lease.lapses) return begun
    const again = await beginInTurn(begun, claimedSlot, settings.ledgerTimeoutMs)
    if ('status' in again) return again
    begun = again
  }
}

/** Runs the work of one attempt, right after `openGate`: nothing may be awaited in between. Returns how it ended. */
async function runWork<T>(
  row: PendingRow,
  work: Work<T>,
  progress: ClaimProgress<T>,
  claimedSlot: ClaimedSlot,
): Promise<{ readonly end: WorkEnd<T>; readonly ended: EndToWrite }> {
  const { lease, io } = claimedSlot
  const { clock, emit } = io
  const attempt = openAttempt(lease.began(clock.now()))
  const startedMs = clock.monotonicMs()
  const working = startWork(work, liveAttempt(row, claimedSlot))
  progress.started += 1
  progress.isWorking = true
  progress.before = null
  // We must log after the start, otherwise a slow log reader could delay the start until the lease has run out.
  emit({ event: 'claimed', attempt })
  const end = await working
  progress.isWorking = false
  progress.ending = endingOf(end)
  const durationMs = clock.monotonicMs() - startedMs
  const detail = 'detail' in end && end.detail !== undefined && { detail: end.detail }
  return { end, ended: { event: 'ended', attempt, ending: progress.ending, durationMs, ...detail } }
}

function resultOf<T>(end: WorkEnd<T>, attempt: number, recorded: boolean): RunResult<T> {
  if (end.outcome !== 'succeeded') return { status: 'failed', attempt, recorded, ...end }
  return { status: recorded ? 'completed' : 'unrecorded', attempt, value: end.value }
}

function liveAttempt(row: PendingRow, { request, lease, settings, io }: ClaimedSlot): LiveAttempt {
  const { number, runId, since = null } = openAttempt(row)
  return {
    ...keyOf(row),
    timezone: request.schedule.zone,
    windowEnd: row.windowEnd,
    since,
    number,
    runId,
    trigger: request.trigger,
    insideOf: request.insideOf ?? [],
    lost: lease.lost,
    mayRetry: (outcome) => mayRetry(row, outcome, settings),
    mayStart: () => lease.ageMs() < startableMs(settings),
    record: (process) => lease.record(process),
    checkpoint: row.checkpoint ?? null,
    keepCheckpoint: (read) => lease.keepCheckpoint(read),
    warn: (message) => io.emit({ event: 'warning', message }),
  }
}

/** Starts the work at once. Never rejects: work that throws has failed. */
async function startWork<T>(work: Work<T>, live: LiveAttempt): Promise<WorkEnd<T>> {
  try {
    return await work(live)
  } catch (error) {
    return { outcome: 'failed', error, detail: firstLine(error) }
  }
}

function endingOf({ outcome, exitCode, signal, process, background, report }: Ending): Ending {
  return { outcome, ...defined({ exitCode, signal, process, background, report }) }
}
