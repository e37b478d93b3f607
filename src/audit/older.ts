import { readableRow } from '../core/row/status.ts'
import type { Row, StoredRow } from '../core/types.ts'

/** Of up to this many slots before a slot, those that completed say what is usual. */
export const LOOKED_AT = 40

interface Found {
  readonly row: StoredRow | null
}

/** Yields each slot with the rows of up to `LOOKED_AT` slots before it. `before` reads those before the oldest one. */
export async function* withOlder<Slot extends Found>(
  slots: AsyncIterable<Slot>,
  before: (() => AsyncIterable<StoredRow>) | null,
): AsyncGenerator<{ readonly slot: Slot; readonly older: readonly Row[] }, void> {
  const waiting: Slot[] = []
  const next = (after: readonly Found[]) => {
    const slot = waiting.shift()
    const older = [...waiting, ...after].slice(0, LOOKED_AT)
    return slot && { slot, older: older.flatMap(({ row }) => readableRow(row) ?? []) }
  }
  for await (const slot of slots) {
    waiting.push(slot)
    const one = before === null || waiting.length > LOOKED_AT ? next([]) : undefined
    if (one !== undefined) yield one
  }
  const after: Found[] = []
  if (waiting.length > 0 && before !== null) for await (const row of before()) after.push({ row })
  for (let one = next(after); one !== undefined; one = next(after)) yield one
}
