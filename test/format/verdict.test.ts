import { expect, test } from 'vitest'
import { nextTriggerText, sentenceText } from '../../src/format/verdict.ts'

const at = (text: string) => ({ at: Date.parse(text) })

test('a time in a sentence has its date where the time before it has another one', () => {
  const sentence = ['changed between ', at('2026-11-26T16:00:00Z'), ' and ', at('2026-11-28T12:00:00Z')]
  expect(sentenceText(sentence, Date.parse('2026-11-28T03:00:00Z'), 'UTC')).toBe(
    'changed between 2026-11-26 16:00:00 and 2026-11-28 12:00:00',
  )
})

test('a refusal counts the attempts only if none is left: the slot in the range of a later run has some', () => {
  const refused = (attempts: number) => nextTriggerText({ nextTrigger: 'refused', attempts, maxAttempts: 1 })
  expect([refused(0), refused(1)]).toEqual(['is refused', 'is refused (1 of 1 attempts used)'])
})
