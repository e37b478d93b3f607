import { coveringSlot } from '../core/row/attempts.ts'
import { readableRow } from '../core/row/status.ts'
import { isLate } from '../core/task/findings.ts'
import type { Status, StoredRow } from '../core/types.ts'
import { completedSituation } from './verdict.ts'

/** The difference of a completed slot from those that completed on time with their first attempt. */
type Remark = 'late' | 'repaired' | 'marked' | 'unusual'

/** The meaning of a sign of a slot: its status, or how it completed. */
export type SlotMark = Status | Remark

/** Returns the mark of a slot. It costs far less than the verdict, for views that show thousands of slots. */
export function markOf(
  status: Status,
  row: StoredRow | null,
  times: { readonly lateAfterMs: number | null },
): SlotMark {
  const own = readableRow(row)
  if (status !== 'completed' || own === null || coveringSlot(own) !== null) return status
  return isLate(own, times) ? 'late' : completedSituation(own)
}
