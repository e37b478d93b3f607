import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { tableLine } from '../../src/format/table.ts'

const lineOf = (texts: readonly string[], widths: readonly number[]) =>
  tableLine(
    texts.map((text) => ({ text })),
    widths,
  )

test('a line of a table holds its cells in their widths, and has no space at its end', () => {
  expect(lineOf(['a', 'bc', ''], [3, 2, 5])).toBe('a    bc')
  expect(lineOf(['', '', 'x'], [3, 2, 5])).toBe('         x')
  expect(lineOf(['', ''], [3, 2])).toBe('')
})

test.each([
  ['夜間バッチ', 10, '夜間バッチ|'],
  ['夜間バッチ', 9, '夜間バッ…|'],
  // Half of a wide character does not fit: the room stays empty.
  ['夜間バッチ', 8, '夜間バ… |'],
  ['e\u0301e\u0301e\u0301', 2, 'e\u0301…|'],
  ['👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3, '👩‍👩‍👧‍👦…|'],
  ['long', 1, '…|'],
])('a line of a table: %s in %i columns', (text, width, expected) => {
  const line = lineOf([text, '|'], [width, 1])
  expect(line.replace('  |', '|')).toBe(expected)
  expect(stringWidth(line)).toBe(width + 3)
})

test('a line of a table has colour that takes no room', () => {
  expect(tableLine([{ text: 'ab', color: 31 }, { text: 'c' }], [3, 1])).toBe('\u001b[31mab\u001b[0m   c')
})

test('a line of a table has numbers at the right', () => {
  expect(
    tableLine(
      [
        { text: '7', isRight: true },
        { text: '12', isRight: true },
      ],
      [3, 4],
    ),
  ).toBe('  7    12')
})
