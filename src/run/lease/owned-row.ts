import type { LeaseLossCause } from '../../core/event.ts'
import { attemptCount } from '../../core/row/attempts.ts'
import { renewLease, type Stamp } from '../../core/row/transition.ts'
import type { PendingRow, ProcessMark, Row } from '../../core/types.ts'
import { type Ask, within } from '../ask.ts'
import type { Settings } from '../settings.ts'
import { lossOf, type WriteIo, type WriteResult, writeAsOwner } from '../write.ts'
import { ageMs, ensureFreshLease, type Leased, startableMs } from './age.ts'

/** A change of the row by its owner. */
export type OwnerChange = (row: Row, stamp: Stamp) => PendingRow

/**
 * Returns whether this slot has lost the overlap lock of its task, if it needs the lock. It is called after the renewal of a
 * lease that had run out.
 */
export type HasLostLock = (ask: Ask) => Promise<boolean>

/** Ends the work because its lease is lost. It is killed after this many milliseconds. */
export type Lose = (cause: LeaseLossCause, killInMs: number) => void

/** The row that this run owns, as it was last written, and the age of its lease. */
export interface OwnedRow {
  row(): PendingRow
  record(process: ProcessMark): void
  ageMs(): number
  /** Returns the time until the work must be asked to stop, so that it has ended before another run may start. */
  stopInMs(): number
  /** Returns the time until another run may start. The work must have ended by then. */
  killInMs(): number
  lapses(): number
  /** Renews the lease, regardless of its age. */
  renew(ask: Ask): Promise<WriteResult>
  /** Renews the lease if it is a heartbeat old or older. */
  freshen(ask: Ask, signal: AbortSignal): Promise<WriteResult>
  /** Makes another write, and renews the lease again if the answer took too long. */
  write(change: OwnerChange, ask: Ask, signal: AbortSignal): Promise<WriteResult>
}

/** Writes the row. Each write that shows that the slot or its overlap lock is lost calls `lose`. */
export function ownRow(
  claimed: Leased,
  settings: Settings,
  io: WriteIo,
  hasLostLock: HasLostLock,
  lose: Lose,
): OwnedRow {
  let held = claimed
  let process: ProcessMark | null = null
  let lapses = 0

  const age = () => ageMs(held, settings, io.clock)
  const killInMs = () => settings.leaseMs - settings.skewMs - age()
  const renewal: OwnerChange = (base, stamp) => renewLease(base, stamp, settings.leaseMs, process)

  async function send(change: OwnerChange, ask: Ask): Promise<WriteResult> {
    const written = await writeAsOwner(held.row, change, io, ask)
    if (written.kind === 'lost') {
      const loss = lossOf(written.found, attemptCount(held.row))
      lose(loss === 'lost' ? 'taken' : loss, settings.killAfterMs)
      return written
    }
    if (killInMs() <= 0) {
      // If this throws, the new lease is not trusted yet, so the next write asks for the lock again.
      if (await hasLostLock(ask)) lose('overlap', settings.killAfterMs)
      lapses += 1
    }
    held = written
    return written
  }

  function fresh(first: WriteResult, signal: AbortSignal): Promise<WriteResult> {
    const renew = (_: Row, ms: number) =>
      within({ ms, signals: [signal], retry: 'any' }, io, (ask) => send(renewal, ask))
    return ensureFreshLease(first, renew, settings, io.clock)
  }

  return {
    row: () => held.row,
    record(mark) {
      process = mark
    },
    ageMs: age,
    stopInMs: () => (settings.onLeaseLost === 'continue' ? Number.POSITIVE_INFINITY : startableMs(settings) - age()),
    killInMs,
    lapses: () => lapses,
    renew: (ask) => send(renewal, ask),
    freshen: (_, signal) => fresh({ kind: 'ok', ...held }, signal),
    async write(change, ask, signal) {
      process = null
      return fresh(await send(change, ask), signal)
    },
  }
}
