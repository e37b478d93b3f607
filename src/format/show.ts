import { formatInstant } from '../core/instant.ts'
import { attemptCount } from '../core/row/attempts.ts'
import { isNewerSchema } from '../core/row/status.ts'
import type { FoundSuspension } from '../core/task/suspensions.ts'
import type { Instant, Row, ScheduleSpec, Status, StoredRow } from '../core/types.ts'
import { localTimeIn } from './local-time.ts'
import { type DoneByMsOf, rowJson, statusOfItem } from './row.ts'
import { type NextStep, ownedSteps } from './steps/step.ts'
import { notExpectedText } from './task/suspensions.ts'
import { elapsed, printable, safeJson, scheduleText, sentence } from './text.ts'
import { keptOf, slotTimeline, type TimelineEntry, withSource } from './timeline.ts'

/** The facts in the task record about a slot that has a row. */
interface OfRecord {
  /** The pause or the retirement that has the slot. */
  readonly found?: FoundSuspension | null
  readonly doneByMsOf?: DoneByMsOf
  /** The owner of the task. Left out: its runs state none. */
  readonly owner?: string | undefined
  /** The next steps of the operator. Left out: there are none. */
  readonly todo?: readonly NextStep[]
}

/** Returns everything about one slot as text: its facts, its timeline in order of time, and the next steps. */
export function showText(row: StoredRow, now: Instant, skewMs: number, record: OfRecord = {}): string {
  const lines = isNewerSchema(row)
    ? [
        titleOf(row),
        `  status  unknown: a newer version of cronledger wrote the record of this slot (schema ${row.schemaVersion}). Update cronledger to read it.`,
      ]
    : [
        titleOf(row),
        ...rowFacts(row, now, skewMs, record),
        ...['', 'TIMELINE (UTC)', ...timelineLines(row)],
        ...todoLines(record),
      ]
  return lines.map(printable).join('\n')
}

function todoLines({ todo = [], owner }: OfRecord): readonly string[] {
  return todo.length === 0 ? [] : ['', 'NEXT STEPS', ...ownedSteps(owner, todo)]
}

/** A slot without a row. */
export interface AbsentSlot {
  readonly task: string
  readonly slot: Instant
  /** The schedule that has the slot. Null if it is not known, or if none has it. */
  readonly schedule: ScheduleSpec | null
  readonly status: Extract<Status, 'missed' | 'overdue' | 'scheduled'> | null
  /** The pause or the retirement that has the slot. */
  readonly found: FoundSuspension | null
}

/** Returns what is known about a slot without a row, as a sentence. */
export function absentText({ task, slot, schedule, status, found }: AbsentSlot, now: Instant): string {
  const why =
    found === null ? '' : ` The slot is not expected, ${sentence(notExpectedText(found, schedule?.zone ?? 'UTC'))}`
  if (schedule === null) return printable(`no run of ${task} is recorded for ${formatInstant(slot)}.${why}`)
  const name = `${task} ${formatInstant(slot)} (${localTimeIn(slot, schedule.zone)})`
  const due = now < slot ? `due in ${elapsed(slot - now)}` : `was due ${elapsed(now - slot)} ago`
  switch (status) {
    case 'missed':
      return printable(`${name} was missed: it ${due}, and no run is recorded for it.`)
    case 'overdue':
      return printable(`${name} is overdue: it ${due}, and no run is recorded yet.`)
    case 'scheduled':
      return printable(`${name} is scheduled: it ${now < slot ? `is ${due}` : `${due}, and no run is recorded yet`}.`)
    case null:
      return printable(`no run is recorded for ${name}${why === '' ? ', which was not expected to run.' : `.${why}`}`)
  }
}

/** Returns the row as JSON on several lines, as `schema/row.schema.json` describes it. */
export function showJson(row: StoredRow, now: Instant, skewMs: number, doneByMsOf?: DoneByMsOf): string {
  return safeJson(rowJson(row, now, skewMs, doneByMsOf), 2)
}

function titleOf({ task, slot }: StoredRow): string {
  return `${task} ${formatInstant(slot)}`
}

/** Returns the facts about a slot, by name. The texts are not yet safe on a terminal. */
export function slotFacts(
  row: Row,
  now: Instant,
  skewMs: number,
  doneByMsOf?: DoneByMsOf,
): Readonly<Record<string, string>> {
  const { slot, windowEnd, schedule, rejections, unlistedAttempts } = row
  const { count, refused } = rejections
  const end = windowEnd === null ? ', no end: the schedule has no later slot' : ` to ${formatInstant(windowEnd)}`
  const localEnd = windowEnd === null ? '' : ` to ${localTimeIn(windowEnd, schedule.zone)}`
  const unlisted = unlistedAttempts === 0 ? '' : ` (${unlistedAttempts} of them never started and are not listed)`
  const dropped = count - keptOf(row).length
  const rejectedNotes = [refused > 0 && `${refused} refused`, dropped > 0 && `${dropped} of them are only counted`]
  const notes = rejectedNotes.filter(Boolean).join(', ')
  return {
    status: statusOfItem(row, now, skewMs, doneByMsOf),
    window: `${formatInstant(slot)}${end}`,
    'local time': `${localTimeIn(slot, schedule.zone)}${localEnd}`,
    schedule: `${scheduleText(schedule)}, zone data ${row.zoneData}`,
    attempts: `${attemptCount(row)}${unlisted}`,
    rejected: `${count}${notes === '' ? '' : ` (${notes})`}`,
    ...(row.leaseUntil === null ? {} : { lease: `until ${formatInstant(row.leaseUntil)}` }),
    ...(row.expiresAt === null ? {} : { expires: formatInstant(row.expiresAt) }),
  }
}

function rowFacts(row: Row, now: Instant, skewMs: number, { found = null, doneByMsOf }: OfRecord): string[] {
  const facts = {
    ...slotFacts(row, now, skewMs, doneByMsOf),
    ...(found !== null && { 'not expected': notExpectedText(found, row.schedule.zone) }),
  }
  const width = Math.max(...Object.keys(facts).map(({ length }) => length))
  return Object.entries(facts).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)
}

/**
 * Up to this many rejected triggers are lines of their own, although they are alike: a reader of a terminal cannot open an
 * entry, and needs the run and the place on ECS of each to find out where they come from.
 */
const FEW = 3

function timelineLines(row: Row): string[] {
  const entries = slotTimeline(row).flatMap((entry): readonly TimelineEntry[] =>
    entry.kind === 'rejections' && entry.listed.length <= FEW ? entry.listed : [entry],
  )
  const width = Math.max(0, ...entries.map(({ at }) => formatInstant(at).length))
  return entries.map((entry) => `${formatInstant(entry.at).padEnd(width)}  ${timelineText(entry)}`)
}

function timelineText(entry: TimelineEntry): string {
  if (entry.kind === 'event') return withSource(entry)
  const source = entry.source === '' ? '--json lists them' : `${entry.source}; --json lists the others`
  return withSource({ text: `${entry.text}, the last one at ${formatInstant(entry.until)}`, source })
}
