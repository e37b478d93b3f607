import type { KnownEcs } from '../core/ecs.ts'
import { LedgerError, usageError } from '../core/errors.ts'
import type { NoteResult, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import { type Decision, decide } from '../core/row/decide.ts'
import type { Facts, Policy } from '../core/row/policy.ts'
import { isNewerSchema, isRunning } from '../core/row/status.ts'
import { type Claim, claimRow, finishRow, renewLease, type Stamp, withdrawClaim } from '../core/row/transition.ts'
import type { Instant, PendingRow, Rejection, Row, StoredRow, Survivor } from '../core/types.ts'
import { withDeadline, withinDeadline } from '../process/clock.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import type { Store } from '../store/store.ts'
import {
  askPatiently,
  ensureFreshLease,
  type RetryIo,
  type RetryOptions,
  untilAnswered,
  type WriteIo,
  writeAsOwner,
} from './write.ts'

export interface ClaimSettings extends Policy, StopSettings {
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** The milliseconds between SIGTERM and SIGKILL. */
  readonly killAfterMs: number
  /** The time limit of the claim and its withdrawal. If the first try sends nothing, they may take a third longer. */
  readonly ledgerTimeoutMs: number
}

export interface ClaimIo extends WriteIo, StopIo {
  /** Returns a process on this host that belongs to an attempt of the row which never reported its end, or null. */
  findSurvivor(row: Row): Survivor | null
}

/** The claim that a trigger asks for, and the reason against it that its event time gives. */
export interface ClaimRequest extends Claim {
  readonly objection: Facts['objection']
  /** The ids of the runs that the caller is a part of. Left out: the caller is a part of no run. */
  readonly insideOf?: readonly string[] | undefined
  /** The facts of ECS that the run states about its task. Left out: it does not run there. */
  readonly knownEcs?: KnownEcs
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly row: PendingRow; readonly preparedAtMs: number }
  | Exclude<Decision, { kind: 'start' }>
  /** A stop came, and no write of this run was sent. */
  | { readonly kind: 'halted' }
  /**
   * The ledger did not answer in time, or a stop came first. `certain` means that no write of this run can be applied
   * any more, so this run does not own the slot.
   */
  | { readonly kind: 'givenUp'; readonly certain: boolean; readonly cause: LedgerError }

/**
 * The share of the ledger timeout that is kept for the withdrawal. It is small because the withdrawal is one write,
 * while the caller waits for the claim.
 */
const WITHDRAWAL_SHARE = 1 / 3

/** The ledger has just answered the claim. An answer that takes longer than two tries is an outage. */
const NOTE_TIMEOUT_MS = 10_000

/**
 * Makes this run the owner of the slot, or returns why it is not. Throws `LedgerError` if the ledger rejects the
 * request, for example because access is denied, and a usage error if the caller is a part of the run that has the slot.
 */
export async function claimSlot(request: ClaimRequest, settings: ClaimSettings, io: ClaimIo): Promise<ClaimResult> {
  if (io.stop.aborted) return { kind: 'halted' }
  const withdrawalMs = Math.floor(settings.ledgerTimeoutMs * WITHDRAWAL_SHARE)
  const tryFor = (ms: number) =>
    withDeadline(io.clock, ms, [io.stop], (signal) =>
      tryToClaim(request, settings, io, { signal, retry: 'unreachable' }),
    )
  let claimResult = await tryFor(settings.ledgerTimeoutMs - withdrawalMs)
  // The claim only waited for the lock of the ledger, so there is nothing to withdraw. That time is used for another
  // try.
  const isFree = claimResult.kind === 'unanswered' && claimResult.sent === null && claimResult.cause.changedNothing
  if (isFree && !io.stop.aborted) claimResult = await tryFor(withdrawalMs)
  if (claimResult.kind !== 'unanswered') return claimResult
  const { sent, cause } = claimResult
  if (sent === null) return io.stop.aborted ? { kind: 'halted' } : { kind: 'givenUp', certain: true, cause }
  const half = (job: (options: RetryOptions) => Promise<boolean>) =>
    withinStop(Math.floor(withdrawalMs / 2), settings, io, (signal) => job({ signal, retry: 'any' }))
  const certain =
    (await half((options) => withdraw(sent.base, request, io, options))) ||
    (await half((options) => withdrawLanded(sent.row, io, options)))
  return { kind: 'givenUp', certain, cause }
}

interface Unanswered {
  readonly kind: 'unanswered'
  /** The claim that may still be applied, and the row that it builds on. Null if no write can be applied any more. */
  readonly sent: { readonly base: Row | null; readonly row: Row } | null
  readonly cause: LedgerError
}

/** Takes the slot for free until the ledger says otherwise, so that the usual claim is one write and no read. */
async function tryToClaim(
  request: ClaimRequest,
  settings: ClaimSettings,
  io: ClaimIo,
  options: RetryOptions,
): Promise<Exclude<ClaimResult, { kind: 'givenUp' | 'halted' }> | Unanswered> {
  let found: StoredRow | null = null
  let known = false
  for (;;) {
    const decision = decide(found, { ...request.trigger, slot: request.window.slot }, settings, factsOf(found))
    checkNotInside(decision, request)
    if (decision.kind === 'start') {
      const { base } = decision
      const written = await writeClaim(base, request, settings, io, options)
      if (written.kind === 'ok') return { ...written, kind: 'claimed' }
      if (written.kind === 'unanswered') {
        const { cause, row, changedNothing } = written
        return { kind: 'unanswered', cause, sent: changedNothing ? null : { base, row } }
      }
      found = written.found
    } else if (known) {
      return decision
    } else {
      const key = { task: request.task, slot: request.window.slot }
      const reply = await untilAnswered(() => io.store.get(key, options), io, options)
      if (reply.kind === 'unanswered') return { ...reply, sent: null }
      found = reply.value
    }
    known = true
  }

  function factsOf(row: StoredRow | null): Facts {
    const now = io.clock.now()
    const idle = row !== null && !isNewerSchema(row) && !isRunning(row, now, settings.skewMs)
    return { now, survivor: idle ? io.findSurvivor(row) : null, objection: request.objection }
  }
}

/**
 * Throws a usage error if a run that the caller is a part of has the slot. As a duplicate, the caller would exit
 * successfully although the batch never ran. Nor may the caller take the slot over after the lease ran out, because it
 * would start a batch beside the one that it is a part of.
 */
function checkNotInside(decision: Decision, { insideOf }: ClaimRequest): void {
  // Nothing waits for a slot that is caught up, and the run that has it also records its end.
  if (decision.kind === 'taken') return
  const row = decision.kind === 'start' ? decision.base : decision.row
  if (row === null || isNewerSchema(row) || row.state !== 'PENDING' || !insideOf?.includes(row.owner)) return
  // Another refusal is not successful either, and it tells an operator what to decide.
  if (decision.kind === 'refused' && decision.cause !== 'running') return
  throw usageError(
    `cronledger was called inside run ${row.owner} of the same task and slot. Call the batch itself instead of cronledger, or use another task name.`,
  )
}

/**
 * Throws a usage error if the trigger has no event time, and a run of another slot of the same task called it. That run is
 * for its own slot, for example because an operator started it again, and would be recorded as completed although this
 * trigger does the work of the current slot, or none. Throws `LedgerError` if the ledger does not answer.
 */
export async function checkNotInsideOtherSlot(
  { task, trigger, window, insideOf }: Pick<ClaimRequest, 'task' | 'trigger' | 'window' | 'insideOf'>,
  surrounding: { readonly task: string; readonly slot: Instant } | null,
  settings: Pick<ClaimSettings, 'ledgerTimeoutMs' | 'skewMs'>,
  io: RetryIo & StopIo & { readonly store: Store },
): Promise<void> {
  if (trigger.kind !== 'scheduled' || trigger.source !== 'clock') return
  if (surrounding?.task !== task || surrounding.slot === window.slot) return
  const reply = await withDeadline(io.clock, settings.ledgerTimeoutMs, [io.stop], (signal) => {
    const options = { signal, retry: 'unreachable' } as const
    return untilAnswered(() => io.store.get({ task, slot: surrounding.slot }, options), io, options)
  })
  if (reply.kind === 'unanswered') {
    if (io.stop.aborted) return
    throw reply.cause
  }
  const row = reply.value
  if (row === null || isNewerSchema(row) || !insideOf?.includes(row.owner)) return
  // A run that has died records nothing any more, and what its batch left behind may start the next run.
  if (!isRunning(row, io.clock.now(), settings.skewMs)) return
  throw usageError(
    `cronledger was called without an event time inside run ${row.owner} of the same task, which is for the slot ${formatInstant(surrounding.slot)}. This call would run the slot ${formatInstant(window.slot)}. Call the batch itself instead of cronledger. Only if this call is meant for another slot, pass --event-time.`,
  )
}

async function writeClaim(base: Row | null, claim: Claim, settings: ClaimSettings, io: ClaimIo, options: RetryOptions) {
  const written = await writeAsOwner(
    base,
    (baseRow, stamp) => claimRow(baseRow, claim, stamp, settings.leaseMs),
    io,
    options,
  )
  const change = (row: Row, stamp: Stamp) => renewLease(row, stamp, settings.leaseMs, null)
  const renew = (row: PendingRow, withinMs: number | null) =>
    withinDeadline(io.clock, withinMs, options.signal, (signal) =>
      // The claim is in the ledger. An error must not end the renewal, otherwise the claim would stay there unfinished.
      writeAsOwner(row, change, io, { signal, retry: 'any' }),
    )
  const fresh = await ensureFreshLease(written, renew, settings, io.clock)
  // The claim itself is in the ledger, even if the renewal changed nothing.
  return written.kind === 'ok' && fresh.kind === 'unanswered' ? { ...fresh, changedNothing: false } : fresh
}

/**
 * Gives the claim up by a write, never by a read. Returns true if it is certain that no write of the claim can be
 * applied any more.
 */
async function withdraw(base: Row | null, claim: Claim, io: ClaimIo, options: RetryOptions): Promise<boolean> {
  const { runId } = claim
  const change = (baseRow: Row | null, stamp: Stamp) => withdrawClaim(baseRow, claim, stamp)
  const written = await writeAsOwner<Row | null, Row>(base, change, io, { ...options, runId })
  return written.kind !== 'unanswered'
}

/**
 * Gives up a claim that was applied although its answer was lost. The write builds on the row that was sent, without a
 * read, so it is applied only if that row is in the ledger. Returns true if it was applied.
 */
async function withdrawLanded(sent: Row, io: ClaimIo, options: RetryOptions): Promise<boolean> {
  const change = (row: Row, stamp: Stamp) => finishRow(row, { outcome: 'notStarted' }, stamp)
  return (await writeAsOwner(sent, change, io, options)).kind === 'ok'
}

/**
 * Records the rejection of a trigger in the row of the slot, for up to 10 s, or up to the ledger timeout if it waits for the
 * lock of a file. The row guards the slot and the note does not, so a rejection that could not be recorded is still a
 * rejection.
 */
export async function noteRejection(
  rejection: Pick<Rejection, 'kind' | 'cause'>,
  { task, window, runId, trigger, host }: ClaimRequest,
  settings: StopSettings & { readonly ledgerTimeoutMs: number },
  io: WriteIo & StopIo,
): Promise<NoteResult> {
  const full: Rejection = { ...rejection, runId, trigger, ...host, at: io.clock.now() }
  try {
    const note = (options: RetryOptions) => io.store.note({ task, slot: window.slot }, full, options)
    const times = { firstMs: NOTE_TIMEOUT_MS, mostMs: settings.ledgerTimeoutMs }
    const reply = await askPatiently(note, { ...settings, ...times }, io, io.stop)
    return reply.kind === 'answer' ? { noted: reply.value } : { noted: false, detail: reply.cause.message }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { noted: false, detail: error.message }
  }
}

/**
 * Returns a handler for an error of the ledger from before the claim. It logs that the ledger cannot be used, and throws the
 * error again. It does not log a usage error, because that is about the request of the caller and not about the ledger.
 */
export function reportAndRethrow(emit: (event: RunEvent) => void): (error: unknown) => never {
  return (error) => {
    if (error instanceof LedgerError && error.kind !== 'usage') emit({ event: 'unusable', detail: error.message })
    throw error
  }
}
