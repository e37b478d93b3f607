import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { lineWidthOf, tableLine } from '../../src/format/history-table.ts'

describe('a line of a table', () => {
  test('holds its cells in their widths, and has no space at its end', () => {
    expect(tableLine(['a', 'bc', ''], [3, 2, 5])).toBe('a    bc')
    expect(tableLine(['', '', 'x'], [3, 2, 5])).toBe('         x')
    expect(tableLine(['', ''], [3, 2])).toBe('')
    expect(lineWidthOf([3, 2, 5])).toBe(14)
  })

  test.each([
    ['夜間バッチ', 10, '夜間バッチ|'],
    ['夜間バッチ', 9, '夜間バッ…|'],
    // Half of a wide character does not fit: the room stays empty.
    ['夜間バッチ', 8, '夜間バ… |'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…|'],
    ['👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3, '👩‍👩‍👧‍👦…|'],
    ['long', 1, '…|'],
  ])('%s in %i columns', (text, width, expected) => {
    const line = tableLine([text, '|'], [width, 1])
    expect(line.replace('  |', '|')).toBe(expected)
    expect(stringWidth(line)).toBe(width + 3)
  })

  test('has colour that takes no room', () => {
    const painted = (cell: string, index: number) => (index === 0 ? `\u001b[31m${cell}\u001b[0m` : cell)
    expect(tableLine(['ab', 'c'], [3, 1], painted)).toBe('\u001b[31mab\u001b[0m   c')
  })
})
