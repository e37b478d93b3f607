import { type LedgerError, usageError } from '../core/errors.ts'
import { formatInstant } from '../core/instant.ts'
import type { Turn } from '../core/row/overlap-lock.ts'
import { attemptCount, skipped } from '../core/row/transition.ts'
import type { Row } from '../core/types.ts'
import { withinStop } from '../process/stop.ts'
import { begin, endWritten, type Held } from './claimed-slot.ts'
import { finishAttempt } from './finish.ts'
import { noteRejection } from './note.ts'
import { type Turning, waitForTurn } from './overlap-lock.ts'
import { writeAsOwner } from './write.ts'

export type Entering =
  /** The task's turn is this slot's, and its attempt has begun; or a stop came, and nothing is to start. */
  | { readonly kind: 'ready'; readonly row: Row }
  /** Another slot has the turn. */
  | { readonly kind: 'gaveWay'; readonly result: GaveWay }

type GaveWay =
  | { readonly status: 'skipped'; readonly attempt: number; readonly holder: Turn; readonly recorded: boolean }
  | { readonly status: 'refused'; readonly cause: 'overlap'; readonly row: null }

/**
 * Brings a claimed slot that waits to its first attempt, where slots of the task must not overlap. Throws the error of the
 * ledger where it does not say which slot has the turn.
 */
export async function enter(row: Row, held: Held, onTurn: () => void): Promise<Entering> {
  const { halt, terms } = held
  const turning = await turnOf(row, held)
  if (turning.kind === 'mine') onTurn()
  const ready = turning.kind === 'mine' && !halt.aborted ? await begin(held, terms.ledgerTimeoutMs) : turning
  if (ready.kind === 'ok') return { kind: 'ready', row: ready.row }
  if (ready.kind === 'busy' && !halt.aborted) return giveWay(ready.holder, held)
  if (ready.kind === 'unanswered' && !halt.aborted) throw ready.cause
  return { kind: 'ready', row }
}

/**
 * Waits for the turn, once more where the lease ran out meanwhile: another slot may have taken the turn then, and the
 * answer that it is this slot's may be older than that.
 */
async function turnOf(row: Row, { request, lease, halt, terms, io }: Held): Promise<Turning> {
  const waits = terms.overlap === 'wait' && request.trigger.kind === 'scheduled'
  const deadlineMs = io.clock.monotonicMs() + (waits ? terms.overlapTimeoutMs : 0)
  for (;;) {
    const lapses = lease.lapses()
    const turning = await waitForTurn(row, deadlineMs, terms, io, halt, (holder) => {
      if (holder.runId === request.insideOf) throw waitsForItself(holder)
      io.tell({ event: 'waiting', holder })
    })
    if (turning.kind !== 'mine' || lease.lapses() === lapses || halt.aborted) return turning
  }
}

function waitsForItself({ slot, runId }: Turn): LedgerError {
  return usageError(
    `cronledger was started inside of the run that it would wait for: run ${runId} of slot ${formatInstant(slot)} of the same task. Let that run call the batch itself, without cronledger, or give this one a task of its own.`,
  )
}

async function giveWay(holder: Turn, held: Held): Promise<Entering> {
  const { request, lease, terms, io } = held
  const row = await lease.release()
  const attempt = attemptCount(row)
  if (terms.overlap === 'skip' && request.trigger.kind === 'scheduled') {
    const reason = `slot ${formatInstant(holder.slot)} had the turn of the task, run ${holder.runId}`
    const written = await withinStop(terms.finishTimeoutMs, terms, io, (signal) =>
      writeAsOwner(row, (ground, stamp) => skipped(ground, reason, stamp), io, { signal, retry: 'any' }),
    )
    io.tell({ event: 'skipped', holder, ...endWritten(written) })
    return { kind: 'gaveWay', result: { status: 'skipped', attempt, holder, recorded: written.kind === 'ok' } }
  }
  const finish = await finishAttempt(row, { outcome: 'notStarted' }, terms, io)
  const refusal = { kind: 'refused', cause: 'overlap' } as const
  const noted =
    finish.kind === 'unanswered'
      ? { noted: false, detail: finish.cause.message }
      : await noteRejection(refusal, request, terms, io)
  io.tell({ event: 'refused', cause: refusal.cause, row: null, survivor: null, holder, ...noted })
  return { kind: 'gaveWay', result: { status: 'refused', cause: refusal.cause, row: null } }
}
