import { fieldsOf, rowName } from '../core/row/stored-fields.ts'
import { decodeNotes, decodeRow, readableOrDamaged } from '../core/row/stored-row.ts'
import type { StoredRow } from '../core/types.ts'
import { isRowKey, listedSlot } from './page.ts'
import type { Page, SlotsPage, StoredEntry } from './store.ts'

// The part that the stores with SQL share. Each query reads one more than a page has, because that shows whether there is
// another page.

export type Columns = Readonly<Record<string, unknown>>

/** Enough for one request, and few enough that reading them does not hold up a stop. */
export const SLOTS_PER_PAGE = 5_000

/** `parse` returns the value in a column of JSON. */
export function columnReader(parse: (column: unknown) => unknown) {
  const fieldsIn = (column: unknown, { task, slot }: Columns) => fieldsOf(parse(column), rowName(task, slot))

  /** The key is that of the columns: a user who may write the rows of one task only could name another task in a document. */
  function readRow(columns: Columns): StoredRow {
    const { task, slot, document, notes } = columns
    // We must not use two spreads here, for the reason given in `decodeRow`.
    return decodeRow(Object.assign(fieldsIn(document, columns).values, fieldsIn(notes, columns).values, { task, slot }))
  }

  return {
    readRow,
    readNotes: (columns: Columns) => decodeNotes(fieldsIn(columns['notes'], columns)),
    readEntry: ({ version, document }: Columns): StoredEntry => ({
      version: Number(version),
      document: parse(document),
    }),
    readPage(found: readonly Columns[], limit: number): Page {
      const shown = found.slice(0, limit)
      const last = found.length > limit ? shown.at(-1) : undefined
      return {
        rows: shown.filter(isRowKey).map((one) => {
          const { task, slot } = one
          return readableOrDamaged({ task, slot }, () => readRow(one))
        }),
        ...(last && { next: { task: String(last['task']), slot: String(last['slot']) } }),
      }
    },
  }
}

export function slotsPage(task: string, found: readonly Columns[]): SlotsPage {
  const slots = found.slice(0, SLOTS_PER_PAGE).map((columns) => listedSlot(task, columns))
  const next = found.length > slots.length ? slots.at(-1)?.slot : undefined
  return { slots, ...(next !== undefined && { next }) }
}
