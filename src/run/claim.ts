import { LedgerError } from '../core/errors.ts'
import type { NoteResult, RunEvent } from '../core/event.ts'
import { type Decision, decide, isNewerSchema, isRunning } from '../core/row/decide.ts'
import type { Facts, Policy } from '../core/row/policy.ts'
import { type Claim, claimRow, finishRow, renewLease, type Stamp, withdrawClaim } from '../core/row/transition.ts'
import type { Rejection, Row, StoredRow, Survivor } from '../core/types.ts'
import { withDeadline, withinDeadline } from '../process/clock.ts'
import { type StopIo, type StopSettings, withinStop } from '../process/stop.ts'
import { type RetryOptions, untilAnswered } from './retry.ts'
import { ensureFreshLease, type WriteIo, writeAsOwner } from './write.ts'

export interface ClaimSettings extends Policy, StopSettings {
  readonly leaseMs: number
  readonly heartbeatMs: number
  /** Between SIGTERM and SIGKILL. */
  readonly killAfterMs: number
  /** For the whole claim, its withdrawal included. */
  readonly ledgerTimeoutMs: number
}

export interface ClaimIo extends WriteIo, StopIo {
  /** What still lives on this host of an attempt of the row that never reported its end. */
  findSurvivor(row: Row): Survivor | null
}

/** What a trigger asks for: the claim, and what its event time has against it. */
export interface ClaimRequest extends Claim {
  readonly objection: Facts['objection']
  /** Run id of the run that this process is a part of, as its environment says. Left out: of none. */
  readonly insideOf?: string | undefined
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly row: Row; readonly preparedAtMs: number }
  | Exclude<Decision, { kind: 'start' }>
  /** No answer in time, or a stop. `certain`: no write of this run can land any more, so the slot is as it was. */
  | { readonly kind: 'givenUp'; readonly certain: boolean; readonly cause: LedgerError | null }

/** Of the ledger timeout, what the withdrawal gets: it is one write, and the claim is what the caller waits for. */
const WITHDRAWAL_SHARE = 1 / 3

/** The ledger has just answered the claim. An answer that takes longer than two tries is an outage. */
const NOTE_TIMEOUT_MS = 10_000

/** Makes this run the owner of the slot, or says why not. */
export async function claimSlot(request: ClaimRequest, settings: ClaimSettings, io: ClaimIo): Promise<ClaimResult> {
  if (io.stop.aborted) return { kind: 'givenUp', certain: true, cause: null }
  const withdrawalMs = Math.floor(settings.ledgerTimeoutMs * WITHDRAWAL_SHARE)
  const tryFor = (ms: number) =>
    withDeadline(io.clock, ms, [io.stop], (signal) =>
      tryToClaim(request, settings, io, { signal, retry: 'unreachable' }),
    )
  let claimResult = await tryFor(settings.ledgerTimeoutMs - withdrawalMs)
  // Where nothing was sent, there is nothing to withdraw, and the time for that is left for another try.
  if (claimResult.kind === 'unanswered' && claimResult.sent === null) claimResult = await tryFor(withdrawalMs)
  if (claimResult.kind !== 'unanswered') return claimResult
  const { sent, cause } = claimResult
  if (sent === null) return { kind: 'givenUp', certain: true, cause }
  const half = (job: (options: RetryOptions) => Promise<boolean>) =>
    withinStop(Math.floor(withdrawalMs / 2), settings, io, (signal) => job({ signal, retry: 'any' }))
  const certain =
    (await half((options) => withdraw(sent.base, request, io, options))) ||
    (await half((options) => withdrawLanded(sent.row, io, options)))
  return { kind: 'givenUp', certain, cause }
}

interface Unanswered {
  readonly kind: 'unanswered'
  /** The claim that may be on its way, and what it builds on; null where nothing can land any more. */
  readonly sent: { readonly base: Row | null; readonly row: Row } | null
  readonly cause: LedgerError
}

/** The common path is one write and no read: the slot is taken for free until the ledger says otherwise. */
async function tryToClaim(
  request: ClaimRequest,
  settings: ClaimSettings,
  io: ClaimIo,
  options: RetryOptions,
): Promise<Exclude<ClaimResult, { kind: 'givenUp' }> | Unanswered> {
  let found: StoredRow | null = null
  let known = false
  for (;;) {
    const decision = decide(found, { ...request.trigger, slot: request.window.slot }, settings, factsOf(found))
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

async function writeClaim(base: Row | null, claim: Claim, settings: ClaimSettings, io: ClaimIo, options: RetryOptions) {
  const written = await writeAsOwner(
    base,
    (baseRow, stamp) => claimRow(baseRow, claim, stamp, settings.leaseMs),
    io,
    options,
  )
  const change = (row: Row, stamp: Stamp) => renewLease(row, stamp, settings.leaseMs, null)
  const renew = (row: Row, withinMs: number | null) =>
    withinDeadline(io.clock, withinMs, options.signal, (signal) =>
      // The claim is in the ledger, so an error must not leave it there without an end.
      writeAsOwner(row, change, io, { signal, retry: 'any' }),
    )
  const fresh = await ensureFreshLease(written, renew, settings, io.clock)
  // Whatever happened to the renewal, the claim is in the ledger.
  return written.kind === 'ok' && fresh.kind === 'unanswered' ? { ...fresh, changedNothing: false } : fresh
}

/** Gives the claim up by writing, never by reading. True when it is certain that nothing of it can land any more. */
async function withdraw(base: Row | null, claim: Claim, io: ClaimIo, options: RetryOptions): Promise<boolean> {
  const { runId } = claim
  const change = (baseRow: Row | null, stamp: Stamp) => withdrawClaim(baseRow, claim, stamp)
  const written = await writeAsOwner<Row | null>(base, change, io, { ...options, runId })
  return written.kind !== 'unanswered'
}

/**
 * The same for a claim that landed, where no answer told so: a blind write on top of what was sent. It holds only where
 * that is what is there.
 */
async function withdrawLanded(sent: Row, io: ClaimIo, options: RetryOptions): Promise<boolean> {
  const change = (row: Row, stamp: Stamp) => finishRow(row, { outcome: 'notStarted' }, stamp)
  return (await writeAsOwner(sent, change, io, options)).kind === 'ok'
}

/**
 * Records the rejection of a trigger in the row of the slot, for up to 10 s. The row guards the slot and the note does not,
 * so a rejection that could not be recorded is still a rejection.
 */
export async function noteRejection(
  rejection: Pick<Rejection, 'kind' | 'cause'>,
  { task, window, runId, trigger, host }: ClaimRequest,
  settings: StopSettings & { readonly ledgerTimeoutMs: number },
  io: WriteIo & StopIo,
): Promise<NoteResult> {
  const full: Rejection = { ...rejection, runId, trigger, ...host, at: io.clock.now() }
  try {
    const reply = await withinStop(Math.min(NOTE_TIMEOUT_MS, settings.ledgerTimeoutMs), settings, io, (signal) => {
      const options = { signal, retry: 'unreachable' } as const
      return untilAnswered(() => io.store.note({ task, slot: window.slot }, full, options), io, options)
    })
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
