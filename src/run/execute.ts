import { firstLine, LedgerError } from '../core/errors.ts'
import type { NoteResult, RunEvent } from '../core/event.ts'
import { keyOf } from '../core/transition.ts'
import type {
  Attempt,
  DuplicateCause,
  Ending,
  Instant,
  Outcome,
  ProcessMark,
  RefusalCause,
  Rejection,
  Row,
  StoredRow,
} from '../core/types.ts'
import { type ClaimIo, type ClaimRequest, type ClaimTerms, claimSlot } from './claim.ts'
import { type FinishTerms, finishAttempt } from './finish.ts'
import { keepLease, type LeaseLoss, type LeaseTerms } from './lease.ts'
import { registerSchedule } from './register.ts'
import { untilAnswered } from './retry.ts'
import { withinStop } from './stop.ts'

export interface RunTerms extends ClaimTerms, LeaseTerms, FinishTerms {}

export interface RunIo extends ClaimIo {
  tell(event: RunEvent): void
}

/** The attempt as the work sees it. */
export interface LiveAttempt {
  readonly task: string
  readonly slot: Instant
  /** Null after the schedule's last slot. */
  readonly windowEnd: Instant | null
  /** From 1; a later attempt of the slot has a higher one: the fencing token. */
  readonly number: number
  readonly runId: string
  /** Aborts when the work must end because its lease is lost; the reason is a `LeaseLoss`. */
  readonly lost: AbortSignal
  /** Puts the process that does the work on record. */
  record(process: ProcessMark): void
}

/** How the work ended, with what the caller wants of it and the row does not keep. */
export type WorkEnd<T> = Succeeded<T> | (Ending & Failure)

interface Succeeded<T> extends Ending {
  readonly outcome: 'succeeded'
  readonly value: T
}

interface Failure {
  readonly outcome: Exclude<Outcome, 'succeeded'>
  readonly error?: unknown
  /** Why, in a line. */
  readonly detail?: string
}

export type RunResult<T> =
  | { readonly status: 'completed'; readonly attempt: number; readonly value: T }
  /** The work went well, but the ledger may not say so: a later trigger may find the slot stale. */
  | { readonly status: 'unrecorded'; readonly attempt: number; readonly value: T }
  /** The work did not go well, or was not started (`attempt` is null where nothing was claimed). */
  | ({ readonly status: 'failed'; readonly attempt: number | null; readonly recorded: boolean } & Ending & Failure)
  | { readonly status: 'duplicate'; readonly cause: DuplicateCause; readonly row: Row }
  | { readonly status: 'refused'; readonly cause: RefusalCause; readonly row: StoredRow | null }

/** The ledger has just answered the claim; what takes longer than two tries is an outage. */
const NOTE_TIMEOUT_MS = 10_000

/** A short batch may have to wait for it: one slow answer's time. The next run tries again. */
const REGISTRY_TIMEOUT_MS = 5_000

/**
 * One trigger, from its claim to its finish: the one control flow of a run. The work is called at most once, and only
 * under a claim that the ledger confirmed.
 *
 * Throws `LedgerError` when the ledger could not be asked: then nothing was started.
 */
export async function execute<T>(
  request: ClaimRequest,
  work: (attempt: LiveAttempt) => Promise<WorkEnd<T>>,
  terms: RunTerms,
  io: RunIo,
): Promise<RunResult<T>> {
  const claiming = await claimSlot(request, terms, io)
  switch (claiming.kind) {
    case 'duplicate': {
      const { kind, cause, row } = claiming
      io.tell({ event: kind, cause, row, ...(await note({ kind, cause }, request, terms, io)) })
      return { status: kind, cause, row }
    }
    case 'refused': {
      const { kind, cause, row, survivor } = claiming
      const noted = row === null ? { noted: false } : await note({ kind, cause }, request, terms, io)
      io.tell({ event: kind, cause, row, survivor, ...noted })
      return { status: kind, cause, row }
    }
    case 'givenUp':
      io.tell(
        claiming.cause === null
          ? { event: 'stopped' }
          : { event: 'withdrawn', certain: claiming.certain, detail: claiming.cause.message },
      )
      if (claiming.cause === null || io.stop.aborted) {
        return { status: 'failed', attempt: null, recorded: false, outcome: 'notStarted' }
      }
      throw claiming.cause
    case 'claimed':
      return runClaimed(claiming.row, claiming.preparedAtMs, work, terms, io)
  }
}

