import { isCatchUpTrigger, isLeftOpen } from '../../core/row/attempts.ts'
import { missedUntil, readableRow } from '../../core/row/status.ts'
import { coverRow, renewLease, type Stamp } from '../../core/row/transition.ts'
import { dueKeys, type MissedSlot, missedSlot } from '../../core/task/expected-slots.ts'
import { parseSince } from '../../core/task/schedules-in-force.ts'
import { gapsOf } from '../../core/task/suspensions.ts'
import { otherScheduleAt } from '../../core/task/task-changes.ts'
import { type TaskRecord, USUAL_GRACE_MS } from '../../core/task/task-record.ts'
import type { Instant, PendingRow, Row, StoredRow } from '../../core/types.ts'
import { Halted, within } from '../ask.ts'
import type { ClaimRequest } from '../claim.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import { isOnce, type Settings } from '../settings.ts'
import { writeAsOwner } from '../write.ts'
import { oldestOf, warnOfSchedule } from './catch-up.ts'

/** The slots before a slot, as a run has read them. */
export interface LookedBack {
  /** The newest completed slot. Null: none was found. */
  readonly newest: Instant | null
  /** The slot from which the run that completed `newest` started. */
  readonly floor: Instant
  /** All rows between `floor` and the slot. */
  readonly rows: readonly StoredRow[]
}

/** A slot to cover, and its row if one was left open in which nothing started. */
type ToCover = MissedSlot & { readonly left: Row | null }

export function mayCover({ trigger }: Pick<ClaimRequest, 'trigger'>, settings: Settings): boolean {
  return isOnce(settings) && trigger.kind === 'scheduled' && !isCatchUpTrigger(trigger)
}

/**
 * Covers the missed slots whose work this run is about to do (`--catch-up-mode once`), the oldest first. A trigger that is
 * first keeps its slot. A slot that the last completed run had to leave is covered by that one. An older one stays missed,
 * because its work is not known to be done.
 *
 * We must say in the own row first what it covers. Otherwise a force of it, after this run died, would not know.
 *
 * Throws `Halted`, and `LedgerError` if the ledger does not answer. The work does not start then, and the covered slots are
 * a part of the finding of this slot.
 */
export async function coverMissed(
  row: PendingRow,
  since: Instant | null,
  back: LookedBack,
  claimedSlot: ClaimedSlot,
): Promise<void> {
  const { newest } = back
  const { request, settings, halt, io, record } = claimedSlot
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  // Under a new schedule, it is not yet known until when the earlier one was in force. The next run covers what this one has.
  if (record === null || otherScheduleAt(record.schedules, request.schedule, row.slot) !== null) return
  const { slots, left } = await oldestOf(slotsToCover(record, back, claimedSlot)).catch((error: unknown) =>
    warnOfSchedule(error, io),
  )
  const isOwn = ({ slot }: MissedSlot) => slot > (newest ?? Number.NEGATIVE_INFINITY)
  const wanted = slots.filter(isOwn).length
  const earlier = back.rows.filter((one) => readableRow(one)?.coveredBy === row.slot).length
  if (wanted > 0) await stateCovers(row, earlier + wanted, since, claimedSlot)
  const covered: MissedSlot[] = []
  for (const missed of slots) {
    const { slot, end, schedule } = missed
    const by = isOwn(missed) ? row.slot : (newest ?? row.slot)
    const cover = { ...request, window: { slot, end }, schedule, by, retentionMs: settings.retentionMs }
    const change = (base: Row | null, stamp: Stamp) => coverRow(base, cover, stamp)
    const written = await within(limit, io, (ask) =>
      writeAsOwner<Row | null, Row>(missed.left, change, io, ask, request.runId),
    )
    if (written.kind === 'ok' && isOwn(missed)) covered.push(missed)
  }
  if (covered.length < wanted) await stateCovers(row, earlier + covered.length, since, claimedSlot)
  const [oldest, last] = [covered.at(0), covered.at(-1)]
  if (oldest === undefined || last === undefined) return
  const span = { count: covered.length, oldest: oldest.slot, newest: last.slot, left }
  io.emit({ event: 'catch-up', mode: 'once', ...span })
}

/** Writes how many slots the own slot covers. An earlier attempt may have said more than it covered before it died. */
async function stateCovers(
  { covers: before }: PendingRow,
  count: number,
  since: Instant | null,
  { lease, halt, settings }: ClaimedSlot,
): Promise<void> {
  const slots = Math.max(before?.slots ?? 0, count)
  const state = (row: Row, stamp: Stamp): PendingRow => {
    const { covers: _, ...renewed } = renewLease(row, stamp, settings.leaseMs, null)
    return slots === 0 ? renewed : { ...renewed, covers: { slots, ...(since !== null && { since }) } }
  }
  const written = await lease.write(state, { ms: settings.ledgerTimeoutMs, halt })
  if (written.kind === 'lost') throw new Halted()
}

/**
 * Yields the missed slots after `floor`, the newest first. The work of all of them is in the range of the batch, however long
 * ago they were. Only a batch that has no range to go on from is limited to the span.
 */
function* slotsToCover(
  record: TaskRecord,
  { rows, newest, floor }: LookedBack,
  { request, settings, io }: ClaimedSlot,
): Generator<ToCover, void> {
  const { task, window } = request
  const { catchUpMs, maxLatenessMs, graceMs } = settings
  const longestMs = Math.min(catchUpMs ?? 0, maxLatenessMs ?? Number.POSITIVE_INFINITY)
  const times = { now: io.clock.now(), graceMs: graceMs ?? USUAL_GRACE_MS }
  const bySlot = new Map(rows.map((row) => [row.slot, row]))
  const schedules = record.schedules.map(parseSince)
  const inForce = { task, schedules, gaps: gapsOf(record), dueUntil: missedUntil(times) }
  const from = newest === null ? Math.max(floor + 1, times.now - longestMs) : floor + 1
  for (const key of dueKeys([inForce], from, window.slot)) {
    const row = bySlot.get(key.slot) ?? null
    const own = readableRow(row)
    const isMissed = row === null || (own !== null && isLeftOpen(own))
    // It is unknown whether a slot in doubt was due, so an operator decides.
    if (isMissed && key.doubt === undefined) yield { ...missedSlot(key, schedules, times), left: own }
  }
}
