import type { Status } from '../../../core/types.ts'

/** Returns whether a slot with this status waits for an operator. */
export function needsAttention(status: Status): boolean {
  return status === 'missed' || status === 'failed' || status === 'stale' || status === 'overdue'
}
