import type { JudgedSlot } from '../../verdict/judge.ts'
import { slotLine } from '../slot/row.ts'
import { jsonArray } from '../text.ts'
import { csvHead, csvLines } from './csv.ts'
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
