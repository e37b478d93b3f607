import { expect, test } from 'vitest'
import { factLines } from '../../../src/web/browser/facts.ts'

const kinds = (label: string, words: readonly string[] = ['c', 'failed']) =>
  factLines(label, words).map(({ kind, text }) => `${kind}: ${text}`)

test('a fact is a line, and a local time is followed by UTC', () => {
  expect(
    kinds('billing/invoices; 2026-11-25 03:00 +09:00 Asia/Tokyo; failed (exit code 1); 14m 2s; 2 duplicates'),
  ).toEqual([
    'text: billing/invoices',
    'local: 2026-11-25 03:00 +09:00 Asia/Tokyo',
    'utc: 2026-11-24 18:00 UTC',
    'status: failed (exit code 1)',
    'text: 14m 2s',
    'text: 2 duplicates',
  ])
})

test('a range, and a time after other words, stay whole in UTC', () => {
  const day = '2026-11-25'
  expect(kinds(`${day} 21:00 to 2026-11-26 01:00 +09:00 Asia/Tokyo`)[1]).toBe('utc: 2026-11-25 12:00 to 16:00 UTC')
  expect(kinds(`${day} 08:00 to 12:00 +09:00 Asia/Tokyo`)[1]).toBe('utc: 2026-11-24 23:00 to 2026-11-25 03:00 UTC')
  expect(kinds(`first failed: ${day} 21:00 +09:00`)[1]).toBe('utc: first failed: 2026-11-25 12:00 UTC')
  expect(kinds('2026-99-25 21:00 +09:00')).toHaveLength(1)
})

test('seconds are shown where they are not zero', () => {
  expect(kinds('2026-11-25 03:00:05 -03:30')).toContain('utc: 2026-11-25 06:30:05 UTC')
})

test('a time in UTC, or without an offset, stands alone', () => {
  expect(kinds('nightly; 2026-11-25 03:00 UTC')).toEqual(['text: nightly', 'text: 2026-11-25 03:00 UTC'])
  expect(kinds('nightly; 2026-11-25')).toEqual(['text: nightly', 'text: 2026-11-25'])
})

test('a name that contains the word of the status is a name', () => {
  expect(kinds('failed-mails; failed')).toEqual(['text: failed-mails', 'status: failed'])
  expect(kinds('nightly; 2026-11-25; 1 failed, 2 completed')).toContain('status: 1 failed, 2 completed')
})
