import { expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../../src/core/task/findings.ts'
import { MARKS, MOST_URGENT_FIRST, needsAttention, rejectedText } from '../../../../src/web/views/frame/marks.ts'
import { rowWith, SUCCEEDED } from '../../../support/rows.ts'

test('each mark has a sign and a word of its own', () => {
  const marks = Object.values(MARKS)
  expect(new Set(marks.map(({ sign }) => sign)).size).toBe(marks.length)
  expect(new Set(marks.map(({ word }) => word)).size).toBe(marks.length)
})

test('a finding of check needs attention, and is shown before all others', () => {
  const findings = Object.keys(NO_FINDINGS)
  expect(MOST_URGENT_FIRST.slice(0, findings.length).toSorted()).toEqual(findings.toSorted())
  expect(MOST_URGENT_FIRST.filter(needsAttention)).toEqual(MOST_URGENT_FIRST.slice(0, findings.length))
  expect(MOST_URGENT_FIRST.at(-1)).toBe('completed')
})

test('duplicates and refusals are counted apart', () => {
  const at = rowWith({ ending: SUCCEEDED })
  expect(rejectedText(at)).toBe('')
  expect(rejectedText({ ...at, rejections: { ...at.rejections, count: 2, refused: 1 } })).toBe('1 duplicate, 1 refused')
})
