import stringWidth from 'string-width'

// Only spaces separate the columns. This is readable on a terminal, and easy to cut in a pipe.

const GAP = 2
const GRAPHEMES = new Intl.Segmenter('en')

/** Returns how many columns of a terminal a text takes. Some characters take two columns, and some take none. */
export function widthOf(text: string): number {
  return stringWidth(text)
}

/** Returns the width of a line whose cells have these widths. */
export function lineWidthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * Math.max(0, widths.length - 1))
}

/**
 * Returns a line with each cell padded or cut to its width. `painted` adds the colour to a cell, which takes no space.
 */
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

/**
 * Returns the text cut to at most `width` columns. It never splits a grapheme, which a reader sees as one character.
 */
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
