import { expect, test } from 'vitest'
import { STATUSES } from '../../../../src/core/types.ts'
import { MARKS, MOST_URGENT_FIRST, rejectedText } from '../../../../src/web/views/frame/marks.ts'
import { rowWith, SUCCEEDED } from '../../../support/rows.ts'

test('each status has a sign and a word of its own', () => {
  const marks = STATUSES.map((status) => MARKS[status])
  expect(new Set(marks.map(({ sign }) => sign)).size).toBe(STATUSES.length)
  expect(new Set(marks.map(({ word }) => word)).size).toBe(STATUSES.length)
})

test('a calendar shows what needs attention before all else', () => {
  expect(MOST_URGENT_FIRST.slice(0, 3)).toEqual(['failed', 'stale', 'missed'])
  expect(MOST_URGENT_FIRST.at(-1)).toBe('completed')
})

test('duplicates and refusals are counted apart', () => {
  const at = rowWith({ ending: SUCCEEDED })
  expect(rejectedText(at)).toBe('')
  expect(rejectedText({ ...at, rejections: { ...at.rejections, count: 2, refused: 1 } })).toBe('1 duplicate, 1 refused')
})
