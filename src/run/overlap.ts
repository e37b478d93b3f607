import { spread } from '../core/duration.ts'
import { LedgerError, usageError } from '../core/errors.ts'
import { formatInstant } from '../core/instant.ts'
import { isCatchUpTrigger } from '../core/row/attempts.ts'
import { decodeOverlapLock, encodeOverlapLock, holdsOverlapLock, type OverlapLock } from '../core/row/overlap-lock.ts'
import { isUnreadable, readableRow } from '../core/row/status.ts'
import type { PendingRow, Row, StoredRow, Trigger } from '../core/types.ts'
import type { EntryKey } from '../store/store.ts'
import { type Ask, askWithin, within } from './ask.ts'
import type { ClaimedSlot } from './claimed-slot.ts'
import type { Settings } from './settings.ts'
import type { RunIo } from './write.ts'

/** The longest time between two tries. Each try costs two reads, and a batch that runs daily can wait this long. */
const LONGEST_POLL_MS = 5_000

/** Returns the slot that keeps the lock, if one does. Throws a usage error if this process is a part of its run. */
export async function acquireOverlapLock(
  row: PendingRow,
  { request, lease, halt, settings, io }: ClaimedSlot,
): Promise<{ readonly holder: OverlapLock | null; readonly hasWaited: boolean }> {
  const limit = { ms: settings.ledgerTimeoutMs, halt, retry: 'denied' } as const
  const startMs = io.clock.monotonicMs()
  for (let hasWaited = false; ; ) {
    const lapses = lease.lapses
    const busy = await within(limit, io, (ask) => takeOverlapLock(row, settings, io, ask))
    if (busy === null) {
      if (lease.lapses === lapses) return { holder: null, hasWaited }
      // The lease ran out during the try, so another slot may have taken the lock after the answer that gave it to this one.
      continue
    }
    const { holder } = busy
    const leftMs = startMs + patienceMs(request.trigger, busy.isCatchUp, settings) - io.clock.monotonicMs()
    if (leftMs <= 0) return { holder, hasWaited }
    if (request.insideOf?.includes(holder.runId)) {
      throw usageError(
        `cronledger was called inside run ${holder.runId} of slot ${formatInstant(holder.slot)} of the same task, and would wait for it to end. Call the batch itself instead of cronledger, or use another task name.`,
      )
    }
    if (!hasWaited) io.emit({ event: 'waiting', holder })
    hasWaited = true
    const pollMs = spread(Math.min(LONGEST_POLL_MS, settings.heartbeatMs), io.random())
    await io.clock.wait(Math.min(leftMs, pollMs), halt)
  }
}

/**
 * In milliseconds. A slot that is skipped or refused never runs by itself. So a missed slot that a run catches up waits for
 * any other slot, and the slot of today for a missed one, also with `skip`. Otherwise two such runs
 * would skip the slot of each other.
 */
function patienceMs(
  trigger: Trigger,
  isCatchUp: boolean,
  { overlap, overlapTimeoutMs, catchUpMs }: Pick<Settings, 'overlap' | 'overlapTimeoutMs' | 'catchUpMs'>,
): number {
  if (trigger.kind === 'forced') return 0
  const isPatient = isCatchUpTrigger(trigger) || (isCatchUp && overlap === 'skip')
  if (isPatient) return Math.max(overlapTimeoutMs, catchUpMs ?? 0)
  return overlap === 'wait' ? overlapTimeoutMs : 0
}

/** A forced run respects the lock without `--overlap`. Throws `Halted` and `LedgerError`. */
export async function hasOverlapLock(
  task: string,
  { ledgerTimeoutMs }: Pick<Settings, 'ledgerTimeoutMs'>,
  io: Pick<RunIo, 'store' | 'clock' | 'random' | 'stop'>,
): Promise<boolean> {
  const limit = { ms: ledgerTimeoutMs, halt: io.stop }
  try {
    return (await askWithin(limit, io, (call) => io.store.readEntry({ task, kind: '#lock' }, call))) !== null
  } catch (error) {
    // A ledger that does not exist yet has no locks. The claim that follows creates the file, or reports the missing table.
    if (error instanceof LedgerError && error.kind === 'shape') return false
    throw error
  }
}

/** `isCatchUp`: it is a missed slot that a run catches up. */
interface Busy {
  readonly holder: OverlapLock
  readonly isCatchUp: boolean
}

type OverlapLockIo = Pick<RunIo, 'store' | 'clock' | 'random' | 'findSurvivor'>

/**
 * Takes the overlap lock for the slot of `row`, or keeps it. It always writes, because a read would not fence a write of
 * another slot that is on its way: a run that takes the lock later reads the row of this run after that write. Null: it is held.
 */
export async function takeOverlapLock(
  { task, slot, owner }: Row,
  settings: Pick<Settings, 'skewMs'>,
  io: OverlapLockIo,
  ask: Ask,
): Promise<Busy | null> {
  const key: EntryKey = { task, kind: '#lock' }
  const document = encodeOverlapLock({ slot, runId: owner })
  let written: number | null = null
  for (;;) {
    const entry = await ask((call) => io.store.readEntry(key, call))
    if (entry !== null) {
      const holder = decodeOverlapLock(entry.document, task)
      const isOwn = holder.slot === slot && holder.runId === owner
      // The entry has the version that this call wrote. The answer to that write was lost, or the network delivered it
      // twice.
      if (isOwn && entry.version === written) return null
      const busy = isOwn ? null : await checkHolder(task, holder, settings, io, ask)
      if (busy !== null) return busy
    }
    const next = { version: (entry?.version ?? 0) + 1, document }
    written = next.version
    const expected = entry?.version ?? 'absent'
    if ((await ask((call) => io.store.writeEntry(key, next, expected, call))) === 'ok') return null
    // Either another slot was faster, or this write had been applied before. The next read of the entry shows which.
  }
}

/** Reads the row of the slot that has the lock. Returns null if that slot is not running, so that the lock is free. */
async function checkHolder(
  task: string,
  holder: OverlapLock,
  { skewMs }: Pick<Settings, 'skewMs'>,
  { store, clock, findSurvivor }: OverlapLockIo,
  ask: Ask,
): Promise<Busy | null> {
  // We must take the time before the read. Otherwise a process that is paused between the answer and this check would
  // take an old row for a new one. The holder's renewals do not change the entry, so no condition would catch the
  // mistake.
  let askedAt = 0
  const row = await ask((call) => {
    askedAt = clock.now()
    return store.get({ task, slot: holder.slot }, call)
  })
  // The supervisor of the holder may have been killed while its child lives on, even if an operator has resolved the
  // slot since.
  const hasLeft = () => row !== null && !isUnreadable(row) && findSurvivor(row) !== null
  return holdsOverlapLock(row, holder, askedAt, skewMs) || hasLeft() ? { holder, isCatchUp: isCaughtUp(row) } : null
}

function isCaughtUp(row: StoredRow | null): boolean {
  const trigger = readableRow(row)?.attempts.at(-1)?.trigger
  return trigger !== undefined && isCatchUpTrigger(trigger)
}
