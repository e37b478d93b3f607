import { LedgerError, nullIfShape, usageError } from '../core/errors.ts'
import type { NoteResult, RunEvent } from '../core/event.ts'
import { formatInstant } from '../core/instant.ts'
import type { KnownPlace, PlaceParts } from '../core/place.ts'
import { type Decision, decide } from '../core/row/decide.ts'
import { otherPlace } from '../core/row/other-place.ts'
import type { Facts, Policy } from '../core/row/policy.ts'
import { isRunning, isUnreadable, readableRow } from '../core/row/status.ts'
import { Damaged } from '../core/row/stored-fields.ts'
import { type Claim, claimRow, finishRow, renewLease, type Stamp, withdrawClaim } from '../core/row/transition.ts'
import type { UnknownUpstream } from '../core/task/upstream.ts'
import type { Instant, PendingRow, Rejection, Row, StoredRow } from '../core/types.ts'
import { type Ask, afterWrite, askWithin, Halted, Unanswered, within } from './ask.ts'
import { ensureFreshLease } from './lease.ts'
import type { Settings } from './settings.ts'
import { readAround } from './task/range.ts'
import { finishBy, type RunIo, type WriteResult, writeAsOwner } from './write.ts'

export type SlotRequest = Pick<Claim, 'task' | 'window' | 'schedule'>

/** The claim that a trigger asks for, and the reason against it that its event time gives. */
export interface ClaimRequest extends Claim {
  readonly objection: Facts['objection']
  /** The ids of the runs that the caller is a part of. Left out: the caller is a part of no run. */
  readonly insideOf?: readonly string[] | undefined
  /** The tasks that it comes after. Left out: those of the setting `after`, which has no prefix. */
  readonly upstreams?: readonly string[]
  /** Why nothing can start: one of them is not recorded yet. */
  readonly unknownUpstream?: UnknownUpstream | undefined
  /** The monotonic time at which it stops to wait for other tasks. Left out: that of `afterTimeoutMs`. */
  readonly waitUntilMs?: number
  /** The task had ranges at the slot, as its record says. Left out: unknown, so the option of this run counts. */
  readonly hasRanges?: boolean
  /** The place that the run states about its task. Left out: it has none. */
  readonly knownPlace?: KnownPlace
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly row: PendingRow; readonly preparedAtMs: number }
  | Exclude<Decision, { kind: 'start' }>

/** The share of the ledger timeout that is kept for the withdrawal, which is one write. */
const WITHDRAWAL_SHARE = 1 / 3

/** The ledger has just answered the claim. If an answer takes longer than two tries, it is unreachable. */
const NOTE_TIMEOUT_MS = 10_000

export interface AskedSlot {
  readonly request: ClaimRequest
  readonly settings: Settings
  readonly io: RunIo
}

/** Throws `Halted` on a stop, `LedgerError`, and a usage error if the caller is a part of the run that has the slot. */
export async function claimSlot(asked: AskedSlot): Promise<ClaimResult> {
  const { settings, io } = asked
  const { ledgerTimeoutMs } = settings
  const withdrawalMs = Math.floor(ledgerTimeoutMs * WITHDRAWAL_SHARE)
  const claim = newClaim(asked)
  const tryFor = (ms: number) =>
    within({ ms, signals: [io.stop] }, io, (ask, signal) => tryToClaim(claim, asked, ask, signal))
  const stopped = () => {
    io.emit({ event: 'stopped' })
    return new Halted()
  }
  if (io.stop.aborted) throw stopped()
  try {
    return await tryFor(ledgerTimeoutMs - withdrawalMs).catch((error: unknown) => {
      // Nothing was sent, for example while the ledger was locked, so there is nothing to withdraw. That time is used for
      // another try.
      const isUnsent = error instanceof Unanswered && error.changedNothing && !io.stop.aborted
      if (isUnsent) return tryFor(withdrawalMs)
      throw error
    })
  } catch (error) {
    if (error instanceof Damaged) {
      io.emit({ event: 'unusable', detail: error.message, isDamagedRow: true })
      throw error
    }
    if (!(error instanceof Unanswered)) return reportAndRethrow(io.emit)(error)
    const sent = error.changedNothing ? null : claim.sent()
    if (sent === null && io.stop.aborted) throw stopped()
    const certain = sent === null || (await giveUpClaim(sent, withdrawalMs, asked))
    io.emit({ event: 'withdrawn', certain, detail: error.message })
    throw io.stop.aborted ? new Halted() : error
  }
}

