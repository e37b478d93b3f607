import { LedgerError } from '../core/errors.ts'
import { isNewerSchema } from '../core/row/decide.ts'
import { decodeOverlapLock, encodeOverlapLock, holdsOverlapLock, type OverlapLock } from '../core/row/overlap-lock.ts'
import type { Row, Survivor } from '../core/types.ts'
import { withDeadline } from '../process/clock.ts'
import type { StopIo } from '../process/stop.ts'
import type { CallOptions, Entry, EntryKey, Store } from '../store/store.ts'
import { type RetryIo, type RetryOptions, untilAnswered } from './retry.ts'

export interface OverlapLockSettings {
  readonly skewMs: number
  readonly heartbeatMs: number
  readonly ledgerTimeoutMs: number
}

export interface OverlapLockIo extends RetryIo {
  readonly store: Store
  /** What still lives on this host of an attempt of the row that never reported its end. */
  findSurvivor(row: Row): Survivor | null
}

export type LockResult =
  /** This run's, by its own write: whoever takes it from now on has seen this run's row after that. */
  | { readonly kind: 'mine' }
  /** Another slot's. */
  | { readonly kind: 'busy'; readonly holder: OverlapLock }
  | { readonly kind: 'unanswered'; readonly cause: LedgerError }

/** Between two looks at a slot that runs: two reads each time, and a batch that runs daily can bear the wait. */
const LONGEST_POLL_MS = 5_000

/** Takes the task's turn, and waits for it until `deadlineMs`, monotonic. `halt` ends the wait as if that were over. */
export async function waitForOverlapLock(
  row: Row,
  deadlineMs: number,
  settings: OverlapLockSettings,
  io: OverlapLockIo,
  halt: AbortSignal,
  onWait: (holder: OverlapLock) => void,
): Promise<LockResult> {
  let told = false
  for (;;) {
    const lockResult = await withDeadline(io.clock, settings.ledgerTimeoutMs, [halt], (signal) =>
      takeOverlapLock(row, settings, io, { signal, retry: 'any' }),
    )
    const leftMs = deadlineMs - io.clock.monotonicMs()
    if (lockResult.kind !== 'busy' || leftMs <= 0 || halt.aborted) return lockResult
    if (!told) onWait(lockResult.holder)
    told = true
    // Spread, so that those who wait do not ask all at once.
    const pollMs = Math.min(LONGEST_POLL_MS, settings.heartbeatMs) * (0.5 + io.random() / 2)
    await io.clock.wait(Math.min(leftMs, pollMs), halt)
  }
}

/**
 * Whether slots of the task take turns, as far as the ledger knows: a person who forces one need not know that, nor say so.
 * False where a stop came before the answer: then nothing starts anyway. Throws where the ledger does not say.
 */
export async function hasOverlapLock(
  task: string,
  { ledgerTimeoutMs }: Pick<OverlapLockSettings, 'ledgerTimeoutMs'>,
  io: RetryIo & StopIo & { readonly store: Store },
): Promise<boolean> {
  const reply = await withDeadline(io.clock, ledgerTimeoutMs, [io.stop], (signal) => {
    const options = { signal, retry: 'unreachable' } as const
    return untilAnswered(() => readOverlapLock(task, io.store, options), io, options)
  })
  if (reply.kind === 'answer') return reply.value !== null
  if (io.stop.aborted) return false
  throw reply.cause
}

/** A ledger that is not there yet has no turns: a claim makes a file, and says so of a table. */
async function readOverlapLock(task: string, store: Store, call: CallOptions): Promise<Entry | null> {
  try {
    return await store.readEntry({ kind: '#turn', task }, call)
  } catch (error) {
    if (error instanceof LedgerError && error.kind === 'shape') return null
    throw error
  }
}

/**
 * Takes the task's turn for the slot of `row` where it is free, or holds on to it. Always by a write, since a read would
 * not fence one of another slot that is still on its way.
 */
export async function takeOverlapLock(
  { task, slot, owner }: Row,
  settings: OverlapLockSettings,
  io: OverlapLockIo,
  options: RetryOptions,
): Promise<LockResult> {
  const key: EntryKey = { kind: '#turn', task }
  const document = encodeOverlapLock({ slot, runId: owner })
  let written: number | null = null
  for (;;) {
    const read = await untilAnswered(() => io.store.readEntry(key, options), io, options)
    if (read.kind === 'unanswered') return read
    const entry = read.value
    if (entry !== null) {
      const holder = decodeOverlapLock(entry.document, task)
      const own = holder.slot === slot && holder.runId === owner
      // The answer to the write of this very call was lost, or the network delivered it twice.
      if (own && entry.version === written) return { kind: 'mine' }
      const held = own ? ({ kind: 'answer', value: false } as const) : await isHeld(holder)
      if (held.kind === 'unanswered') return held
      if (held.value) return { kind: 'busy', holder }
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
    // Another slot was faster, or this very write had landed: the entry says which.
  }

  async function isHeld(holder: OverlapLock) {
    // From before the read: a process that is paused between the answer and this check must not take an old row for a new one.
    // The renewals of the holder do not change the entry, so that no condition would stop it.
    let askedAt = 0
    const ask = () => {
      askedAt = io.clock.now()
      return io.store.get({ task, slot: holder.slot }, options)
    }
    const found = await untilAnswered(ask, io, options)
    if (found.kind === 'unanswered') return found
    const row = found.value
    if (holdsOverlapLock(row, holder, askedAt, settings.skewMs)) return { kind: 'answer', value: true } as const
    // Its supervisor may have been killed, and its child may live on, whatever a person has said of the slot since.
    const mayHaveLeft = row !== null && !isNewerSchema(row)
    return { kind: 'answer', value: mayHaveLeft && io.findSurvivor(row) !== null } as const
  }
}
