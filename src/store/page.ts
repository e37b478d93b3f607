import { parseUtcSeconds } from '../core/instant.ts'
import { fieldsOf, instant } from '../core/row/stored-fields.ts'
import { formatSlot } from '../core/row/stored-row.ts'
import type { Instant, Key } from '../core/types.ts'
import type { ListedSlot, StoredKey } from './store.ts'

export function storedKey({ task, slot }: Key): StoredKey {
  return { task, slot: formatSlot(slot) }
}

/** Texts that sort before and after every slot. The text of a slot starts with the four digits of its year. */
const BEFORE_ALL = '0'
export const AFTER_ALL = '9999'

/** Returns the first and the last text of the slots in `[since, until)`. If there are none, the first one is greater. */
export function slotBounds({ since, until }: { readonly since?: Instant; readonly until?: Instant }) {
  return {
    first: since === undefined ? BEFORE_ALL : formatSlot(Math.ceil(since / 1000) * 1000),
    last: until === undefined ? AFTER_ALL : lastBefore(until),
  }
}

export function after(slot: string): string {
  return `${slot} `
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

export const TASK_ENTRY = '#task'
