import { stringify } from 'csv-stringify/sync'
import { formatInstant } from '../../core/instant.ts'
import { rejectedWords } from '../../core/row/rejections.ts'
import type { Instant, Status } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { slotLine } from '../slot/row.ts'
import { lineWidthOf, type Screen, type TableCell, tableLine, widthOf } from '../table.ts'
import { counted, jsonArray, printable } from '../text.ts'
import { type CsvValue, csvColumns, sourceOf, tableColumns } from './columns.ts'

export const HISTORY_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const
export type HistoryFormat = (typeof HISTORY_FORMATS)[number]

export interface HistoryStyle extends TableStyle {
  readonly format: HistoryFormat
}

type Groups = AsyncIterable<readonly JudgedSlot[]>
type Pieces = AsyncGenerator<string, void, undefined>

/** Yields the text of the slots, piece by piece, so that memory holds one group of them. No group may be empty. */
export function historyText(groups: Groups, style: HistoryStyle): Pieces {
  switch (style.format) {
    case 'table':
      return tableText(groups, style)
    case 'json':
      return jsonArray(groups, (slots) => slots.map(slotLine).join(',\n'))
    case 'ndjson':
      return ndjsonText(groups)
    case 'csv':
      return csvPieces(groups, style)
  }
}

async function* ndjsonText(groups: Groups): Pieces {
  for await (const slots of groups) yield slots.map((one) => `${slotLine(one)}\n`).join('')
}

async function* csvPieces(groups: Groups, { fields }: HistoryStyle): Pieces {
  yield csvHead(fields)
  for await (const slots of groups) yield csvLines(slots, fields)
}

/** Returns the first line, with its line end. `fields` are the names of the facts that have columns. */
export function csvHead(fields: readonly string[] = []): string {
  return csvText([csvColumns(fields).map(({ name }) => name)])
}

/** Returns one line for each slot, with line ends. */
export function csvLines(slots: readonly JudgedSlot[], fields: readonly string[] = []): string {
  const columns = csvColumns(fields)
  return csvText(slots.map(sourceOf).map((source) => columns.map(({ cellOf }) => cellOf(source))))
}

/**
 * Returns lines of CSV. A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and a reason is
 * free text. We must put `'` before such a text, otherwise an operator's spreadsheet runs it. This also changes a
 * schedule such as `@daily`, which a spreadsheet would reject as a wrong formula.
 */
export function csvText(cells: readonly (readonly CsvValue[])[]): string {
  const texts = cells.map((line) => line.map((cell) => (typeof cell === 'string' ? printable(cell) : cell)))
  return stringify(texts, { escape_formulas: true })
}

interface TableStyle extends Screen {
  /** Whether the table has a column for the task, because the slots can belong to several tasks. */
  readonly withTask: boolean
  readonly fields: readonly string[]
  readonly nothing: () => Promise<string>
  /** Returns the line below the table. It is called at the end. */
  readonly total: () => string
}

/** Task names are cut to the first width before a column is left out, and then at most to the second one. */
const [LONG_TASK, SHORT_TASK] = [32, 8]

type TableColumn = ReturnType<typeof tableColumns>[number]

interface ShownColumn {
  readonly column: TableColumn
  readonly width: number
}

/** The first group decides which columns there are. A later group makes them wider where all of them still fit. */
async function* tableText(
  groups: AsyncIterable<readonly JudgedSlot[]>,
  style: TableStyle,
): AsyncGenerator<string, void, undefined> {
  const limit = style.columns ?? Number.POSITIVE_INFINITY
  let columns: readonly ShownColumn[] = tableColumns(style.fields)
    .filter(({ isTask }) => style.withTask || !isTask)
    .map((column) => ({ column, width: printable(column.heading).length }))
  let isFirst = true
  for await (const slots of groups) {
    const sources = slots.map(sourceOf)
    const texts = new Map(columns.map(({ column }) => [column, sources.map((one) => printable(column.text(one)))]))
    const wider = columns.map(({ column, width }) => ({
      column,
      width: Math.max(width, widthOf(texts.get(column) ?? [])),
    }))
    if (isFirst) columns = fitted(wider, limit)
    else if (widthOfAll(wider) <= limit) columns = wider
    const lines = slots.map((_, index) => lineOf(columns, (column) => texts.get(column)?.[index] ?? '', style))
    if (isFirst) lines.unshift(lineOf(columns, ({ heading }) => printable(heading), style))
    yield lines.map((line) => `${line}\n`).join('')
    isFirst = false
  }
  yield `${isFirst ? printable(await style.nothing()) : style.total()}\n`
}

function lineOf(columns: readonly ShownColumn[], textOf: (column: TableColumn) => string, style: TableStyle): string {
  const cells = columns.map(({ column }): TableCell => {
    const text = textOf(column)
    const color = style.color ? column.color?.(text) : undefined
    return { text, color, isRight: column.isRight?.(text) ?? false }
  })
  return tableLine(
    cells,
    columns.map(({ width }) => width),
  )
}

function fitted(wished: readonly ShownColumn[], limit: number): readonly ShownColumn[] {
  const withTask = (columns: readonly ShownColumn[], most: number) =>
    columns.map(({ column, width }) => ({ column, width: column.isTask ? Math.min(width, most) : width }))
  if (widthOfAll(wished) <= limit) return wished
  let columns = withTask(wished, LONG_TASK)
  for (const next of [1, 2, 3]) {
    if (widthOfAll(columns) > limit) columns = columns.filter(({ column }) => column.leftOut !== next)
  }
  const others = widthOfAll(withTask(columns, 0))
  return withTask(columns, Math.max(SHORT_TASK, limit - others))
}

function widthOfAll(columns: readonly ShownColumn[]): number {
  return lineWidthOf(columns.map(({ width }) => width))
}

/**
 * Counts slots for the line below a table: `21 slots: 20 completed (2 repaired), 1 failed; 3 rejected`. `since`: older slots of
 * the range were not counted.
 */
export function openTotal() {
  const counts = new Map<Status, number>()
  let [slots, repaired, count, refused] = [0, 0, 0, 0]
  return {
    add({ status, own, situation }: JudgedSlot): void {
      slots += 1
      if (status !== null) counts.set(status, (counts.get(status) ?? 0) + 1)
      if (own === null) return
      if (situation === 'repaired') repaired += 1
      count += own.rejections.count
      refused += own.rejections.refused
    },
    text(since: Instant | null = null): string {
      const parts = [...counts].map(([status, number]) => {
        const more = status === 'completed' && repaired > 0 ? ` (${repaired} repaired)` : ''
        return `${number} ${status}${more}`
      })
      const from = since === null ? '' : ` since ${formatInstant(since)}`
      return `${counted(slots, 'slot')}${from}: ${parts.join(', ')}; ${rejectedWords({ count, refused }, ' rejected')}`
    },
  }
}
