import stringWidth from 'string-width'
import { isKeyOf } from '../core/objects.ts'
import type { Status } from '../core/types.ts'
import type { CommandWords } from '../verdict/command.ts'
import type { SlotMark } from '../verdict/judge.ts'
import type { Step } from '../verdict/steps.ts'
import { commandParts, stepLines } from './command-line.ts'
import { printable } from './text.ts'

export interface Screen {
  /** The width of the terminal. Null when the output is not a terminal, so that a line may have any length. */
  readonly columns: number | null
  readonly color: boolean
}

export const RED = 31
export const YELLOW = 33
const GREEN = 32
const CYAN = 36
const COLORS: Readonly<Partial<Record<Status | `completed, ${SlotMark}`, number>>> = {
  completed: GREEN,
  'completed, repaired': YELLOW,
  'completed, marked': YELLOW,
  failed: RED,
  stale: RED,
  missed: RED,
  overdue: RED,
  running: CYAN,
  waiting: CYAN,
  skipped: YELLOW,
}

export function painted(text: string, color: number | undefined): string {
  return color === undefined ? text : `\u001b[${color}m${text}\u001b[0m`
}

export function colorOfStatus(status: string): number | undefined {
  return isKeyOf(status, COLORS) ? COLORS[status] : undefined
}

// Only spaces separate the columns. This is readable on a terminal, and easy to cut in a pipe.

const GAP = 2
const GRAPHEMES = new Intl.Segmenter('en')

export interface TableCell {
  readonly text: string
  readonly color?: number | undefined
  /** A number is at the right end of its column. */
  readonly isRight?: boolean
}

export function tableLine(cells: readonly TableCell[], widths: readonly number[]): string {
  const last = cells.findLastIndex(({ text }) => text !== '')
  const texts = cells.slice(0, last + 1).map(({ text, color, isRight = false }, index) => {
    const shown = cut(text, widths[index] ?? 0)
    const room = ' '.repeat((widths[index] ?? 0) - stringWidth(shown))
    if (isRight) return room + painted(shown, color)
    return painted(shown, color) + (index === last ? '' : room)
  })
  return texts.join(' '.repeat(GAP))
}

export interface Column<Source> {
  readonly heading: string
  readonly text: (source: Source) => string
  readonly color?: (text: string, source: Source) => number | undefined
  /** A number is at the right end of its column. */
  readonly isRight?: (text: string) => boolean
  /** A narrow terminal leaves out these columns, 1 first. */
  readonly leftOut?: number
  /** Its texts are cut to the first width before a column is left out, and then at most to the second one. */
  readonly cutTo?: readonly [first: number, least: number]
  /** A narrow terminal has it on a line of its own below the others, before it leaves out any. */
  readonly isBelow?: true
}

export interface ShownColumn<Source> {
  readonly column: Column<Source>
  readonly width: number
}

type Cells<Source> = ReadonlyMap<Column<Source>, readonly TableCell[]>

export function filledColumns<Source>(columns: readonly ShownColumn<Source>[], sources: readonly Source[]) {
  const cells = new Map(
    columns.map(({ column }) => {
      const texts = sources.map((source) => printable(column.text(source)))
      const cellOf = (text: string, index: number): TableCell => {
        const color = sources[index] && column.color?.(text, sources[index])
        return { text, color, isRight: column.isRight?.(text) ?? false }
      }
      return [column, texts.map(cellOf)]
    }),
  )
  const widest = (column: Column<Source>) => widthOf((cells.get(column) ?? []).map(({ text }) => text))
  const wider = columns.map(({ column, width }) => ({ column, width: Math.max(width, widest(column)) }))
  return { wider, cells }
}

export function headedColumns<Source>(columns: readonly Column<Source>[]): readonly ShownColumn<Source>[] {
  return columns.map((column) => ({ column, width: widthOf([printable(column.heading)]) }))
}

/** Returns those that fit the screen. The columns that were cut share the room that is left, the first one first. */
export function fittedColumns<Source>(wished: readonly ShownColumn<Source>[], limit: number) {
  if (widthOfColumns(wished) <= limit) return wished
  const cut = (columns: typeof wished, which: 0 | 1) =>
    columns.map(({ column, width }) => ({ column, width: Math.min(width, column.cutTo?.[which] ?? width) }))
  const isTooWide = (columns: typeof wished) => widthOfColumns(cut(columns, 0)) > limit
  const order = wished.flatMap(({ column }) => column.leftOut ?? []).sort((one, other) => one - other)
  let columns = wished.filter(({ column }) => !column.isBelow)
  for (const next of order) if (isTooWide(columns)) columns = columns.filter(({ column }) => column.leftOut !== next)
  const least = cut(columns, isTooWide(columns) ? 1 : 0)
  let room = Math.max(0, limit - widthOfColumns(least))
  return least.map(({ column, width }, index) => {
    const more = Math.min(room, (columns[index]?.width ?? width) - width)
    room -= more
    return { column, width: width + more }
  })
}

