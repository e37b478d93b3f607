import Table from 'cli-table3'
import { DateTime } from 'luxon'
import { isForeign } from '../core/decide.ts'
import { formatInstant } from '../core/instant.ts'
import type { Instant, Row, StoredRow } from '../core/types.ts'
import { stateOf } from './row.ts'
import { elapsed, printable } from './text.ts'

const HEAD = ['SLOT (UTC)', 'LOCAL TIME', 'STATE', 'ATTEMPTS', 'DURATION', 'DUPLICATES']

/** Columns held apart by spaces alone: readable on a terminal, and easy to cut in a pipe. */
const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((part) => [part, '']),
)

/** One line a slot, in the order given. */
export function historyTable(rows: readonly StoredRow[], now: Instant, skewMs: number): string {
  const table = new Table({
    head: HEAD,
    chars: { ...NO_LINES, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(...rows.map((row) => [formatInstant(row.slot), ...cellsOf(row, now, skewMs)]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

function cellsOf(row: StoredRow, now: Instant, skewMs: number): string[] {
  const state = stateOf(row, now, skewMs)
  if (isForeign(row)) return ['', state, '', '', '']
  return [localTime(row), state, String(row.attempts.length), durationOf(row, now), duplicatesOf(row)]
}

function localTime({ slot, schedule: { zone } }: Row): string {
  // A locale of its own, since the machine's may have other digits.
  const local = DateTime.fromMillis(slot, { zone, locale: 'en-US' })
  return printable(`${local.toFormat('yyyy-MM-dd HH:mm')} ${zone}`)
}

/** Of the last attempt; one that still runs counts up, one that was abandoned has no end that anybody knows. */
function durationOf({ attempts, state }: Row, now: Instant): string {
  const attempt = attempts.at(-1)
  if (attempt === undefined) return '-'
  const end = attempt.endedAt ?? (state === 'PENDING' ? now : undefined)
  return end === undefined ? '-' : elapsed(end - attempt.startedAt)
}

function duplicatesOf({ rejections: { count, first } }: Row): string {
  const refused = first.filter(({ kind }) => kind === 'refused').length
  return refused === 0 ? String(count) : `${count} (${refused} refused)`
}
