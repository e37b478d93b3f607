import { expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../../src/core/task/findings.ts'
import { STATUSES } from '../../../../src/core/types.ts'
import { MARKS, MOST_URGENT_FIRST, needsAttention, rejectedText } from '../../../../src/web/views/frame/marks.ts'
import { rowWith, SUCCEEDED } from '../../../support/rows.ts'

test('each status has a sign and a word of its own', () => {
  const marks = STATUSES.map((status) => MARKS[status])
  expect(new Set(marks.map(({ sign }) => sign)).size).toBe(STATUSES.length)
  expect(new Set(marks.map(({ word }) => word)).size).toBe(STATUSES.length)
})

test('a slot with a status that is a finding of check needs attention, and is shown before all others', () => {
  expect(MOST_URGENT_FIRST.slice(0, 4)).toEqual(['failed', 'stale', 'missed', 'overdue'])
  expect(STATUSES.filter(needsAttention).toSorted()).toEqual(MOST_URGENT_FIRST.slice(0, 4).toSorted())
  // A slot that started late is a finding too. It is not a status.
  const { late: _, ...kinds } = NO_FINDINGS
  expect(Object.keys(kinds).toSorted()).toEqual(STATUSES.filter(needsAttention).toSorted())
  expect(MOST_URGENT_FIRST.at(-1)).toBe('completed')
})

test('duplicates and refusals are counted apart', () => {
  const at = rowWith({ ending: SUCCEEDED })
  expect(rejectedText(at)).toBe('')
  expect(rejectedText({ ...at, rejections: { ...at.rejections, count: 2, refused: 1 } })).toBe('1 duplicate, 1 refused')
})