export function widthOfColumns(columns: readonly ShownColumn<never>[]): number {
  return columns.reduce((sum, { width }) => sum + width, GAP * Math.max(0, columns.length - 1))
}

export function headingLine<Source>(columns: readonly ShownColumn<Source>[]): string {
  const cells = columns.map(({ column: { heading, isRight } }) => {
    const text = printable(heading)
    return { text, isRight: isRight?.(text) ?? false }
  })
  return tableLine(
    cells,
    columns.map(({ width }) => width),
  )
}

export function columnLines<Source>(
  columns: readonly ShownColumn<Source>[],
  cells: Cells<Source>,
  { color, columns: screenColumns }: Screen,
): readonly string[] {
  const widths = columns.map(({ width }) => width)
  const shown = columns.map(({ column }) => cells.get(column) ?? [])
  const below = [...cells].filter(([one]) => one.isBelow && !columns.some(({ column }) => column === one))
  return (shown[0] ?? []).flatMap((_, index) => {
    const line = shown.flatMap((texts) => texts[index] ?? [])
    const more = below.flatMap(([, texts]) => texts[index]?.text || [])
    return [
      tableLine(color ? line : line.map((cell) => ({ ...cell, color: undefined })), widths),
      ...more.flatMap((text) => hangingLines('  ', text, screenColumns)),
    ]
  })
}

export function leftOutLines<Source>(
  all: readonly Column<Source>[],
  shown: readonly ShownColumn<Source>[],
  screen: Screen,
): readonly string[] {
  const isLeftOut = (one: Column<Source>) => !one.isBelow && !shown.some(({ column }) => column === one)
  const names = all.filter(isLeftOut).map(({ heading }) => heading)
  if (names.length === 0) return []
  return brokenLines(printable(`No room for the columns: ${names.join(', ')}`).split(' '), screen.columns)
}

/** Never splits a grapheme, which a reader sees as one character. */
export function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let left = width - 1
  let shown = ''
  for (const { segment } of GRAPHEMES.segment(text)) {
    left -= stringWidth(segment)
    if (left < 0) break
    shown += segment
  }
  return `${shown}…`
}

/**
 * Returns the words as lines that fit the screen, each with this indent and the later ones also with `hanging`. `joint` ends
 * a line that goes on in the next one. A word that is wider than the screen stays whole.
 */
export function brokenLines(words: readonly string[], columns: number | null, indent = '', joint = '', hanging = '  ') {
  const [first = '', ...others] = words
  const lines = [`${indent}${first}`]
  for (const word of others) {
    const line = `${lines.at(-1)} ${word}`
    if (columns === null || stringWidth(line + joint) <= columns) lines[lines.length - 1] = line
    else lines.push(`${lines.pop()}${joint}`, `${indent}${hanging}${word}`)
  }
  return lines
}

export function hangingLines(label: string, text: string, columns: number | null): readonly string[] {
  const lines = brokenLines(printable(text).split(' '), columns && columns - label.length)
  return lines.map((line, index) => (index === 0 ? label : ' '.repeat(label.length)) + line)
}

/** Returns the steps after the owner and the cautions. If a line is too wide, each command begins on a line of its own. */
export function stepsOnScreen(
  owner: string | undefined,
  cautions: readonly string[],
  steps: readonly Step[],
  columns: number | null,
): readonly string[] {
  const texts = (some: readonly string[]) =>
    some.flatMap((text) => brokenLines(printable(text).split(' '), columns, '  '))
  const lines = stepLines(steps).map(printable)
  const isNarrow = columns !== null && widthOf(lines) > columns
  return [
    ...texts([...(owner === undefined ? [] : [`owner: ${owner}`]), ...cautions]),
    ...(isNarrow
      ? [
          ...steps.flatMap(({ what, command }) => [`  ${printable(what)}:`, ...commandLines(command, columns, '    ')]),
          ...texts(steps.flatMap(({ note }) => note ?? [])),
        ]
      : lines),
  ]
}

export function commandLines(command: CommandWords, columns: number, indent: string): readonly string[] {
  return brokenLines(commandParts(command).map(printable), columns, indent, ' \\')
}

export function widthOf(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, stringWidth(text)), 0)
}
