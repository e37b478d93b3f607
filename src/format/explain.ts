import { formatDuration } from '../core/duration.ts'
import { formatInstant, utcDate } from '../core/instant.ts'
import type { ClockNote } from '../core/schedule/clock-changes.ts'
import type { Schedule } from '../core/schedule/schedule.ts'
import type { Instant, Window } from '../core/types.ts'
import { inZone } from './local-time.ts'
import { inWords } from './schedule-words.ts'
import { instantOrNull } from './slot/row.ts'
import { brokenLines } from './table.ts'
import { type Labelled, labelled, printable } from './text.ts'

export interface Explanation {
  readonly schedule: Schedule
  readonly zoneData: string
  /** Null when no task was given. The text then shows the placeholder `TASK`. */
  readonly task: string | null
  readonly at: Instant
  readonly earlyToleranceMs: number
  readonly window: Window | null
  /** Oldest first. */
  readonly previous: readonly Instant[]
  readonly next: readonly Instant[]
  readonly clocksFrom: Instant
  readonly clocksUntil: Instant
  readonly clockNotes: readonly ClockNote[]
  readonly warnings: readonly string[]
}

const TERMINAL_COLUMNS = 80
const LABEL_WIDTH = 'tolerance  '.length

/** Returns the explanation as text. Its lines are at most 80 columns wide, unless a single word is longer. */
export function explainText(explanation: Explanation): string {
  const { schedule, zoneData, task, at, earlyToleranceMs, window, previous, next } = explanation
  const { expression, zone } = schedule.spec
  const shown = (instant: Instant) => moment(instant, zone)
  const clocks = explanation.clockNotes.map((note) => noteText(note, zone))
  const span = `from ${utcDate(explanation.clocksFrom)} to ${utcDate(explanation.clocksUntil)}`
  const slot = window === null ? null : formatInstant(window.slot)
  const ends = window && [window.end === null ? 'forever: this is the last slot' : shown(window.end)]
  const lines: Labelled[] = [
    ['schedule', printable(expression)],
    ...labelled(
      'in words',
      [inWords(schedule)].filter((words) => words !== expression),
    ),
    ['zone', `${zone} (zone data ${zoneData})`],
    ...explanation.warnings.map((warning) => ['warning', printable(warning)] as const),
    ['', ''],
    ['at', shown(at)],
    ['slot', window === null ? 'none: the schedule has no slot at or before this time' : shown(window.slot)],
    ...labelled('until', ends ?? []),
    ['tolerance', toleranceText(at, earlyToleranceMs, window)],
    ['key', slot === null ? 'none' : `task ${task ?? 'TASK'}, slot ${slot}`],
    ['', ''],
    ...labelled('previous', previous.map(shown), 'none'),
    ...labelled('slot', window === null ? [] : [shown(window.slot)]),
    ...labelled('next', next.map(shown), 'none'),
    ['', ''],
    ...labelled('clocks', clocks, `no slot is skipped or repeated ${span}`),
  ]
  return labelledText(lines)
}

function labelledText(lines: readonly Labelled[]): string {
  const wrapped = lines.flatMap(([label, text]) =>
    // Two spaces stand within a time, which is not broken.
    brokenLines(text.split(/(?<! ) (?! )/), TERMINAL_COLUMNS - LABEL_WIDTH, '', '', '').map((line, index) =>
      `${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`.trimEnd(),
    ),
  )
  return wrapped.join('\n')
}

export function explainJson(explanation: Explanation): Record<string, unknown> {
  const { schedule, zoneData, task, at, earlyToleranceMs, window, previous, next, clocksFrom, clocksUntil } =
    explanation
  const { expression, zone, anchor } = schedule.spec
  return {
    task,
    schedule: expression,
    zone,
    ...(anchor !== undefined && { anchor: formatInstant(anchor) }),
    words: inWords(schedule),
    zoneData,
    at: formatInstant(at),
    earlyToleranceMs,
    slot: instantOrNull(window?.slot),
    local: window === null ? null : inZone(window.slot, zone).toFormat(ISO_LOCAL),
    windowEnd: instantOrNull(window?.end),
    previousSlots: previous.map(formatInstant),
    nextSlots: next.map(formatInstant),
    clocksFrom: formatInstant(clocksFrom),
    clocksUntil: formatInstant(clocksUntil),
    clockNotes: explanation.clockNotes.map((note) => ({
      kind: note.kind,
      times: note.times.map(localText),
      last: localText(note.last),
      text: noteText(note, zone),
    })),
    warnings: explanation.warnings,
  }
}

const ISO_LOCAL = "yyyy-MM-dd'T'HH:mm:ssZZ"

function moment(at: Instant, zone: string): string {
  return `${formatInstant(at)}  ${inZone(at, zone).toFormat('ccc yyyy-MM-dd HH:mm:ss ZZ')}`
}

function toleranceText(at: Instant, toleranceMs: number, window: Window | null): string {
  const early = window !== null && window.slot > at
  return early
    ? `${formatDuration(toleranceMs)}; this time is ${formatDuration(window.slot - at)} before the slot and belongs to it`
    : `${formatDuration(toleranceMs)}; an event time up to this long before a slot belongs to it`
}

function noteText({ kind, times, last }: ClockNote, zone: string): string {
  const [first = last] = times
  const date = localText(first).slice(0, 10)
  // The times of one clock change can be on two days. A time on the second day keeps its date.
  const short = (time: number) => {
    const text = localText(time).replace('T', ' ').replace(/:00$/, '')
    return text.startsWith(date) ? text.slice(11) : text
  }
  const named = times.map(short).join(', ')
  const all = times.includes(last) ? named : `${named} … ${short(last)}`
  const shown = `on ${date} the clocks in ${zone}`
  switch (kind) {
    case 'skipped':
      return `${shown} skip ${all}: no slot`
    case 'once':
      return `${shown} show ${all} twice: a slot only the first time`
    case 'twice':
      return `${shown} show ${all} twice: a slot both times. The second time is optional: a trigger runs, but its absence is not reported as missed.`
  }
}

/** Returns `2027-03-14T02:30:00` for the milliseconds since 1970 of a local time. */
function localText(local: number): string {
  return new Date(local).toISOString().slice(0, 19)
}
