import stringWidth from 'string-width'

// Columns held apart by spaces alone: readable on a terminal, and easy to cut in a pipe.

const GAP = 2
const GRAPHEMES = new Intl.Segmenter('en')

/** How many columns of a terminal a text takes: some characters take two, some none. */
export function widthOf(text: string): number {
  return stringWidth(text)
}

/** The width of a line whose cells have these widths. */
export function lineWidthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * Math.max(0, widths.length - 1))
}

/** The cells of a line, each in its width; `painted` gives a cell its colour, which takes no room. */
export function tableLine(
  cells: readonly string[],
  widths: readonly number[],
  painted: (cell: string, index: number) => string = (cell) => cell,
): string {
  const last = cells.findLastIndex((cell) => cell !== '')
  const texts = cells.slice(0, last + 1).map((cell, index) => {
    const shown = cut(cell, widths[index] ?? 0)
    const room = index === last ? 0 : (widths[index] ?? 0) - widthOf(shown)
    return painted(shown, index) + ' '.repeat(room)
  })
  return texts.join(' '.repeat(GAP))
}

/** The text in at most `width` columns. What a person sees as one character stays whole. */
function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let left = width - 1
  let shown = ''
  for (const { segment } of GRAPHEMES.segment(text)) {
    left -= widthOf(segment)
    if (left < 0) break
    shown += segment
  }
  return `${shown}…`
}
