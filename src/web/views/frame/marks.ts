import { readableRow } from '../../../core/row/status.ts'
import { type Rejections, STATUSES, type Status, type StoredRow } from '../../../core/types.ts'

interface Mark {
  /** A sign that a reader can recognise without its colour. */
  readonly sign: string
  readonly word: string
}

/** The sign and the word of each status. */
export const MARKS: Readonly<Record<Status, Mark>> = {
  running: { sign: 'R', word: 'running' },
  waiting: { sign: 'W', word: 'waiting' },
  stale: { sign: '?', word: 'stale' },
  completed: { sign: '✓', word: 'completed' },
  failed: { sign: 'F', word: 'failed' },
  skipped: { sign: '–', word: 'skipped' },
  missed: { sign: 'M', word: 'missed' },
  overdue: { sign: '!', word: 'overdue' },
  due: { sign: 'D', word: 'due' },
  scheduled: { sign: '○', word: 'scheduled' },
  unknown: { sign: '#', word: 'unknown (newer version)' },
}

/** How urgent each status is, the most urgent first. */
const URGENCY: Readonly<Record<Status, number>> = {
  failed: 0,
  stale: 1,
  missed: 2,
  overdue: 3,
  running: 4,
  waiting: 5,
  due: 6,
  scheduled: 7,
  unknown: 8,
  skipped: 9,
  completed: 10,
}

/** A day with several statuses shows the first of them. */
export const MOST_URGENT_FIRST: readonly Status[] = STATUSES.toSorted((one, other) => URGENCY[one] - URGENCY[other])

/** Returns whether a slot with this status waits for an operator. */
export function needsAttention(status: Status): boolean {
  return status === 'failed' || status === 'stale' || status === 'missed' || status === 'overdue'
}

/** How many triggers were rejected, and how many of these were refused. The others are duplicates. */
export type RejectedCount = Pick<Rejections, 'count' | 'refused'>

/** Returns `2 duplicates, 1 refused`, or an empty text when no trigger was rejected. */
export function rejectedText(row: StoredRow | null): string {
  return rejectionsText(rejectedCount(row))
}

/** Returns the number of rejected triggers, without the triggers themselves. */
export function rejectedCount(row: StoredRow | null): RejectedCount {
  const { count, refused } = readableRow(row)?.rejections ?? { count: 0, refused: 0 }
  return { count, refused }
}

/** Does the same for the rejected triggers of several rows. */
export function rejectionsText({ count, refused }: RejectedCount): string {
  const duplicates = count - refused
  const texts = [
    duplicates > 0 && `${duplicates} ${duplicates === 1 ? 'duplicate' : 'duplicates'}`,
    refused > 0 && `${refused} refused`,
  ]
  return texts.filter(Boolean).join(', ')
}
