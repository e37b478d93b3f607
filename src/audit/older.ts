import { readableRow } from '../core/row/status.ts'
import type { Row, StoredRow } from '../core/types.ts'

/** The usual values of a slot come from the completed rows among up to this many before it. */
export const LOOKED_AT = 40

interface Found {
  readonly row: StoredRow | null
}

/** Yields each slot. If it has a row, up to `LOOKED_AT` older rows come with it. `before` reads those before the oldest slot. */
export async function* withOlder<Slot extends Found>(
  slots: AsyncIterable<Slot>,
  before: (() => AsyncIterable<StoredRow>) | null,
): AsyncGenerator<{ readonly slot: Slot; readonly older: readonly Row[] }, void> {
  const waiting: Slot[] = []
  const rows: StoredRow[] = []
  const next = () => {
    const slot = waiting.shift()
    if (slot === undefined || slot.row === null) return slot && { slot, older: [] }
    rows.shift()
    return { slot, older: rows.slice(0, LOOKED_AT).flatMap((row) => readableRow(row) ?? []) }
  }
  for await (const slot of slots) {
    waiting.push(slot)
    if (slot.row !== null) rows.push(slot.row)
    while (before === null || waiting[0]?.row === null || rows.length > LOOKED_AT) {
      const one = next()
      if (one === undefined) break
      yield one
    }
  }
  if (rows.length > 0 && before !== null) for await (const row of before()) rows.push(row)
  for (let one = next(); one !== undefined; one = next()) yield one
}
