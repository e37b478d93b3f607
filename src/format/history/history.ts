import type { VerdictRule } from '../../verdict/rules.ts'
import { type HistoryItem, itemLine } from '../slot/row.ts'
import { jsonArray } from '../text.ts'
import { csvHead, csvLines } from './csv.ts'
import { type TableStyle, tableText } from './table.ts'

export const HISTORY_FORMATS = ['table', 'json', 'ndjson', 'csv'] as const
export type HistoryFormat = (typeof HISTORY_FORMATS)[number]

export interface HistoryStyle extends TableStyle {
  readonly format: HistoryFormat
  readonly workOf: (item: HistoryItem) => VerdictRule['work']
}

type Groups = AsyncIterable<readonly HistoryItem[]>
type Pieces = AsyncGenerator<string, void, undefined>

/** Yields the text of the items, piece by piece, so that memory holds one group of them. No group may be empty. */
export function historyText(groups: Groups, style: HistoryStyle): Pieces {
  switch (style.format) {
    case 'table':
      return tableText(groups, style)
    case 'json':
      return jsonArray(groups, (items) => jsonLines(items, style).join(',\n'))
    case 'ndjson':
      return ndjsonText(groups, style)
    case 'csv':
      return csvPieces(groups, style)
  }
}

async function* ndjsonText(groups: Groups, style: HistoryStyle): Pieces {
  for await (const items of groups)
    yield jsonLines(items, style)
      .map((line) => `${line}\n`)
      .join('')
}

function jsonLines(items: readonly HistoryItem[], { statusOf, workOf }: HistoryStyle): readonly string[] {
  return items.map((item) => itemLine(item, statusOf(item), workOf(item)))
}

async function* csvPieces(groups: Groups, { fields, statusOf, now }: HistoryStyle): Pieces {
  yield csvHead(fields)
  for await (const items of groups) yield csvLines(items, statusOf, now, fields)
}
