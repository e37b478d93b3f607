import stringWidth from 'string-width'
import { elapsed } from '../core/duration.ts'
import { formatInstant } from '../core/instant.ts'
import { isKeyOf } from '../core/objects.ts'
import { attemptCount, coveringSlot } from '../core/row/attempts.ts'
import { factOf } from '../core/row/report.ts'
import { isUnreadable, readableRow } from '../core/row/status.ts'
import { isMissed } from '../core/task/expected-slots.ts'
import type { Instant, Row, Status } from '../core/types.ts'
import { markOf, type SlotMark } from '../verdict/mark.ts'
import { localTime } from './local-time.ts'
import { durationMsOf, type HistoryItem, lastReport, type StatusOf } from './row.ts'
import { printable } from './text.ts'

export interface TableStyle {
  /** Whether the table has a column for the task, because the items can belong to several tasks. */
  readonly withTask: boolean
  /** The names of facts that the batch reports. Each has a column. */
  readonly fields: readonly string[]
  /** The width of the terminal. Null when the output is not a terminal, so that a line may have any length. */
  readonly columns: number | null
  readonly color: boolean
  readonly now: Instant
  readonly statusOf: StatusOf
  /** Returns the line that is shown instead of an empty table. */
  readonly nothing: () => Promise<string>
}

/** By the heading of the column. */
type CellTexts = Readonly<Record<string, (item: HistoryItem, style: TableStyle) => string>>

const CELL_TEXTS: CellTexts = {
  'SLOT (UTC)': ({ slot }) => formatInstant(slot),
  TASK: ({ task }) => task,
  'LOCAL TIME': (item) => {
    const zone = zoneOf(item)
    return zone === '' ? '' : localTime(item.slot, zone)
  },
  ZONE: zoneOf,
  STATUS: (item, { statusOf }) => {
    const status = statusOf(item)
    const row = isMissed(item) ? null : item
    const own = readableRow(row)
    if (own !== null && coveringSlot(own) !== null) return `${status}, covered`
    const mark = markOf(status, row, { lateAfterMs: null })
    return mark === status ? status : `completed, ${mark}`
  },
  ATTEMPTS: ofOwn((row) => String(attemptCount(row))),
  DURATION: ofOwn((row, { statusOf, now }) => {
    const ms = durationMsOf(row, statusOf(row), now)
    return ms === null ? '-' : elapsed(ms)
  }),
  DUPLICATES: ofOwn(({ rejections: { count, refused } }) =>
    refused === 0 ? String(count) : `${count - refused}, ${refused} refused`,
  ),
}

/** Returns a cell that is empty for a missed slot and for a row of a newer schema. */
function ofOwn(cell: (row: Row, style: TableStyle) => string): CellTexts[string] {
  return (item, style) => (isMissed(item) || isUnreadable(item) ? '' : cell(item, style))
}

function zoneOf(item: HistoryItem): string {
  return !isMissed(item) && isUnreadable(item) ? '' : item.schedule.zone
}

function factTexts(fields: readonly string[]): CellTexts {
  return Object.fromEntries(fields.map((name) => [name, (item) => String(factOf(lastReport(item), name) ?? '')]))
}

/** The columns that a narrow terminal leaves out, in this order. A width of 60 is enough for the others. */
const LEFT_OUT_FIRST = ['ZONE', 'ATTEMPTS', 'LOCAL TIME', 'DURATION']
/**
 * Task names are cut to the first width before a column is left out. After that they are cut to the space that is left,
 * but not below the second width.
 */
const [LONG_TASK, SHORT_TASK] = [32, 8]

const [RED, GREEN, YELLOW, CYAN] = [31, 32, 33, 36]
const COLORS: Readonly<Partial<Record<Status | `completed, ${SlotMark}`, number>>> = {
  completed: GREEN,
  'completed, repaired': YELLOW,
  'completed, marked': YELLOW,
  failed: RED,
  stale: RED,
  missed: RED,
  overdue: RED,
  running: CYAN,
  waiting: CYAN,
  skipped: YELLOW,
}

interface TableColumn {
  readonly head: string
  readonly width: number
}

