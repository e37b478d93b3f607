import { firstLine, LedgerError } from '../../core/errors.ts'
import { isCatchUpTrigger, isLeftOpen } from '../../core/row/attempts.ts'
import { missedUntil, readableRow } from '../../core/row/status.ts'
import { coverRow, renewLease, type Stamp } from '../../core/row/transition.ts'
import { dueKeys, type MissedSlot, missedSlot } from '../../core/task/expected-slots.ts'
import { parseSince } from '../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../core/task/suspensions.ts'
import { isNewerRecord, type TaskRecord, USUAL_GRACE_MS } from '../../core/task/task-record.ts'
import { withoutFuture } from '../../core/task/wrong-clock.ts'
import type { Instant, PendingRow, Row, StoredRow } from '../../core/types.ts'
import { askWithin, Halted, within } from '../ask.ts'
import type { ClaimRequest } from '../claim.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import { isOnce, type Settings } from '../settings.ts'
import { writeAsOwner } from '../write.ts'
import { MAX_CAUGHT_UP } from './catch-up.ts'
import { latestDueSlot } from './statement.ts'
import { readRecord } from './task-record.ts'

/** The slots before a slot, as a run has read them. */
export interface LookedBack {
  /** The newest completed slot. Null: none was found. */
  readonly since: Instant | null
  /** The work of this run, or of the one that completed `since`, goes on from here. */
  readonly floor: Instant
  /** All rows between `floor` and the slot. */
  readonly rows: readonly StoredRow[]
}

/** A slot to cover, and its row if one was left open in which nothing started. */
type ToCover = MissedSlot & { readonly left: Row | null }

/** Returns whether the run does the work of missed slots, too. */
export function mayCover({ trigger }: Pick<ClaimRequest, 'trigger'>, settings: Settings): boolean {
  return isOnce(settings) && trigger.kind === 'scheduled' && !isCatchUpTrigger(trigger)
}

/**
 * Covers the missed slots whose work this run is about to do (`--catch-up-mode once`), the oldest first. The work of a slot
 * before `floor` is not among it, so such a slot stays missed. A trigger that is first keeps its slot.
 *
 * We must say in the own row first what it covers. Otherwise a force of it, after this run died, would not know.
 *
 * Throws `Halted`, and `LedgerError` if the ledger does not answer. The work does not start then, and the covered slots are
 * a part of the finding of this slot.
 */
export async function coverMissed(row: PendingRow, back: LookedBack, claimedSlot: ClaimedSlot): Promise<void> {
  const { request, settings, halt, io } = claimedSlot
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  const { record } = await askWithin(limit, io, (call) => readRecord(request.task, io.store, call))
  // The admission has refused the run, unless a newer version has written the record since.
  if (isNewerRecord(record)) return
  const { slots, left } = slotsToCover(withoutFuture(record, latestDueSlot(claimedSlot)), back, claimedSlot)
  if (slots.length === 0) return
  await stateCovers(row, slots.length, back.since, claimedSlot)
  const covered: MissedSlot[] = []
  for (const missed of slots) {
    const { end, schedule } = missed
    const cover = {
      ...request,
      window: { slot: missed.slot, end },
      schedule,
      by: row.slot,
      retentionMs: settings.retentionMs,
    }
    const change = (base: Row | null, stamp: Stamp) => coverRow(base, cover, stamp)
    const written = await within(limit, io, (ask) =>
      writeAsOwner<Row | null, Row>(missed.left, change, io, ask, request.runId),
    )
    if (written.kind === 'ok') covered.push(missed)
  }
  if (covered.length < slots.length) await stateCovers(row, covered.length, back.since, claimedSlot)
  const [oldest, newest] = [covered.at(0), covered.at(-1)]
  if (oldest === undefined || newest === undefined) return
  const span = { count: covered.length, oldest: oldest.slot, newest: newest.slot, left }
  io.emit({ event: 'catch-up', mode: 'once', ...span })
}

/** Writes how many slots the own slot covers, beside those that an earlier attempt of it covered. */
async function stateCovers(
  { covers: before }: PendingRow,
  count: number,
  since: Instant | null,
  { lease, halt, settings }: ClaimedSlot,
): Promise<void> {
  const slots = (before?.slots ?? 0) + count
  const state = (row: Row, stamp: Stamp): PendingRow => {
    const { covers: _, ...renewed } = renewLease(row, stamp, settings.leaseMs, null)
    return slots === 0 ? renewed : { ...renewed, covers: { slots, ...(since !== null && { since }) } }
  }
  const written = await lease.write(state, { ms: settings.ledgerTimeoutMs, halt })
  if (written.kind === 'lost') throw new Halted()
}

/** Returns the oldest of the missed slots after `floor`, and how many are left. */
function slotsToCover(
  record: TaskRecord,
  { rows, floor }: LookedBack,
  { request, settings, io }: ClaimedSlot,
): { readonly slots: readonly ToCover[]; readonly left: number } {
  const { task, window } = request
  const { catchUpMs, maxLatenessMs, graceMs } = settings
  const longestMs = Math.min(catchUpMs ?? 0, maxLatenessMs ?? Number.POSITIVE_INFINITY)
  const times = { now: io.clock.now(), graceMs: graceMs ?? USUAL_GRACE_MS }
  const bySlot = new Map(rows.map((row) => [row.slot, row]))
  const slots: ToCover[] = []
  let left = 0
  try {
    const schedules = record.schedules.map(parseSince)
    const inForce = { task, schedules, gaps: gapsOf(record), dueUntil: missedUntil(times) }
    for (const key of dueKeys([inForce], Math.max(floor + 1, times.now - longestMs), window.slot)) {
      const row = bySlot.get(key.slot) ?? null
      const own = readableRow(row)
      const isMissed = row === null || (own !== null && isLeftOpen(own))
      // It is unknown whether a slot in doubt was due, so an operator decides.
      if (!isMissed || key.doubt !== undefined) continue
      slots.push({ ...missedSlot(key, schedules, times), left: own })
      if (slots.length <= MAX_CAUGHT_UP) continue
      slots.shift()
      left += 1
    }
  } catch (error) {
    // An old schedule that cannot be read must not prevent the run of today.
    if (!(error instanceof LedgerError)) throw error
    io.emit({ event: 'warning', message: `catch-up cannot find the missed slots: ${firstLine(error)}` })
    return { slots: [], left: 0 }
  }
  return { slots: slots.reverse(), left }
}
