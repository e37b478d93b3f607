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
  /** What a table says where there are no rows. */
  readonly nothing: string
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
  DUPLICATES: ofOwn(({ rejections: { count, refused } }) =>
    refused === 0 ? String(count) : `${count - refused}, ${refused} refused`,
  ),
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

/** Columns held apart by spaces alone: readable on a terminal, and easy to cut in a pipe. */
const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'mid', 'right']
    .flatMap((part) => [part, `${part}-mid`, `${part}-left`, `${part}-right`])
    .concat('mid-mid')
    .map((part) => [part, '']),
)

const COLORS: Readonly<Record<string, number>> = { COMPLETED: 32, FAILED: 31, STALE: 31, PENDING: 36, SKIPPED: 33 }

interface Column {
  readonly head: string
  readonly width: number
}

/** One line a slot. The first group decides on the columns; later ones make them wider where there is room. */
async function* tableText(groups: Groups, style: HistoryStyle): Pieces {
  const limit = style.columns ?? Number.POSITIVE_INFINITY
  let columns: readonly Column[] = Object.keys(CELLS)
    .filter((head) => head !== 'TASK' || style.withTask)
    .map((head) => ({ head, width: head.length }))
  let isFirst = true
  for await (const rows of groups) {
    const wider = columns.map((column) => widened(column, rows, style))
    if (isFirst) columns = fitted(wider, limit)
    else if (widthOf(wider) <= limit) columns = wider
    yield tableLines(columns, rows, style, isFirst)
    isFirst = false
  }
  if (isFirst) yield `${printable(style.nothing)}\n`
}

function widened({ head, width }: Column, rows: readonly StoredRow[], style: HistoryStyle): Column {
  return { head, width: Math.max(width, ...rows.map((row) => cellOf(head, row, style).length)) }
}

function fitted(wished: readonly Column[], limit: number): readonly Column[] {
  const withTask = (columns: readonly Column[], width: number) =>
    columns.map((column) => (column.head === 'TASK' ? { ...column, width: Math.min(column.width, width) } : column))
  if (widthOf(wished) <= limit) return wished
  let columns = withTask(wished, LONG_TASK)
  for (const head of LEFT_OUT_FIRST) {
    if (widthOf(columns) > limit) columns = columns.filter((column) => column.head !== head)
  }
  const others = widthOf(withTask(columns, 0))
  return withTask(columns, Math.max(SHORT_TASK, limit - others))
}

function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, { width }) => sum + width, GAP * (columns.length - 1))
}

function tableLines(
  columns: readonly Column[],
  rows: readonly StoredRow[],
  style: HistoryStyle,
  withHead: boolean,
): string {
  const table = new Table({
    chars: { ...NO_LINES, middle: ' '.repeat(GAP) },
    colWidths: columns.map(({ width }) => width),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  if (withHead) table.push(columns.map(({ head }) => head))
  table.push(...rows.map((row) => columns.map(({ head }) => colored(head, cellOf(head, row, style), style))))
  return table
    .toString()
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}

function cellOf(head: string, row: StoredRow, style: HistoryStyle): string {
  return printable(CELLS[head]?.(row, style) ?? '')
}

function colored(head: string, text: string, { color }: HistoryStyle): string {
  const code = COLORS[text]
  return color && head === 'STATE' && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text
}
