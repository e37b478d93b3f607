import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { attemptCount, isRepaired } from '../../core/row/attempts.ts'
import { rejectedWords } from '../../core/row/rejections.ts'
import { factOf } from '../../core/row/report.ts'
import { isUnreadable } from '../../core/row/status.ts'
import type { Row, Status } from '../../core/types.ts'
import type { JudgedSlot } from '../../verdict/judge.ts'
import { zonedTime } from '../local-time.ts'
import { durationMsOf, lastReport } from '../slot/row.ts'
import { colorOfStatus, lineWidthOf, type Screen, type TableCell, tableLine, widthOf } from '../table.ts'
import { counted, printable } from '../text.ts'

export interface TableStyle extends Screen {
  /** Whether the table has a column for the task, because the slots can belong to several tasks. */
  readonly withTask: boolean
  readonly fields: readonly string[]
  readonly nothing: () => Promise<string>
  /** Returns the line below the table. It is called at the end. */
  readonly total: () => string
}

/** By the heading of the column. */
type CellTexts = Readonly<Record<string, (one: JudgedSlot) => string>>

const CELL_TEXTS: CellTexts = {
  'SLOT (UTC)': ({ slot }) => formatInstant(slot),
  TASK: ({ task }) => task,
  'LOCAL TIME': ({ row, slot, schedule }) => (row !== null && isUnreadable(row) ? '' : zonedTime(slot, schedule.zone)),
  STATUS: ({ status, mark, situation }) => {
    if (situation === 'covered') return `${status}, covered`
    return mark === status ? `${status}` : `completed, ${mark}`
  },
  ATTEMPTS: ofOwn((row) => String(attemptCount(row))),
  DURATION: ofOwn((_, one) => {
    const ms = durationMsOf(one)
    return ms === null ? '-' : elapsed(ms)
  }),
  REJECTED: ofOwn(({ rejections }) => rejectedWords(rejections)),
}

/** Returns a cell that is empty for a slot without a row and for a row of a newer schema. */
function ofOwn(cell: (own: Row, one: JudgedSlot) => string): CellTexts[string] {
  return (one) => (one.own === null ? '' : cell(one.own, one))
}

const NUMBERS: readonly string[] = ['ATTEMPTS', 'DURATION', 'REJECTED']
const NUMBER = /^-?\d[\d.e+-]*$/

function factTexts(fields: readonly string[]): CellTexts {
  return Object.fromEntries(fields.map((name) => [name, (one) => String(factOf(lastReport(one), name) ?? '')]))
}

/** The columns that a narrow terminal leaves out, in this order. A width of 60 is enough for the others. */
const LEFT_OUT_FIRST = ['ATTEMPTS', 'LOCAL TIME', 'DURATION']
/** Task names are cut to the first width before a column is left out, and then at most to the second one. */
const [LONG_TASK, SHORT_TASK] = [32, 8]

interface TableColumn {
  readonly head: string
  readonly width: number
}

/** The first group decides which columns there are. A later group makes them wider where all of them still fit. */
export async function* tableText(
  groups: AsyncIterable<readonly JudgedSlot[]>,
  style: TableStyle,
): AsyncGenerator<string, void, undefined> {
  const limit = style.columns ?? Number.POSITIVE_INFINITY
  const cellTexts: CellTexts = { ...factTexts(style.fields), ...CELL_TEXTS }
  let columns: readonly TableColumn[] = [...Object.keys(CELL_TEXTS), ...style.fields]
    .filter((head) => head !== 'TASK' || style.withTask)
    .map((head) => ({ head, width: printable(head).length }))
  let isFirst = true
  for await (const slots of groups) {
    const cells = columns.map(({ head }) => slots.map((one) => printable(cellTexts[head]?.(one) ?? '')))
    const wider = columns.map(({ head, width }, index) => ({ head, width: widest(width, cells[index] ?? []) }))
    if (isFirst) columns = fitted(wider, limit)
    else if (widthOfAll(wider) <= limit) columns = wider
    const byHead = new Map(wider.map(({ head }, index) => [head, cells[index] ?? []]))
    const lines = slots.map((_, index) => lineOf(columns, ({ head }) => byHead.get(head)?.[index] ?? '', style))
    if (isFirst) lines.unshift(lineOf(columns, ({ head }) => printable(head), style))
    yield lines.map((line) => `${line}\n`).join('')
    isFirst = false
  }
  yield `${isFirst ? printable(await style.nothing()) : style.total()}\n`
}

function lineOf(
  columns: readonly TableColumn[],
  cellOf: (column: TableColumn) => string,
  { color }: TableStyle,
): string {
  const cells = columns.map((column): TableCell => {
    const text = cellOf(column)
    const isRight = NUMBERS.includes(column.head) || (!Object.hasOwn(CELL_TEXTS, column.head) && NUMBER.test(text))
    return color && column.head === 'STATUS' ? { text, color: colorOfStatus(text) } : { text, isRight }
  })
  return tableLine(
    cells,
    columns.map(({ width }) => width),
  )
}

function fitted(wished: readonly TableColumn[], limit: number): readonly TableColumn[] {
  const withTask = (columns: readonly TableColumn[], width: number) =>
    columns.map((column) => (column.head === 'TASK' ? { ...column, width: Math.min(column.width, width) } : column))
  if (widthOfAll(wished) <= limit) return wished
  let columns = withTask(wished, LONG_TASK)
  for (const head of LEFT_OUT_FIRST) {
    if (widthOfAll(columns) > limit) columns = columns.filter((column) => column.head !== head)
  }
  const others = widthOfAll(withTask(columns, 0))
  return withTask(columns, Math.max(SHORT_TASK, limit - others))
}

function widthOfAll(columns: readonly TableColumn[]): number {
  return lineWidthOf(columns.map(({ width }) => width))
}

function widest(width: number, cells: readonly string[]): number {
  return Math.max(width, widthOf(cells))
}

/** Counts slots for the line below a table: `21 slots: 20 completed (2 repaired), 1 failed; 3 rejected`. */
export function openTotal() {
  const counts = new Map<Status, number>()
  let [slots, repaired, count, refused] = [0, 0, 0, 0]
  return {
    add({ status, own }: JudgedSlot): void {
      slots += 1
      if (status !== null) counts.set(status, (counts.get(status) ?? 0) + 1)
      if (own === null) return
      if (status === 'completed' && isRepaired(own)) repaired += 1
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
