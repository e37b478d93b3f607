import { coveringSlot, hasCompleted, successOf } from '../../core/row/attempts.ts'
import { withCovering } from '../../core/row/covering.ts'
import { LONGEST_RANGE_MS } from '../../core/row/range.ts'
import { readableRow, workRow } from '../../core/row/status.ts'
import { withSince } from '../../core/row/transition.ts'
import type { Instant, Key, PendingRow, StoredRow } from '../../core/types.ts'
import type { CallOptions, Store } from '../../store/store.ts'
import { askWithin } from '../ask.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import { isOnce, type Settings } from '../settings.ts'
import { coverMissed, type LookedBack, mayCover } from './cover.ts'

const MAX_ROWS = 1_000
/** The slot before usually completed. DynamoDB charges for each row that it reads. */
const FIRST_ROWS = 10
const MORE_ROWS = 100

const NOT_FOUND =
  'no completed slot was found in the 31 days before this slot (at most 1,000 rows), so CRONLEDGER_RUN_SINCE is not set.'

/**
 * Returns the row with the newest completed slot before its own as `since`, if the work is to know it, and covers the missed
 * slots between them with `--catch-up-mode once`. It must come after every wait, because an earlier slot may complete during
 * the wait. A forced run needs it, too, if an attempt of its slot or of an earlier slot knew it.
 *
 * Throws `Halted`, and `LedgerError` if the ledger does not answer.
 */
export async function lookBack(row: PendingRow, claimedSlot: ClaimedSlot): Promise<PendingRow> {
  const { request, lease, halt, settings, io } = claimedSlot
  const covers = mayCover(request, settings)
  const isWanted = covers || isAsked(row, settings)
  if (!isWanted && request.trigger.kind !== 'forced') return row
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  const back = await askWithin(limit, io, (call) => readBack(row, covers, io.store, call))
  // An operator who forces a slot that never ran may not know that the batch needs a range. Without the start of the range,
  // the batch would do all work again.
  if (!isWanted && !back.rows.some(hasKnownSince)) return row
  const since = await askWithin(limit, io, (call) => startOf(row, back.newest, io.store, call))
  if (since === null) io.emit({ event: 'warning', message: NOT_FOUND })
  lease.recordSince(since)
  if (covers) await coverMissed(row, since, back, claimedSlot)
  return withSince(row, since)
}

/**
 * Returns the slot from which the work of a run goes on, as far as it is known while the run waits: a slot before its own can
 * still complete. Null: the work has no range, or all that there is.
 */
export async function rangeStart(row: PendingRow, { halt, settings, io }: ClaimedSlot): Promise<Instant | null> {
  if (!isAsked(row, settings)) return null
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  const start = async (call: CallOptions) => {
    const { newest } = await readBack(row, false, io.store, call)
    return startOf(row, newest, io.store, call)
  }
  return askWithin(limit, io, start)
}

function isAsked(row: PendingRow, settings: Settings): boolean {
  return settings.sinceLastSuccess || isOnce(settings) || row.covers !== undefined || hasKnownSince(row)
}

/** Returns whether an attempt of the slot, or of its covering slot, started from the last success. */
function hasKnownSince(row: StoredRow): boolean {
  const own = readableRow(row)
  return own !== null && (own.coveredBy !== undefined || own.attempts.some(({ since }) => since !== undefined))
}

/**
 * When this slot completes, the slots that it covers are done. So a repetition must start before the oldest of them, although
 * one of them may have run alone since, or the record of the last success was deleted. A slot before them may have been repaired.
 */
async function startOf(row: PendingRow, newest: Instant | null, store: Store, call: CallOptions) {
  const { task, slot, covers } = row
  if (covers?.since === undefined) return covers === undefined ? newest : null
  if (newest === null || newest <= covers.since) return Math.min(newest ?? covers.since, covers.since)
  const range = { kind: 'task', task, since: covers.since, until: slot, consistent: true, limit: MAX_ROWS } as const
  const { rows, next } = await store.list(range, call)
  const oldest = rows.findLast((one) => readableRow(one)?.coveredBy === slot)?.slot
  if (oldest === undefined || next !== undefined) return covers.since
  const before = await readBack({ task, slot: oldest }, false, store, call)
  return Math.max(covers.since, before.newest ?? covers.since)
}

/**
 * Reads the rows before `slot` back to the newest that completed, with strongly consistent reads. `whole`: also the rows before
 * that one, among which its run may have left missed slots.
 */
async function readBack({ task, slot }: Key, whole: boolean, store: Store, call: CallOptions): Promise<LookedBack> {
  const query = { kind: 'task', task, since: slot - LONGEST_RANGE_MS, until: slot, consistent: true } as const
  const rows: StoredRow[] = []
  let [newest, floor]: [Instant | null, Instant] = [null, query.since]
  let cursor: string | undefined
  for (let limit = FIRST_ROWS; ; limit = MORE_ROWS) {
    const most = Math.min(limit, MAX_ROWS - rows.length)
    const page = await store.list({ ...query, limit: most, ...(cursor && { cursor }) }, call)
    for (const row of page.rows) {
      rows.push(row)
      if (newest !== null || !(await isDone(row, slot, store, call))) continue
      newest = row.slot
      const own = readableRow(row)
      // The record of an older slot may be deleted, and the slot would look missed.
      floor = Math.max(query.since, (own && successOf(own))?.since ?? newest)
      if (!whole) return { newest, floor, rows }
    }
    const oldest = rows.at(-1)?.slot ?? floor
    if (page.next === undefined || (newest !== null && oldest <= floor)) return { newest, floor, rows }
    if (rows.length >= MAX_ROWS) return { newest, floor: Math.max(floor, oldest), rows }
    cursor = page.next
  }
}

/** Returns whether the work of a slot before `slot` was done, by its own run or by that of a later slot that covers it. */
async function isDone(row: StoredRow, slot: Instant, store: Store, call: CallOptions): Promise<boolean> {
  const own = readableRow(row)
  if (own === null || hasCompleted(own)) return own !== null
  // A covering slot before `slot` was read already, and has not completed. A row that says `slot` itself is not done yet.
  if ((coveringSlot(own) ?? slot) <= slot) return false
  const covered = readableRow(await withCovering(own, (key) => store.get(key, call)))
  return covered !== null && hasCompleted(workRow(covered))
}
