import { stringify } from 'csv-stringify/sync'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { slotLine } from '../slot/row.ts'
import { jsonArray, printable } from '../text.ts'
import { type CsvValue, csvColumns, sourceOf } from './columns.ts'
import { type TableStyle, tableText } from './table.ts'

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