const unstarted = (row: Row, stamp: Stamp) => finishRow(row, { outcome: 'notStarted' }, stamp)

/** Takes a slot that is not forced for free until the ledger says otherwise, so that the usual claim is one write and no read. */
async function tryToClaim(
  claim: ReturnType<typeof newClaim>,
  { request, settings, io }: AskedSlot,
  ask: Ask,
  signal: AbortSignal,
): Promise<ClaimResult> {
  const slot = { task: request.task, slot: request.window.slot }
  const hasRanges = request.hasRanges === true || settings.sinceLastSuccess
  const decideOn = (found: StoredRow | null, isCovered: boolean) => {
    const now = io.clock.now()
    const row = readableRow(found)
    const survivor = row === null || isRunning(row, now, settings.skewMs) ? null : io.findSurvivor(row)
    const isOtherAccount = settings.strict && row !== null && otherPlace(row, request.host)?.what === 'account'
    const facts: Facts = { now, survivor, objection: request.objection, isOtherAccount, hasRanges, isCovered }
    return decide(found, { ...request.trigger, slot: slot.slot }, settings, facts)
  }
  const read = async () => ({ found: await ask((call) => io.store.get(slot, call)) })
  // A forced slot usually has a row. If the ledger has no file yet, the write makes it.
  const first = request.trigger.kind === 'forced' ? await read().catch(nullIfShape) : null
  let found = first?.found ?? null
  const { forceStatus = [] }: Policy = settings
  const mayBeCovered = first !== null && hasRanges && forceStatus.includes('completed')
  const around = mayBeCovered ? await readAround({ request, settings, io }, readableRow(found), ask) : null
  const isCovered = around?.later.covering?.kind === 'done'
  for (let isRead = first !== null; ; isRead = true) {
    const decision = decideOn(found, isCovered)
    checkNotInside(decision, request)
    if (decision.kind === 'start') {
      const written = await claim.write(decision.base, ask, signal)
      if (written.kind === 'ok') return { ...written, kind: 'claimed' }
      found = written.found
    } else if (isRead) {
      return decision
    } else {
      found = (await read()).found
    }
  }
}

/** As a duplicate, the caller would exit successfully although the batch never ran. Nor may it start beside its own run. */
function checkNotInside(decision: Decision, { insideOf }: ClaimRequest): void {
  // Nothing waits for a slot that is caught up, and the run that has it also records its end.
  if (decision.kind === 'taken') return
  const row = decision.kind === 'start' ? decision.base : decision.row
  if (row === null || isUnreadable(row) || row.state !== 'PENDING' || !insideOf?.includes(row.ownerRunId)) return
  // Another refusal is not successful either, and it tells an operator what to decide.
  if (decision.kind === 'refused' && decision.cause !== 'running') return
  throw usageError(
    `cronledger was called inside run ${row.ownerRunId} of the same task and slot. Call the batch itself instead of cronledger, or use another task name.`,
  )
}

/**
 * Throws a usage error if a trigger without an event time comes from a run of another slot. That run would be recorded as
 * completed, although this trigger does the work of the current slot, or none. Throws `LedgerError`, and `Halted` on a stop.
 */
export async function checkNotInsideOtherSlot(
  { task, trigger, window, insideOf }: Pick<ClaimRequest, 'task' | 'trigger' | 'window' | 'insideOf'>,
  surrounding: { readonly task: string; readonly slot: Instant } | null,
  { ledgerTimeoutMs, skewMs }: Pick<Settings, 'ledgerTimeoutMs' | 'skewMs'>,
  io: Pick<RunIo, 'store' | 'clock' | 'random' | 'stop'>,
): Promise<void> {
  if (trigger.kind !== 'scheduled' || trigger.source !== 'clock') return
  if (surrounding?.task !== task || surrounding.slot === window.slot) return
  const key = { task, slot: surrounding.slot }
  const row = await askWithin({ ms: ledgerTimeoutMs, halt: io.stop }, io, (call) => io.store.get(key, call))
  if (row === null || isUnreadable(row) || !insideOf?.includes(row.ownerRunId)) return
  // A run that has died records nothing any more, and what its batch left behind may start the next run.
  if (!isRunning(row, io.clock.now(), skewMs)) return
  throw usageError(
    `cronledger was called without an event time inside run ${row.ownerRunId} of the same task, which is for the slot ${formatInstant(surrounding.slot)}. This call would run the slot ${formatInstant(window.slot)}. Call the batch itself instead of cronledger. Only if this call is meant for another slot, pass --event-time.`,
  )
}

