import { quote, usageError } from '../core/errors.ts'
import { parseUtcSeconds } from '../core/instant.ts'
import { fieldsOf, instant } from '../core/row/stored-fields.ts'
import { formatSlot } from '../core/row/stored-row.ts'
import type { Instant, Key } from '../core/types.ts'
import { ENTRIES_PER_READ, type ListedSlot, type ListQuery } from './store.ts'

/** DynamoDB reads about this many rows in one second. */
const MAX_LIMIT = 1000

export interface StoredKey {
  readonly task: string
  readonly slot: string
}

export function storedKey({ task, slot }: Key): StoredKey {
  return { task, slot: formatSlot(slot) }
}

/** A query in the form that the stores need: bounds as text, both inclusive, and the last key of the previous page. */
export type PageQuery = (
  | {
      readonly kind: 'task'
      readonly task: string
      readonly first: string
      readonly last: string
      readonly consistent: boolean
    }
  | { readonly kind: 'day'; readonly day: string }
) & { readonly limit: number; readonly after: StoredKey | null }

/** Texts that sort before and after every slot. The text of a slot starts with the four digits of its year. */
const BEFORE_ALL = '0'
export const AFTER_ALL = '9999'

export function pageQuery(query: ListQuery): PageQuery {
  const { limit, cursor } = query
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw usageError(`limit ${limit} is not valid. Use a whole number from 1 to ${MAX_LIMIT}.`)
  }
  if (query.kind === 'day') {
    const { day } = query
    if (!/^\d{4}-\d\d-\d\d$/.test(day))
      throw usageError(`day ${quote(day)} is not valid. Use a UTC date, for example 2026-11-24.`)
    return { kind: 'day', day, limit, after: decodeCursor(cursor, ({ slot }) => slot.startsWith(day)) }
  }
  const { task, consistent = false } = query
  const { first, last } = slotBounds(query)
  const after = decodeCursor(cursor, (key) => key.task === task && key.slot >= first && key.slot <= last)
  return { kind: 'task', task, first, last, consistent, limit, after }
}

export function slotBounds({ since, until }: { readonly since?: Instant; readonly until?: Instant }) {
  return {
    first: since === undefined ? BEFORE_ALL : formatSlot(Math.ceil(since / 1000) * 1000),
    last: until === undefined ? AFTER_ALL : lastBefore(until),
  }
}

/** Slots are whole seconds, and none is before 1970. */
function lastBefore(until: Instant): string {
  return until <= 0 ? BEFORE_ALL : formatSlot(Math.ceil(until / 1000) * 1000 - 1000)
}

/** Whether an item is a row. A batch may write others, with any key, into the partition of its own task. No listing has them. */
export function isRowKey({ slot }: Readonly<Record<string, unknown>>): boolean {
  return typeof slot === 'string' && parseUtcSeconds(slot) !== null
}

export function listedSlot(task: string, { slot, state, outcome }: Readonly<Record<string, unknown>>): ListedSlot {
  return {
    slot: instant(fieldsOf({ slot }, `a row of task ${task}`), 'slot'),
    // moto leaves out the members of an attempt, and an operator may resolve a slot without one.
    mayBeLeft: state === 'FAILED' && (outcome ?? 'notStarted') === 'notStarted',
  }
}

export function encodeCursor({ task, slot }: StoredKey): string {
  return Buffer.from(JSON.stringify([task, slot])).toString('base64url')
}

export const TASK_ENTRY = '#task'

/** A page of names is about 100 KB if all names are long, and DynamoDB reads at most 1 MB for one request. */
export const TASKS_PER_PAGE = 1000

export function checkEntryCount(tasks: readonly string[]): void {
  if (tasks.length > ENTRIES_PER_READ) throw new RangeError(`${tasks.length} entries are too many for one read`)
}

export function encodeTaskCursor(task: string): string {
  return Buffer.from(task).toString('base64url')
}

export function decodeTaskCursor(cursor: string | undefined): string | null {
  return cursor === undefined ? null : Buffer.from(cursor, 'base64url').toString()
}

function decodeCursor(cursor: string | undefined, fits: (key: StoredKey) => boolean): StoredKey | null {
  if (cursor === undefined) return null
  try {
    const [task, slot]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (typeof task === 'string' && typeof slot === 'string' && fits({ task, slot })) return { task, slot }
  } catch {
    // Any text may come in here. Every text that is not a cursor gets the error below.
  }
  throw usageError(
    `cursor ${quote(cursor)} is not valid. Use the cursor that the page before returned for the same query.`,
  )
}
