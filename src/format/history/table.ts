import { formatInstant } from '../../core/instant.ts'
import { rejectedWords } from '../../core/row/rejections.ts'
import type { Instant, Status } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { lineWidthOf, type Screen, type TableCell, tableLine, widthOf } from '../table.ts'
import { counted, printable } from '../text.ts'
import { sourceOf, tableColumns } from './columns.ts'

export interface TableStyle extends Screen {
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
export async function* tableText(
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