interface Sent {
  readonly base: Row | null
  readonly row: Row
}

/** Returns the write of a claim, and what it has sent: null if no write of the claim can be applied any more. */
function newClaim({ request, settings, io }: AskedSlot) {
  let sent: Sent | null = null
  return {
    sent: (): Sent | null => sent,
    async write(base: Row | null, ask: Ask, signal: AbortSignal): Promise<WriteResult> {
      const keep = (row: PendingRow) => {
        sent = { base, row }
        return row
      }
      const first = await writeAsOwner<Row | null, PendingRow>(
        base,
        (baseRow, stamp) => keep(claimRow(baseRow, request, stamp, settings.leaseMs)),
        io,
        ask,
      )
      const change = (row: Row, stamp: Stamp) => keep(renewLease(row, stamp, settings.leaseMs, null))
      const renew = (row: PendingRow, ms: number) =>
        // The claim is in the ledger. An error must not end the renewal, otherwise the claim would stay there unfinished.
        afterWrite(
          within({ ms, signals: [signal], retry: 'any' }, io, (renewal) => writeAsOwner(row, change, io, renewal)),
        )
      const written = await ensureFreshLease(first, renew, settings, io.clock)
      if (written.kind === 'lost') sent = null
      return written
    },
  }
}

/** Withdraws a claim. Returns true if it is certain that none of its writes can be applied any more. */
async function giveUpClaim(sent: Sent, withdrawalMs: number, { request, settings, io }: AskedSlot): Promise<boolean> {
  const { stopTimeoutMs } = settings
  const limit = { ms: Math.floor(withdrawalMs / 2), stopTimeoutMs, retry: 'any' } as const
  const send = (write: (ask: Ask) => Promise<WriteResult<Row>>) => finishBy(within(limit, io, write), 0)
  // The claim is given up by a write, never by a read. If it is answered, no write of the claim can be applied any more.
  const withdraw = (row: Row | null, stamp: Stamp) => withdrawClaim(row, request, stamp)
  const withdrawn = await send((ask) => writeAsOwner<Row | null, Row>(sent.base, withdraw, io, ask, request.runId))
  if (withdrawn.finish !== 'unanswered') return true
  // The claim may have been applied although its answer was lost. The write builds on the row that was sent, without a read,
  // so it is applied only if that row is in the ledger.
  return (await send((ask) => writeAsOwner(sent.row, unstarted, io, ask))).finish === 'recorded'
}

/** Tries for up to 10 s. A rejection that could not be recorded is still one, because the row guards the slot. */
export async function noteRejection(
  rejection: Pick<Rejection, 'kind' | 'cause' | 'commandHash' | keyof PlaceParts>,
  { request, settings, io }: AskedSlot,
): Promise<NoteResult> {
  const { task, window, runId, trigger, host } = request
  const { ledgerTimeoutMs, stopTimeoutMs } = settings
  const full: Rejection = { ...rejection, runId, trigger, ...host, at: io.clock.now() }
  const limit = { ms: NOTE_TIMEOUT_MS, busyMs: ledgerTimeoutMs, stopTimeoutMs, signals: [io.stop] }
  try {
    return { noted: await askWithin(limit, io, (call) => io.store.note({ task, slot: window.slot }, full, call)) }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { noted: false, detail: error.message }
  }
}

/** Logs an error of the ledger from before the claim, and throws it again. A usage error is not about the ledger. */
export function reportAndRethrow(emit: (event: RunEvent) => void): (error: unknown) => never {
  return (error) => {
    if (error instanceof LedgerError && error.kind !== 'usage') emit({ event: 'unusable', detail: error.message })
    throw error
  }
}
