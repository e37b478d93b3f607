import { expect, test } from 'vitest'
import { shareAnswers } from '../../../src/web/server/shared.ts'

function handClock() {
  const hand = { ms: 0 }
  return { hand, clock: { now: () => hand.ms, monotonicMs: () => hand.ms, wait: async () => {} } }
}

test('those who ask at the same time get one answer, and so do those who ask soon after', async () => {
  const { hand, clock } = handClock()
  const shared = shareAnswers<number>(clock)
  let made = 0
  const make = async () => {
    made += 1
    hand.ms += 10
    return made
  }
  expect(await Promise.all([shared('a', make), shared('a', make)])).toEqual([1, 1])
  hand.ms += 50
  expect(await shared('a', make)).toBe(1)
  hand.ms += 1
  expect(await shared('a', make)).toBe(2)
  expect(await shared('b', make)).toBe(3)
})

test('an error is not kept', async () => {
  const shared = shareAnswers<number>(handClock().clock)
  await expect(shared('a', () => Promise.reject(new Error('gone')))).rejects.toThrow('gone')
  expect(await shared('a', async () => 1)).toBe(1)
})

test('memory holds the latest answers only', async () => {
  const shared = shareAnswers<string>(handClock().clock)
  for (let index = 0; index < 11; index += 1) await shared(`${index}`, async () => 'first')
  expect(await shared('10', async () => 'second')).toBe('first')
  expect(await shared('0', async () => 'second')).toBe('second')
})
