import { isForeign, isStale } from '../core/decide.ts'
import { formatInstant } from '../core/instant.ts'
import { encodeRejection, encodeRow } from '../core/row.ts'
import type { Instant, StoredRow } from '../core/types.ts'

/** The state as a person sees it: the stored one, or what follows from it and the time. */
export function stateOf(row: StoredRow, now: Instant, skewMs: number): string {
  if (isForeign(row)) return `schema ${row.schemaVersion}`
  return isStale(row, now, skewMs) ? 'STALE' : row.state
}

/** A row for programs: as it is stored, with its rejections, and whether it is stale. */
export function rowJson(row: StoredRow, now: Instant, skewMs: number): Record<string, unknown> {
  if (isForeign(row)) return { task: row.task, slot: formatInstant(row.slot), schemaVersion: row.schemaVersion }
  const { count, first, latest } = row.rejections
  return {
    ...encodeRow(row),
    stale: isStale(row, now, skewMs),
    rejections: {
      count,
      first: first.map(encodeRejection),
      latest: latest === null ? null : encodeRejection(latest),
    },
  }
}
