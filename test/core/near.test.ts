import { expect, test } from 'vitest'
import { isNear } from '../../src/core/near.ts'

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
