import Table from 'cli-table3'
import { DateTime } from 'luxon'
import { isForeign } from '../core/decide.ts'
import { formatInstant } from '../core/instant.ts'
import type { Instant, Row, StoredRow } from '../core/types.ts'
import { csvHead, csvLines } from './csv.ts'
import { durationMsOf, rowLine, stateOf } from './row.ts'
import { elapsed, printable } from './text.ts'

export const HISTORY_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const
export type HistoryFormat = (typeof HISTORY_FORMATS)[number]

export interface HistoryStyle {
  readonly format: HistoryFormat
  /** Whether the rows are of several tasks. */
  readonly withTask: boolean
  /** Width of the terminal; null where there is none, and lines may be as long as they like. */
  readonly columns: number | null
  readonly color: boolean
  readonly now: Instant
  readonly skewMs: number
}

/** The text for rows that come in groups, none of them empty: piece by piece, so that memory holds one group. */
export function historyText(
  groups: AsyncIterable<readonly StoredRow[]>,
  style: HistoryStyle,
): AsyncGenerator<string, void, undefined> {
  switch (style.format) {
    case 'table':
      return tableText(groups, style)
    case 'json':
      return jsonText(groups, style)
    case 'ndjson':
      return ndjsonText(groups, style)
    case 'csv':
      return csvText(groups, style)
  }
}

type Groups = AsyncIterable<readonly StoredRow[]>
type Pieces = AsyncGenerator<string, void, undefined>

async function* ndjsonText(groups: Groups, { now, skewMs }: HistoryStyle): Pieces {
  for await (const rows of groups) yield rows.map((row) => `${rowLine(row, now, skewMs)}\n`).join('')
}

/** One array, one row a line. */
async function* jsonText(groups: Groups, { now, skewMs }: HistoryStyle): Pieces {
  let before = '[\n'
  for await (const rows of groups) {
    yield before + rows.map((row) => rowLine(row, now, skewMs)).join(',\n')
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

async function* csvText(groups: Groups, { now, skewMs }: HistoryStyle): Pieces {
  yield csvHead()
  for await (const rows of groups) yield csvLines(rows, now, skewMs)
}

/** Heading of a column, and its cell of a row. */
type Cells = Readonly<Record<string, (row: StoredRow, style: HistoryStyle) => string>>

const CELLS: Cells = {
  'SLOT (UTC)': (row) => formatInstant(row.slot),
  TASK: (row) => row.task,
  'LOCAL TIME': ofOwn(({ slot, schedule: { zone } }) =>
    // A locale of its own, since the machine's may have other digits.
    DateTime.fromMillis(slot, { zone, locale: 'en-US' }).toFormat('yyyy-MM-dd HH:mm'),
  ),
  ZONE: ofOwn(({ schedule }) => schedule.zone),
  STATE: (row, { now, skewMs }) => stateOf(row, now, skewMs),
  ATTEMPTS: ofOwn(({ attempts }) => String(attempts.length)),
  DURATION: ofOwn((row, { now }) => {
    const ms = durationMsOf(row, now)
    return ms === null ? '-' : elapsed(ms)
  }),
  DUPLICATES: ofOwn(({ rejections: { count, first } }) => {
    const refused = first.filter(({ kind }) => kind === 'refused').length
    return refused === 0 ? String(count) : `${count} (${refused} refused)`
  }),
}

/** Nothing for a row that a newer cronledger wrote. */
function ofOwn(cell: (row: Row, style: HistoryStyle) => string): Cells[string] {
  return (row, style) => (isForeign(row) ? '' : cell(row, style))
}

/** What a narrow terminal does without, in this order: 60 columns hold the rest. */
const LEFT_OUT_FIRST = ['ZONE', 'ATTEMPTS', 'LOCAL TIME', 'DURATION']
/** A longer name is cut before columns are left out, and cut to the other width before lines would break. */
const [LONG_TASK, SHORT_TASK] = [32, 8]
const GAP = 2

type Widths = ReadonlyMap<string, number>

/** One line a slot. The first group decides on the columns; without a terminal they grow when a wider cell comes. */
async function* tableText(groups: Groups, style: HistoryStyle): Pieces {
  let widths: Widths | null = null
  for await (const rows of groups) {
    const isFirst = widths === null
    const heads = widths === null ? Object.keys(CELLS).filter((head) => head !== 'TASK' || style.withTask) : [...widths.keys()]
    const lines = rows.map((row) => heads.map((head) => printable(CELLS[head]?.(row, style) ?? '')))
    const needed = new Map(
      heads.map((head, index) => [head, Math.max(widths?.get(head) ?? head.length, ...lines.map((line) => line[index]?.length ?? 0))]),
    )
    …
  }
}
