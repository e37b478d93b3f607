import { formatDuration } from '../duration.ts'
import { keysOf } from '../objects.ts'
import type { StoredDocument } from '../row/stored-fields.ts'
import { SCHEDULE } from '../row/stored-row.ts'
import type { Instant } from '../types.ts'
import { bytesOf } from '../user-text.ts'
import {
  type Decided,
  EXPECTATIONS,
  endOfRanges,
  inForceAt,
  RECORD_CHANGE,
  type RecordChange,
  type TaskRecord,
} from './task-record.ts'

/** Enough for one change a month over four years, and the record stays far below the size limit of one write. */
const MAX_CHANGES = 50
const MAX_BYTES = 50_000

/**
 * Returns `after` with what it changes of the schedule and the expectations of `before` in its list of changes. `from` is when
 * that is in force. The oldest changes are dropped if there are too many, but not the end of the ranges: slots before it stay covered.
 */
export function withChange(before: TaskRecord, after: TaskRecord, from: Instant, decided: Decided): TaskRecord {
  const [old, current] = [membersAt(before, from), membersAt(after, from)]
  const differ = keysOf({ ...old, ...current }).filter(
    (name) => JSON.stringify(old[name]) !== JSON.stringify(current[name]),
  )
  if (differ.length === 0) return after
  const of = (members: StoredDocument): StoredDocument =>
    Object.fromEntries(Object.entries(members).filter(([name]) => differ.includes(name)))
  let changes: readonly RecordChange[] = [
    ...(before.changes ?? []),
    { ...decided, from, before: of(old), after: of(current) },
  ]
  const kept = endOfRanges(changes)
  while (changes.length > MAX_CHANGES || bytesOf(JSON.stringify(changes.map(RECORD_CHANGE.encode))) > MAX_BYTES) {
    const dropped = changes.find((one) => one !== kept) ?? kept
    changes = changes.filter((one) => one !== dropped)
  }
  return { ...after, changes }
}

/** Returns the record with the range of the run of one slot, in a task whose runs state none at that slot. */
export function withRangeOf(record: TaskRecord, slot: Instant, decided: Decided): TaskRecord {
  const expectations = { since: slot, ...record.expectations, sinceLastSuccess: true } as const
  return withChange({ ...record, expectations }, record, slot + 1_000, decided)
}

/** Returns the stored members of the schedule in force and of the expectations. */
function membersAt({ schedules, expectations }: TaskRecord, at: Instant): StoredDocument {
  const spec = schedules.find(({ since }) => since <= at) && inForceAt(schedules, at)?.spec
  const { since: _, expectSince: __, ...stated } = expectations === null ? {} : EXPECTATIONS.encode(expectations)
  return { ...(spec && SCHEDULE.encode(spec)), ...stated }
}

/** Returns the change in words: `schedule 0 3 * * * to 0 5 * * *, owner nothing to Payments, late after 10m to 1h`. */
export function changeText({ before, after }: RecordChange): string {
  return keysOf({ ...before, ...after })
    .map((name) => `${wordsOf(name)} ${valueText(name, before[name])} to ${valueText(name, after[name])}`)
    .join(', ')
}

/** Returns the expectations in words: `grace 10m, late after 1m, owner Payments`. Empty: none. */
export function expectationsText(expectations: NonNullable<TaskRecord['expectations']>): string {
  const { since: _, expectSince: __, ...stated } = EXPECTATIONS.encode(expectations)
  return keysOf(stated)
    .map((name) => `${wordsOf(name)} ${valueText(name, stated[name])}`)
    .join(', ')
}

function wordsOf(name: string): string {
  return name.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function valueText(name: string, value: StoredDocument[string] | undefined): string {
  if (value === undefined) return 'nothing'
  if (name.endsWith('Ms')) return formatDuration(Number(value))
  return Array.isArray(value) ? value.join(', ') : String(value)
}
