import { firstLine, LedgerError } from '../core/errors.ts'
import type { Finish, RunEvent } from '../core/event.ts'
import { attemptCount, openAttempt } from '../core/row/attempts.ts'
import { isUnreadable, readableRow } from '../core/row/status.ts'
import { finishRow, type Stamp, withoutTextsOfBatch } from '../core/row/transition.ts'
import type { Ending, PendingRow, Row, StoredRow, Survivor } from '../core/types.ts'
import type { StopIo } from '../process/clock.ts'
import type { Expected, PutResult, Store } from '../store/store.ts'
import { type Ask, type AskIo, afterWrite, within } from './ask.ts'
import type { Settings } from './settings.ts'
import type { KnownRecords } from './task/task-record.ts'

export interface WriteIo extends AskIo {
  readonly store: Store
  newId(): string
}

export interface RunIo extends WriteIo, StopIo {
  readonly known: KnownRecords
  /** Returns a process on this host that belongs to an attempt of the row which never reported its end, or null. */
  findSurvivor(row: Row): Survivor | null
  emit(event: RunEvent): void
}

/** `R` is the kind of row that was written. */
export type WriteResult<R extends Row = PendingRow> =
  /** The row is in the ledger. `preparedAtMs` is the monotonic time from before its lease was computed. */
  | { readonly kind: 'ok'; readonly row: R; readonly preparedAtMs: number }
  /** Another process owns the slot, or the row was deleted. No write that was sent can be applied any more. */
  | { readonly kind: 'lost'; readonly found: StoredRow | null }

/**
 * Sends a write of an owner until it is answered. A run writes its row in no other way (see
 * docs/explanation/how-it-works.md). After a lost answer, the same write is sent again, with the same id and
 * expectation. A conflict returns the row found:
 *
 * - It carries the id of this write: the write had been applied.
 * - It is another write of this run, for example a late renewal: the change is made again on top of it.
 * - It is anything else: the slot is lost.
 *
 * `change` makes the row to write from the row to build on. It is called again for each new expectation. It must leave
 * a row unchanged that has the change already, because the withdrawal of another run may have been applied on top of a
 * write whose answer was lost.
 *
 * `runId` is the run that writes. Left out: the owner of the row that is written. Throws `Unanswered`, and `LedgerError` if
 * the first answer is an error that a new try cannot fix.
 */
export async function writeAsOwner<Base extends Row | null, R extends Row>(
  base: Base,
  change: (base: Base | Row, stamp: Stamp) => R,
  io: WriteIo & Partial<Pick<RunIo, 'emit'>>,
  ask: Ask,
  runId?: string,
): Promise<WriteResult<R>> {
  const writeId = io.newId()
  let baseRow: Base | Row = base
  for (;;) {
    const preparedAtMs = io.clock.monotonicMs()
    const expected: Expected = baseRow ?? 'absent'
    let row = change(baseRow, { writeId, now: io.clock.now() })
    const reply = ask(async (call) => {
      try {
        return await io.store.put(row, expected, call)
      } catch (error) {
        if (!(error instanceof LedgerError && error.refusesText)) throw error
        row = withoutTextsOfBatch(row)
        if (row.state !== 'PENDING') io.emit?.({ event: 'warning', message: `${error.message} ${NO_REPORT}` })
        return await io.store.put(row, expected, call)
      }
    })
    // On top of an own row, an earlier write of this run is in the ledger, and the caller must withdraw it.
    const put: PutResult = await (baseRow === base ? reply : afterWrite(reply))
    if (put.kind === 'ok') return { kind: 'ok', row, preparedAtMs }
    const found: StoredRow | null = put.found
    if (found === null || isUnreadable(found)) return { kind: 'lost', found }
    if (found.writeId === writeId) return { kind: 'ok', row, preparedAtMs }
    if (found.ownerRunId !== (runId ?? row.ownerRunId)) return { kind: 'lost', found }
    baseRow = found
  }
}

const NO_REPORT = 'So the end of this run is recorded without its report and checkpoint.'

/** Returns the result of a write of the end of attempt `number`. `showsEnd`: the row of another run shows that end. */
export async function finishBy(
  write: Promise<WriteResult<Row>>,
  number: number,
  showsEnd = (_: StoredRow | null) => false,
): Promise<Finish> {
  try {
    const written = await write
    if (written.kind === 'ok') return { finish: 'recorded', row: written.row }
    const { found } = written
    return showsEnd(found)
      ? { finish: 'recorded', row: readableRow(found) }
      : { finish: lossOf(found, number), row: null }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error
    return unansweredFinish(error)
  }
}

function unansweredFinish(error: unknown): Finish {
  return { finish: 'unanswered', finishCause: firstLine(error), row: null }
}

/** How an attempt lost its slot: to another run, to an operator who resolved it, or because it was deleted. */
export function lossOf(found: StoredRow | null, number: number): 'lost' | 'resolved' | 'deleted' {
  if (found === null) return 'deleted'
  const row = readableRow(found)
  // The last resolution took the slot from this attempt, and no other attempt came after it.
  const isResolved = row !== null && row.resolutions.at(-1)?.afterAttempt === number && attemptCount(row) === number
  return isResolved ? 'resolved' : 'lost'
}

/** The time of one slow answer, for work that could not be stopped in time, such as a function of `ledger.run`. */
const LATE_MS = 5_000

/** Writes on top of `row` or of a late renewal of it, to which `noted` adds what the work has said. Never throws. */
export function finishAttempt(
  row: PendingRow,
  ending: Ending,
  { finishTimeoutMs, stopTimeoutMs }: Pick<Settings, 'finishTimeoutMs' | 'stopTimeoutMs'>,
  io: RunIo,
  noted: (row: PendingRow) => PendingRow,
): Promise<Finish> {
  const limit = { ms: finishTimeoutMs, stopTimeoutMs, lateMs: LATE_MS, retry: 'any' } as const
  const change = (base: Row, stamp: Stamp) => finishRow(base.state === 'PENDING' ? noted(base) : base, ending, stamp)
  const write = within(limit, io, (ask) => writeAsOwner<PendingRow, Row>(row, change, io, ask))
  const own = openAttempt(row)
  const showsEnd = (found: StoredRow | null) => {
    // Only the run of the attempt can have written its end.
    const attempt = readableRow(found)?.attempts.find(({ number }) => number === own.number)
    if (attempt?.phase !== 'ended') return false
    return attempt.runId === row.ownerRunId && attempt.outcome === ending.outcome && attempt.endedAt !== undefined
  }
  // A bug in a write must not hide how the work ended. The caller reports that the outcome may not be recorded.
  return finishBy(write, own.number, showsEnd).catch(unansweredFinish)
}
