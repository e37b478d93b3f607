import { isKeyOf, keysOf } from '../../core/objects.ts'
import { isNewerSchema } from '../../core/row/decide.ts'
import type { Instant, StoredRow } from '../../core/types.ts'
import { type ShownState, shownState } from '../../format/row.ts'

/**
 * The marks of slots. Each has a word, and a sign that a reader can recognise without its colour. A slot without a row
 * is `next` before it is due, `due` until its grace has passed, and `missed` after that.
 */
export const MARKS = {
  completed: { sign: '✓', word: 'completed' },
  failed: { sign: 'F', word: 'failed' },
  running: { sign: 'R', word: 'running' },
  stale: { sign: '?', word: 'stale' },
  missed: { sign: 'M', word: 'missed' },
  skipped: { sign: '–', word: 'skipped' },
  due: { sign: '…', word: 'due' },
  next: { sign: '○', word: 'due next' },
  unknown: { sign: '#', word: 'of a newer cronledger' },
} as const

export type Mark = keyof typeof MARKS

/** The names of the marks, in the order of the legend. */
export const MARK_NAMES: readonly Mark[] = keysOf(MARKS)

/** The marks by which a history can be filtered. A history does not list `next`, a future slot without a row. */
export const HISTORY_MARKS = MARK_NAMES.filter((mark) => mark !== 'next')

export interface MarkSettings {
  readonly now: Instant
  readonly skewMs: number
  /** How long a slot may be due before it counts as missed, in milliseconds. */
  readonly graceMs: number
}

const MARK_OF: Readonly<Record<ShownState, Mark>> = {
  PENDING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  SKIPPED: 'skipped',
  STALE: 'stale',
  MISSED: 'missed',
}

/** Returns the mark of a slot at the time `now`. */
export function markOf({ slot, row }: SlotRecord, { now, skewMs, graceMs }: MarkSettings): Mark {
  if (row === null) return slot > now ? 'next' : slot <= now - graceMs ? 'missed' : 'due'
  if (isNewerSchema(row)) return 'unknown'
  const state = shownState(row, now, skewMs)
  return isKeyOf(state, MARK_OF) ? MARK_OF[state] : 'unknown'
}

/** A slot that was due, or has a row, or both. */
export interface SlotRecord {
  readonly slot: Instant
  readonly row: StoredRow | null
}

/** Returns `2 duplicates, 1 refused`, or an empty text when no trigger was rejected. */
export function rejectedText(row: StoredRow | null): string {
  if (row === null || isNewerSchema(row)) return ''
  const { count, refused } = row.rejections
  const duplicates = count - refused
  const texts = [
    duplicates > 0 && `${duplicates} ${duplicates === 1 ? 'duplicate' : 'duplicates'}`,
    refused > 0 && `${refused} refused`,
  ]
  return texts.filter(Boolean).join(', ')
}