async function runClaimed<T>(
  row: Row,
  preparedAtMs: number,
  work: (attempt: LiveAttempt) => Promise<WorkEnd<T>>,
  terms: RunTerms,
  io: RunIo,
): Promise<RunResult<T>> {
  const attempt = row.attempts.at(-1) as Attempt
  const startedMs = io.clock.monotonicMs()
  const lease = keepLease(row, preparedAtMs, terms, io)
  lease.lost.addEventListener('abort', () => {
    io.tell({ event: 'lease-lost', cause: (lease.lost.reason as LeaseLoss).cause })
  })

  // A stop that came between the claim and here: nothing starts, and the slot is free for the next trigger.
  let end: WorkEnd<T> = { outcome: 'notStarted' }
  let registering: Promise<void> | null = null
  if (!io.stop.aborted) {
    io.tell({ event: 'claimed', attempt })
    const { number, runId } = attempt
    const live = { ...keyOf(row), windowEnd: row.windowEnd, number, runId, lost: lease.lost, record: lease.record }
    const working = work(live)
    registering = register(row, terms, io)
    end = await working.catch((error: unknown): WorkEnd<T> => ({ outcome: 'failed', error, detail: firstLine(error) }))
  }
  const durationMs = io.clock.monotonicMs() - startedMs

  const finish = await finishAttempt(await lease.release(), endingOf(end), terms, io)
  const recorded = finish.kind === 'recorded'
  io.tell({
    event: 'ended',
    attempt,
    ending: endingOf(end),
    durationMs,
    finish: finish.kind,
    ...(finish.kind === 'unanswered' && { finishCause: finish.cause.message }),
    ...detailOf(end),
  })
  await registering
  if (end.outcome !== 'succeeded') return { status: 'failed', attempt: attempt.number, recorded, ...end }
  return { status: recorded ? 'completed' : 'unrecorded', attempt: attempt.number, value: end.value }
}

/** The registry is for audits: beside the work, once, and whatever goes wrong with it changes nothing about the run. */
async function register(row: Row, terms: RunTerms, io: RunIo): Promise<void> {
  if (row.attempts.at(-1)?.trigger.kind !== 'scheduled') return
  try {
    const before = await withinStop(REGISTRY_TIMEOUT_MS, terms, io, (signal) =>
      registerSchedule(row, row.schedule, io.store, { signal }),
    )
    if (before !== null) io.tell({ event: 'schedule-changed', before, after: row.schedule })
  } catch (error) {
    io.tell({ event: 'warning', message: `the registry of tasks was not brought up to date: ${firstLine(error)}` })
  }
}

function endingOf({ outcome, exitCode, signal }: Ending): Ending {
  return { outcome, ...(exitCode === undefined ? {} : { exitCode }), ...(signal === undefined ? {} : { signal }) }
}

function detailOf(end: WorkEnd<unknown>): { readonly detail?: string } {
  return 'detail' in end && end.detail !== undefined ? { detail: end.detail } : {}
}

/**
 * Puts the rejection on record, within a short time of its own: the slot is guarded by its row, not by the note, and a
 * rejection that could not be noted stays one.
 */
async function note(
  rejection: Pick<Rejection, 'kind' | 'cause'>,
  { task, window, runId, trigger, place }: ClaimRequest,
  terms: RunTerms,
  io: RunIo,
): Promise<NoteResult> {
  const full: Rejection = { ...rejection, runId, trigger, ...place, at: io.clock.now() }
  try {
    const reply = await withinStop(Math.min(NOTE_TIMEOUT_MS, terms.ledgerTimeoutMs), terms, io, (signal) => {
      const options = { signal, retry: 'unreachable' } as const
      return untilAnswered(() => io.store.note({ task, slot: window.slot }, full, options), io, options)
    })
    return reply.kind === 'answer' ? { noted: reply.value } : { noted: false, detail: reply.cause.message }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return { noted: false, detail: error.message }
  }
}
