import { formatInstant } from '../instant.ts'
import type { Instant, StoredRow } from '../types.ts'
import { isRunning, isUnreadable } from './status.ts'
import { fieldsOf, instant, type StoredDocument, text } from './stored-fields.ts'

/**
 * The overlap lock of a task: the slot that may run, and the run that claimed it. The lock has no lease of its own. The
 * row of that slot decides whether the lock is still held.
 */
export interface OverlapLock {
  readonly slot: Instant
  readonly runId: string
}

export function encodeOverlapLock({ slot, runId }: OverlapLock): StoredDocument {
  return { runningSlot: formatInstant(slot), runId }
}

export function decodeOverlapLock(document: unknown, task: string): OverlapLock {
  const fields = fieldsOf(document, `the overlap lock of task ${task}`)
  return { slot: instant(fields, 'runningSlot'), runId: text(fields, 'runId') }
}

/** Returns whether the run that has the lock may still be running. `found` is the row of its slot. */
export function holdsOverlapLock(
  found: StoredRow | null,
  { runId }: OverlapLock,
  now: Instant,
  skewMs: number,
): boolean {
  if (found === null) return false
  // This version cannot read a row of a newer schema, so it must treat the lock as held.
  return isUnreadable(found) || (found.owner === runId && isRunning(found, now, skewMs))
}
