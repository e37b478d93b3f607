import { stringify } from 'csv-stringify/sync'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { printable } from '../text.ts'
import { type CsvValue, csvColumns, sourceOf } from './columns.ts'

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
