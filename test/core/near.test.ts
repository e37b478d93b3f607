import { expect, test } from 'vitest'
import { isNear, nearestFew } from '../../src/core/near.ts'

test.each([
  ['tokyo', 'tokio'],
  ['@midnight', '@midnigth'],
  ['rome', 'roma'],
])('%j and %j differ by a slip or two', (one, other) => {
  expect(isNear(one, other)).toBe(true)
})

test.each([
  ['lima', 'riga'],
  ['et', 'ct'],
  ['singapore', 'singling'],
])('%j and %j are different names: a slip in a short name counts more', (one, other) => {
  expect(isNear(one, other)).toBe(false)
})

test.each([
  ['nightlyy', ['nightly', 'nightly-2']],
  ['Nightly', ['nightly', 'nightly-2']],
  ['invoices', ['billing/invoices']],
  ['billing/invoice', ['billing/invoices']],
  ['ngihtly', ['nightly']],
  ['x', []],
  ['something-else', []],
])('names that were perhaps meant by %s', (given, near) => {
  expect(nearestFew(given, ['billing/invoices', 'nightly', 'nightly-2', 'sync'], 5)).toEqual(near)
})

test('no more names than asked for, and the nearest of them', () => {
  const names = Array.from({ length: 100 }, (_, index) => `task-${index}`)
  expect(nearestFew('task-7', names, 3)[0]).toBe('task-7')
  expect(nearestFew('task-7', names, 3)).toHaveLength(3)
})
