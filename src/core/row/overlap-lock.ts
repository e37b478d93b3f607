import type { Instant, StoredRow } from '../types.ts'
import { isRunning, isUnreadable } from './status.ts'
import { fieldsOf, formOf, ID, INSTANT, shownTask } from './stored-fields.ts'

/** The slot that may run, and its run. The row of that slot decides whether the lock is still held. */
export interface OverlapLock {
  readonly slot: Instant
  readonly runId: string
}

const LOCK = formOf<OverlapLock>({ slot: { ...INSTANT, name: 'runningSlot' }, runId: ID })

export const encodeOverlapLock = LOCK.encode

export function decodeOverlapLock(document: unknown, task: string): OverlapLock {
  return LOCK.decode(fieldsOf(document, `the overlap lock of task ${shownTask(task)}`))
}

/** `found` is the row of the slot of the lock. */
export function holdsOverlapLock(found: StoredRow | null, { runId }: OverlapLock, now: Instant, skewMs: number) {
  if (found === null) return false
  // This version cannot read a row of a newer schema, so it must treat the lock as held.
  return isUnreadable(found) || (found.ownerRunId === runId && isRunning(found, now, skewMs))
}
