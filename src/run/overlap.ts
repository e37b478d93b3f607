import { spread } from '../core/duration.ts'
import { nullIfShape, usageError } from '../core/errors.ts'
import { formatInstant } from '../core/instant.ts'
import { isCatchUpTrigger, waitReasonOf } from '../core/row/attempts.ts'
import { decodeOverlapLock, encodeOverlapLock, holdsOverlapLock, type OverlapLock } from '../core/row/overlap-lock.ts'
import { isRunning, isUnreadable, readableRow } from '../core/row/status.ts'
import type { Instant, PendingRow, Row, StoredRow, Trigger } from '../core/types.ts'
import type { CallOptions, EntryKey } from '../store/store.ts'
import { type Ask, askWithin, within } from './ask.ts'
import { type ClaimedSlot, hasRanges } from './claimed-slot.ts'
import type { Settings } from './settings.ts'
import { type Around, answerOf, type RangeAnswer, readAround } from './task/range.ts'
import type { RunIo } from './write.ts'

/** The longest time between two tries. Each try costs two reads, and a batch that runs daily can wait this long. */
const LONGEST_POLL_MS = 5_000

interface Held {
  readonly kind: 'held'
  /** What the rows around the slot said when the lock was taken. Null: the runs of the task have no ranges. */
  readonly around: Around | null
}

interface Acquired extends Held {
  readonly hasWaited: boolean
  /** The lapses of the lease at that time. After another one, another run may have had the lock. */
  readonly lapses: number
}

/**
 * Takes the overlap lock, or returns why the run does not start. Throws a usage error if this process is a part of the run
 * that has the lock.
 */