/**
 * Yields one line for each slot. The first group decides which columns there are. A later group makes them wider where
 * all of them still fit.
 */
export async function* tableText(
  groups: AsyncIterable<readonly HistoryItem[]>,
  style: TableStyle,
): AsyncGenerator<string, void, undefined> {
  const limit = style.columns ?? Number.POSITIVE_INFINITY
  const cellTexts: CellTexts = { ...factTexts(style.fields), ...CELL_TEXTS }
  let columns: readonly TableColumn[] = [...Object.keys(CELL_TEXTS), ...style.fields]
    .filter((head) => head !== 'TASK' || style.withTask)
    .map((head) => ({ head, width: head.length }))
  let isFirst = true
  for await (const items of groups) {
    const cells = columns.map(({ head }) => items.map((item) => printable(cellTexts[head]?.(item, style) ?? '')))
    const wider = columns.map(({ head, width }, index) => ({ head, width: widest(width, cells[index] ?? []) }))
    if (isFirst) columns = fitted(wider, limit)
    else if (widthOfAll(wider) <= limit) columns = wider
    const byHead = new Map(wider.map(({ head }, index) => [head, cells[index] ?? []]))
    const lines = items.map((_, index) => lineOf(columns, ({ head }) => byHead.get(head)?.[index] ?? '', style))
    if (isFirst) lines.unshift(lineOf(columns, ({ head }) => head, style))
    yield lines.map((line) => `${line}\n`).join('')
    isFirst = false
  }
  if (isFirst) yield `${printable(await style.nothing())}\n`
}

function lineOf(
  columns: readonly TableColumn[],
  cellOf: (column: TableColumn) => string,
  { color }: TableStyle,
): string {
  return tableLine(
    columns.map(cellOf),
    columns.map(({ width }) => width),
    (cell, index) => {
      const isColored = color && columns[index]?.head === 'STATUS' && isKeyOf(cell, COLORS)
      return isColored ? `\u001b[${COLORS[cell]}m${cell}\u001b[0m` : cell
    },
  )
}

function fitted(wished: readonly TableColumn[], limit: number): readonly TableColumn[] {
  const withTask = (columns: readonly TableColumn[], width: number) =>
    columns.map((column) => (column.head === 'TASK' ? { ...column, width: Math.min(column.width, width) } : column))
  if (widthOfAll(wished) <= limit) return wished
  let columns = withTask(wished, LONG_TASK)
  for (const head of LEFT_OUT_FIRST) {
    if (widthOfAll(columns) > limit) columns = columns.filter((column) => column.head !== head)
  }
  const others = widthOfAll(withTask(columns, 0))
  return withTask(columns, Math.max(SHORT_TASK, limit - others))
}

function widthOfAll(columns: readonly TableColumn[]): number {
  return lineWidthOf(columns.map(({ width }) => width))
}

function widest(width: number, cells: readonly string[]): number {
  return cells.reduce((most, cell) => Math.max(most, stringWidth(cell)), width)
}

// Only spaces separate the columns. This is readable on a terminal, and easy to cut in a pipe.

const GAP = 2
const GRAPHEMES = new Intl.Segmenter('en')

export function lineWidthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * Math.max(0, widths.length - 1))
}

/**
 * Returns a line with each cell padded or cut to its width. `painted` adds the colour to a cell, which takes no space.
 */
export function tableLine(
  cells: readonly string[],
  widths: readonly number[],
  painted: (cell: string, index: number) => string = (cell) => cell,
): string {
  const last = cells.findLastIndex((cell) => cell !== '')
  const texts = cells.slice(0, last + 1).map((cell, index) => {
    const shown = cut(cell, widths[index] ?? 0)
    const room = index === last ? 0 : (widths[index] ?? 0) - stringWidth(shown)
    return painted(shown, index) + ' '.repeat(room)
  })
  return texts.join(' '.repeat(GAP))
}

/**
 * Returns the text cut to at most `width` columns. It never splits a grapheme, which a reader sees as one character.
 */
function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let left = width - 1
  let shown = ''
  for (const { segment } of GRAPHEMES.segment(text)) {
    left -= stringWidth(segment)
    if (left < 0) break
    shown += segment
  }
  return `${shown}…`
}
