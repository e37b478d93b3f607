import { DAY_MS } from '../../core/duration.ts'
import { hasCompleted } from '../../core/row/attempts.ts'
import { readableRow } from '../../core/row/status.ts'
import { withSince } from '../../core/row/transition.ts'
import type { Instant, Key, PendingRow } from '../../core/types.ts'
import type { CallOptions, Store } from '../../store/store.ts'
import { askWithin } from '../ask.ts'
import type { ClaimedSlot } from '../claimed-slot.ts'
import type { Settings } from '../settings.ts'

/** The longest month, and the hour by which clocks may be set back in it. */
const LOOK_BACK_MS = 31 * DAY_MS + 3_600_000
const MAX_ROWS = 1_000
/** The slot before usually completed. DynamoDB charges for each row that it reads. */
const FIRST_ROWS = 10
const MORE_ROWS = 100

const NOT_FOUND =
  'no completed slot was found in the 31 days before this slot (at most 1,000 rows), so CRONLEDGER_RUN_SINCE is not set.'

/**
 * Returns the row with the newest completed slot before its own as `since`, if the work is to know it. It must follow every
 * wait: a slot before may complete meanwhile. A run that repeats an attempt which knew it needs it, too.
 *
 * Throws `Halted`, and `LedgerError` if the ledger does not answer.
 */
export async function lookBack(row: PendingRow, { lease, halt, settings, io }: ClaimedSlot): Promise<PendingRow> {
  if (!isAsked(row, settings)) return row
  const limit = { ms: settings.ledgerTimeoutMs, halt }
  const since = await askWithin(limit, io, (call) => newestCompleted(row, io.store, call))
  if (since === null) io.emit({ event: 'warning', message: NOT_FOUND })
  lease.recordSince(since)
  return withSince(row, since)
}

function isAsked({ attempts }: PendingRow, { sinceLastSuccess }: Pick<Settings, 'sinceLastSuccess'>): boolean {
  return sinceLastSuccess || attempts.some(({ since }) => since !== undefined)
}

/** Returns the newest completed slot before `slot`. Null: there is none within the limits. The reads are strongly consistent. */
async function newestCompleted({ task, slot }: Key, store: Store, call: CallOptions): Promise<Instant | null> {
  const query = { kind: 'task', task, since: slot - LOOK_BACK_MS, until: slot, consistent: true } as const
  let cursor: string | undefined
  for (let limit = FIRST_ROWS, read = 0; read < MAX_ROWS; limit = MORE_ROWS) {
    const most = Math.min(limit, MAX_ROWS - read)
    const { rows, next } = await store.list({ ...query, limit: most, ...(cursor && { cursor }) }, call)
    const found = rows.map(readableRow).find((row) => row !== null && hasCompleted(row))
    if (found != null || next === undefined) return found?.slot ?? null
    read += rows.length
    cursor = next
  }
  return null
}