export async function acquireOverlapLock(
  row: PendingRow,
  claimedSlot: ClaimedSlot,
  ms: number,
): Promise<Acquired | Busy | RangeAnswer> {
  const { request, lease, halt, settings, io } = claimedSlot
  const limit = { ms, halt, retry: 'denied' } as const
  const startMs = io.clock.monotonicMs()
  for (let hasWaited = false; ; ) {
    const { lapses } = lease
    const look = lookOf(row, claimedSlot)
    const taken = await within(limit, io, (ask) => takeOverlapLock(row, settings, io, ask, look))
    if (taken.kind === 'held') {
      if (lease.lapses === lapses) return { ...taken, hasWaited, lapses }
      // The lease ran out during the try, so another slot may have taken the lock after the answer that gave it to this one.
      continue
    }
    if (taken.kind !== 'busy') return taken
    const { holder } = taken
    const leftMs = startMs + patienceMs(request.trigger, taken.isCatchUp, settings) - io.clock.monotonicMs()
    if (leftMs <= 0) return taken
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

interface Neighbours extends Pick<Around, 'rows' | 'askedAt'>, Pick<Held, 'around'> {
  /** Returns why the run does not start now, although the lock is free, or while another slot has it (`isHeld`). */
  before(isHeld: boolean): Busy | RangeAnswer | null
}

type LookAround = (ask: Ask) => Promise<Neighbours>

/** Returns what decides whether it is the turn of a run: with a range, what later runs did, and else the older ones that wait. */
function lookOf(row: PendingRow, claimedSlot: ClaimedSlot): LookAround | undefined {
  const { request, settings, io } = claimedSlot
  const { trigger } = request
  if (!hasRanges(claimedSlot))
    return patienceMs(trigger, false, settings) > 0 ? waitingLook(row, settings, io) : undefined
  return async (ask) => {
    const around = await readAround(claimedSlot, row, ask)
    const before = (isHeld: boolean) =>
      answerOf(around, trigger, settings, isHeld) ?? (isHeld ? null : busyWith(around.running))
    return { ...around, around, before }
  }
}

/** A run looks at this many slots before its own. Those that wait follow each other. */
const WAITING_ROWS = 10

/** The oldest slot that waits for the lock goes first. One that waits for something else keeps no other from running. */
function waitingLook({ task, slot }: PendingRow, { skewMs }: Pick<Settings, 'skewMs'>, io: OverlapLockIo): LookAround {
  return async (ask) => {
    const askedAt = io.clock.now()
    const query = { kind: 'task', task, until: slot, limit: WAITING_ROWS, consistent: true } as const
    const { rows } = await ask((call) => io.store.list(query, call))
    const oldest = rows.findLast((row) => waitsForLock(row, askedAt, skewMs))
    return {
      askedAt,
      around: null,
      rows: new Map(rows.map((row) => [row.slot, row])),
      before: (isHeld) => (isHeld ? null : busyWith(readableRow(oldest ?? null))),
    }
  }
}

function waitsForLock(found: StoredRow, now: Instant, skewMs: number): boolean {
  const row = readableRow(found)
  const last = row?.attempts.at(-1)
  if (row === null || last?.phase !== 'waiting' || !isRunning(row, now, skewMs)) return false
  return last.blockedBy === undefined && waitReasonOf(row) === 'slot' && last.trigger.kind === 'scheduled'
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
  return overlap === 'skip' ? 0 : overlapTimeoutMs
}

/** A forced run respects the lock without `--overlap`. Throws `Halted` and `LedgerError`. */
export async function hasOverlapLock(
  task: string,
  { ledgerTimeoutMs }: Pick<Settings, 'ledgerTimeoutMs'>,
  io: Pick<RunIo, 'store' | 'clock' | 'random' | 'stop'>,
): Promise<boolean> {
  const limit = { ms: ledgerTimeoutMs, halt: io.stop }
  const read = askWithin(limit, io, (call) => io.store.readEntry({ task, kind: '#lock' }, call))
  return (await read.catch(nullIfShape)) !== null
}

/** Another slot has the lock, or goes first. `isCatchUp`: it is a missed slot that a run catches up. */
interface Busy {
  readonly kind: 'busy'
  readonly holder: OverlapLock
  readonly isCatchUp: boolean
}

function busyWith(row: Row | null): Busy | null {
  return row && { kind: 'busy', holder: { slot: row.slot, runId: row.ownerRunId }, isCatchUp: isCaughtUp(row) }
}

type OverlapLockIo = Pick<RunIo, 'store' | 'clock' | 'random' | 'findSurvivor'>

/**
 * Takes the overlap lock for the slot of `row`, or keeps it. It always writes, because a read would not fence a write of
 * another slot that is on its way. A run that takes the lock later reads this row after that write. `keepsOnly`: only if no other
 * slot has taken it since, also if that has ended.
 */
export async function takeOverlapLock(
  { task, slot, ownerRunId }: Row,
  settings: Pick<Settings, 'skewMs'>,
  io: OverlapLockIo,
  ask: Ask,
  look?: LookAround,
  keepsOnly = false,
): Promise<Held | Busy | RangeAnswer> {
  const key: EntryKey = { task, kind: '#lock' }
  const document = encodeOverlapLock({ slot, runId: ownerRunId })
  let written: number | null = null
  for (;;) {
    const entry = await ask((call) => io.store.readEntry(key, call))
    const seen = await look?.(ask)
    const held = { kind: 'held', around: seen?.around ?? null } as const
    let busy: Busy | null = null
    if (entry !== null) {
      const holder = decodeOverlapLock(entry.document, task)
      const isOwn = holder.slot === slot && holder.runId === ownerRunId
      // The entry has the version that this call wrote. The answer to that write was lost, or the network delivered it
      // twice.
      if (isOwn && entry.version === written) return held
      const other = { kind: 'busy', holder, isCatchUp: false } as const
      busy = isOwn ? null : keepsOnly ? other : await checkHolder(task, holder, settings, io, ask, seen)
    }
    const answer = seen?.before(busy !== null) ?? busy
    if (answer !== null) return answer
    const next = { version: (entry?.version ?? 0) + 1, document }
    written = next.version
    const expected = entry?.version ?? 'absent'
    if ((await ask((call) => io.store.writeEntry(key, next, expected, call))) === 'ok') return held
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
  seen?: Neighbours,
): Promise<Busy | null> {
  // We must take the time before the read. Otherwise a process that is paused between the answer and this check would
  // take an old row for a new one. The holder's renewals do not change the entry, so no condition would catch the
  // mistake.
  let askedAt = seen?.askedAt ?? 0
  const read = (call: CallOptions) => {
    askedAt = clock.now()
    return store.get({ task, slot: holder.slot }, call)
  }
  const listed = seen?.rows.get(holder.slot)
  // A damaged row is an error of the read, and it is listed all the same.
  const row = listed === undefined || 'damage' in listed ? await ask(read) : listed
  // The supervisor of the holder may have been killed while its child lives on, even if an operator has resolved the
  // slot since.
  const hasLeft = () => row !== null && !isUnreadable(row) && findSurvivor(row) !== null
  return holdsOverlapLock(row, holder, askedAt, skewMs) || hasLeft()
    ? { kind: 'busy', holder, isCatchUp: isCaughtUp(row) }
    : null
}

function isCaughtUp(row: StoredRow | null): boolean {
  const trigger = readableRow(row)?.attempts.at(-1)?.trigger
  return trigger !== undefined && isCatchUpTrigger(trigger)
}
