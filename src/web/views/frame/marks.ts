import { keysOf } from '../../../core/objects.ts'
import { rejectedWords } from '../../../core/row/rejections.ts'
import { readableRow } from '../../../core/row/status.ts'
import type { StoredRow } from '../../../core/types.ts'
import type { SlotMark } from '../../../verdict/judge.ts'

/** The most urgent first. A reader can recognise the sign without its colour. */
export const MARKS: Readonly<Record<SlotMark, { readonly sign: string; readonly word: string }>> = {
  failed: { sign: 'F', word: 'failed' },
  stale: { sign: '?', word: 'stale' },
  unknown: { sign: '#', word: 'unknown (cannot be read)' },
  missed: { sign: 'M', word: 'missed' },
  overdue: { sign: '!', word: 'overdue' },
  unusual: { sign: '≠', word: 'completed, unusual' },
  late: { sign: 'L', word: 'completed, late' },
  running: { sign: 'R', word: 'running' },
  waiting: { sign: 'W', word: 'waiting' },
  due: { sign: 'D', word: 'due' },
  scheduled: { sign: '○', word: 'scheduled' },
  skipped: { sign: '–', word: 'skipped' },
  marked: { sign: '=', word: 'marked as completed by an operator' },
  repaired: { sign: '↻', word: 'completed, repaired' },
  completed: { sign: '✓', word: 'completed' },
}

/** A day with several marks shows the first of them. */
export const MOST_URGENT_FIRST: readonly SlotMark[] = keysOf(MARKS)

/** Returns `2 failed` and `1,200 completed`, the most urgent first. */
export function countTexts(counts: Readonly<Partial<Record<SlotMark, number>>>): readonly string[] {
  return MOST_URGENT_FIRST.flatMap((mark) => {
    const count = counts[mark]
    return count === undefined ? [] : [`${count.toLocaleString('en')} ${MARKS[mark].word}`]
  })
}

/** Returns the sign in a cell or above a bar. There, a success as usual and a slot to come have none. */
export function cellSign(mark: SlotMark): string {
  return mark === 'completed' || mark === 'scheduled' ? '' : MARKS[mark].sign
}

/** Returns `3 rejected (1 refused)`, or an empty text when no trigger was rejected. */
export function rejectedText(row: StoredRow | null): string {
  const rejected = readableRow(row)?.rejections
  return rejected === undefined || rejected.count === 0 ? '' : rejectedWords(rejected, ' rejected')
}
