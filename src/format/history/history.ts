import { stringify } from 'csv-stringify/sync'
import { rejectedWords } from '../../core/row/rejections.ts'
import type { Status } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { slotLine } from '../slot/row.ts'
import {
  columnLines,
  filledColumns,
  fittedColumns,
  headedColumns,
  headingLine,
  leftOutLines,
  type Screen,
  type ShownColumn,
  widthOfColumns,
} from '../table.ts'
import { counted, jsonArray, printable } from '../text.ts'
import { type Asked, type CsvValue, csvColumns, type SlotSource, sourceOf, tableColumns } from './columns.ts'

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

export function csvHead(fields: readonly string[] = []): string {
  return csvText([csvColumns(fields).map(({ name }) => name)])
}

export function csvLines(slots: readonly JudgedSlot[], fields: readonly string[] = []): string {
  const columns = csvColumns(fields)
  return csvText(slots.map(sourceOf).map((source) => columns.map(({ cellOf }) => cellOf(source))))
}

/**
 * Returns lines of CSV. A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and a reason is
 * free text. We must put `'` before such a text, otherwise an operator's spreadsheet runs it. This also changes a
 * schedule such as `@daily`, which a spreadsheet would reject as a wrong formula.
 */
function csvText(cells: readonly (readonly CsvValue[])[]): string {
  const texts = cells.map((line) => line.map((cell) => (typeof cell === 'string' ? printable(cell) : cell)))
  return stringify(texts, { escape_formulas: true })
}

interface TableStyle extends Screen {
  readonly asked: readonly Asked[]
  readonly fields: readonly string[]
  readonly nothing: () => Promise<string>
  readonly total: () => string
}

/** The first group decides which columns there are. A later group makes them wider where all of them still fit. */
async function* tableText(groups: AsyncIterable<readonly JudgedSlot[]>, style: TableStyle) {
  const limit = style.columns ?? Number.POSITIVE_INFINITY
  const all = tableColumns(style.fields).filter(({ onlyWith }) => !onlyWith || style.asked.includes(onlyWith))
  let columns: readonly ShownColumn<SlotSource>[] = headedColumns(all)
  let below: typeof columns = []
  let isFirst = true
  for await (const slots of groups) {
    const { wider: filled, cells } = filledColumns([...columns, ...below], slots.map(sourceOf))
    const wider = filled.slice(0, columns.length)
    if (isFirst) {
      columns = fittedColumns(wider, limit)
      below = wider.filter(({ column }) => column.isBelow && !columns.some((one) => one.column === column))
    } else if (widthOfColumns(wider) <= limit) columns = wider
    const lines = [...(isFirst ? [headingLine(columns)] : []), ...columnLines(columns, cells, style)]
    yield lines.map((line) => `${line}\n`).join('')
    isFirst = false
  }
  const end = isFirst ? [printable(await style.nothing())] : [style.total(), ...leftOutLines(all, columns, style)]
  yield end.map((line) => `${line}\n`).join('')
}

/** Counts slots for the line below a table: `21 slots: 20 completed (2 repaired), 1 failed; 3 rejected`. */
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
    text(): string {
      const parts = [...counts].map(([status, number]) => {
        const more = status === 'completed' && repaired > 0 ? ` (${repaired} repaired)` : ''
        return `${number} ${status}${more}`
      })
      return `${counted(slots, 'slot')}: ${parts.join(', ')}; ${rejectedWords({ count, refused }, ' rejected')}`
    },
  }
}
