import { spread } from '../../core/duration.ts'
import { LedgerError } from '../../core/errors.ts'
import { isCatchUpTrigger } from '../../core/row/attempts.ts'
import {
  decodeOverlapLock,
  encodeOverlapLock,
  holdsOverlapLock,
  type OverlapLock,
} from '../../core/row/overlap-lock.ts'
import { isNewerSchema, readableRow } from '../../core/row/status.ts'
import type { Row, StoredRow, Survivor } from '../../core/types.ts'
import { withDeadline } from '../../process/clock.ts'
import type { StopIo } from '../../process/stop.ts'
import type { CallOptions, EntryKey, Store, StoredEntry } from '../../store/store.ts'
import type { Settings } from '../settings.ts'
import { type RetryIo, type RetryOptions, untilAnswered } from '../write.ts'

export type OverlapLockSettings = Pick<Settings, 'skewMs' | 'heartbeatMs' | 'ledgerTimeoutMs'>

export interface OverlapLockIo extends RetryIo {
  readonly store: Store
  /** Returns a process on this host that belongs to an attempt of the row which never reported its end, or null. */
  findSurvivor(row: Row): Survivor | null
}

export type LockResult =
  /**
   * This run holds the lock, by its own write. A run that takes the lock later reads the row of this run after that
   * write.
   */
  | { readonly kind: 'mine' }
  /** Another slot holds the lock. `isCatchUp`: it is a missed slot that a run catches up. */
  | { readonly kind: 'busy'; readonly holder: OverlapLock; readonly isCatchUp: boolean }
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

/** The longest time between two tries. Each try costs two reads, and a batch that runs daily can wait this long. */
const LONGEST_POLL_MS = 5_000

/**
 * Takes the overlap lock of the task, and waits for it until the monotonic time that `deadlineMs` returns for its holder.
 * `halt` ends the wait early. Calls `onWait` once if it has to wait. Returns `unanswered` if a try got no answer.
 */
export async function waitForOverlapLock(
  row: Row,
  deadlineMs: (busy: Extract<LockResult, { kind: 'busy' }>) => number,
  settings: OverlapLockSettings,
  io: OverlapLockIo,
  halt: AbortSignal,
  onWait: (holder: OverlapLock) => void,
): Promise<LockResult> {
  let hasWaited = false
  for (;;) {
    const lockResult = await withDeadline(io.clock, settings.ledgerTimeoutMs, [halt], (signal) =>
      takeOverlapLock(row, settings, io, { signal, retry: 'denied' }),
    )
    if (lockResult.kind !== 'busy' || halt.aborted) return lockResult
    const leftMs = deadlineMs(lockResult) - io.clock.monotonicMs()
    if (leftMs <= 0) return lockResult
    if (!hasWaited) onWait(lockResult.holder)
    hasWaited = true
    const pollMs = spread(Math.min(LONGEST_POLL_MS, settings.heartbeatMs), io.random())
    await io.clock.wait(Math.min(leftMs, pollMs), halt)
  }
}

/**
 * Returns whether the ledger has an overlap lock for the task. So a forced run respects the lock even if the operator
 * does not pass `--overlap`. Returns `halted` if a stop came before the answer. Throws `LedgerError` if the ledger does
 * not answer.
 */
export async function findOverlapLock(
  task: string,
  { ledgerTimeoutMs }: Pick<OverlapLockSettings, 'ledgerTimeoutMs'>,
  io: RetryIo & StopIo & { readonly store: Store },
): Promise<'found' | 'none' | 'halted'> {
  const reply = await withDeadline(io.clock, ledgerTimeoutMs, [io.stop], (signal) => {
    const options = { signal, retry: 'unreachable' } as const
    return untilAnswered(() => readOverlapLock(task, io.store, options), io, options)
  })
  if (reply.kind === 'answer') return reply.value === null ? 'none' : 'found'
  if (io.stop.aborted) return 'halted'
  throw reply.cause
}

/**
 * A ledger that does not exist yet has no locks. The claim that follows creates the file, or reports the missing table.
 */
async function readOverlapLock(task: string, store: Store, call: CallOptions): Promise<StoredEntry | null> {
  try {
    return await store.readEntry({ task, kind: '#lock' }, call)
  } catch (error) {
    if (error instanceof LedgerError && error.kind === 'shape') return null
    throw error
  }
}

/**
 * Takes the overlap lock of the task for the slot of `row` if the lock is free, or keeps it if this run has it. It
 * always writes, because a read would not fence a write of another slot that is still on its way.
 */
export async function takeOverlapLock(
  { task, slot, owner }: Row,
  settings: OverlapLockSettings,
  io: OverlapLockIo,
  options: RetryOptions,
): Promise<LockResult> {
  const key: EntryKey = { task, kind: '#lock' }
  const document = encodeOverlapLock({ slot, runId: owner })
  let written: number | null = null
  for (;;) {
    const read = await untilAnswered(() => io.store.readEntry(key, options), io, options)
    if (read.kind === 'unanswered') return read
    const entry = read.value
    if (entry !== null) {
      const holder = decodeOverlapLock(entry.document, task)
      const own = holder.slot === slot && holder.runId === owner
      // The entry has the version that this call wrote. The answer to that write was lost, or the network delivered it
      // twice.
      if (own && entry.version === written) return { kind: 'mine' }
      const found = own ? null : await readHolder(holder)
      if (found?.kind === 'unanswered') return found
      if (found?.busy) return { kind: 'busy', holder, isCatchUp: isCaughtUp(found.row) }
    }
    const next = { version: (entry?.version ?? 0) + 1, document }
    written = next.version
    const reply = await untilAnswered(
      () => io.store.writeEntry(key, next, entry?.version ?? 'absent', options),
      io,
      options,
    )
    if (reply.kind === 'unanswered') return reply
    if (reply.value === 'ok') return { kind: 'mine' }
    // Either another slot was faster, or this write had been applied before. The next read of the entry shows which.
  }

  /** Returns the row of the slot that has the lock, and whether that slot may still be running. */
  async function readHolder(holder: OverlapLock) {
    // We must take the time before the read. Otherwise a process that is paused between the answer and this check would
    // take an old row for a new one. The holder's renewals do not change the entry, so no condition would catch the
    // mistake.
    let askedAt = 0
    const ask = () => {
      askedAt = io.clock.now()
      return io.store.get({ task, slot: holder.slot }, options)
    }
    const found = await untilAnswered(ask, io, options)
    if (found.kind === 'unanswered') return found
    const row = found.value
    if (holdsOverlapLock(row, holder, askedAt, settings.skewMs)) return { kind: 'answer', row, busy: true } as const
    // The supervisor of the holder may have been killed while its child lives on, even if an operator has resolved the
    // slot since.
    const mayHaveLeft = row !== null && !isNewerSchema(row)
    return { kind: 'answer', row, busy: mayHaveLeft && io.findSurvivor(row) !== null } as const
  }
}

function isCaughtUp(row: StoredRow | null): boolean {
  const trigger = readableRow(row)?.attempts.at(-1)?.trigger
  return trigger !== undefined && isCatchUpTrigger(trigger)
}
