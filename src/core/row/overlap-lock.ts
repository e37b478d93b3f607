import { formatInstant } from '../instant.ts'
import type { Instant, StoredRow } from '../types.ts'
import { isNewerSchema, isRunning } from './decide.ts'
import { fieldsOf, instant, text } from './stored-fields.ts'
import type { StoredDocument } from './stored-row.ts'

/**
 * Whose turn it is, where slots of a task must not overlap: the slot that may run, and the run that has claimed it. It
 * has no lease of its own: it is worth what the row that it names says.
 */
export interface OverlapLock {
  readonly slot: Instant
  readonly runId: string
}

export function encodeOverlapLock({ slot, runId }: OverlapLock): StoredDocument {
  return { runningSlot: formatInstant(slot), runId }
}

/** Throws `shape` where the entry is malformed. */
export function decodeOverlapLock(document: unknown, task: string): OverlapLock {
  const fields = fieldsOf(document, `the turn of ${task}`)
  return { slot: instant(fields, 'runningSlot'), runId: text(fields, 'runId') }
}

/** May the run that has the turn still be at work? `found` is the row of its slot. */
export function holdsOverlapLock(
  found: StoredRow | null,
  { runId }: OverlapLock,
  now: Instant,
  skewMs: number,
): boolean {
  if (found === null) return false
  // What a newer cronledger means by its row is not known here.
  return isNewerSchema(found) || (found.owner === runId && isRunning(found, now, skewMs))
}
