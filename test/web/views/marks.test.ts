import { expect, test } from 'vitest'
import type { Ending } from '../../../src/core/types.ts'
import { markOf, rejectedText, type SlotRecord } from '../../../src/web/views/marks.ts'
import { closed, FAILED, LEASE_MS, NOW, rowWith, SUCCEEDED } from '../../support/rows.ts'

const settings = { now: NOW, skewMs: 30_000, graceMs: 900_000 }
const row = (ending?: Ending) => rowWith(ending === undefined ? {} : { ending })
const slot = row().slot

test.each<[string, SlotRecord, Partial<typeof settings>]>([
  ['completed', { slot, row: row(SUCCEEDED) }, {}],
  ['failed', { slot, row: row(FAILED) }, {}],
  ['running', { slot, row: row() }, {}],
  ['running', { slot, row: row() }, { now: NOW + LEASE_MS + 30_000 }],
  ['stale', { slot, row: row() }, { now: NOW + LEASE_MS + 30_001 }],
  ['skipped', { slot, row: { ...closed(row(SUCCEEDED)), state: 'SKIPPED' } }, {}],
  ['unknown', { slot, row: { task: 'nightly', slot, schemaVersion: 9, newerSchema: true } }, {}],
  ['next', { slot, row: null }, { now: slot - 1 }],
  ['due', { slot, row: null }, { now: slot }],
  ['due', { slot, row: null }, { now: slot + 899_999 }],
  ['missed', { slot, row: null }, { now: slot + 900_000 }],
])('%s', (mark, record, more) => {
  expect(markOf(record, { ...settings, ...more })).toBe(mark)
})

test('rejections are told apart', () => {
  const at = row(SUCCEEDED)
  expect(rejectedText(at)).toBe('')
  expect(rejectedText({ ...at, rejections: { ...at.rejections, count: 2, refused: 1 } })).toBe('1 duplicate, 1 refused')
})
