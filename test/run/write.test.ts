import { expect, test } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/process/clock.ts'
import { untilAnswered } from '../../src/run/write.ts'

const denied = new LedgerError('denied', 'no UpdateItem')
const lost = new LedgerError('unreachable', 'no answer')

/** Asks until the deadline, which comes during the last try. The tries fail with these errors. */
function askUntilTheDeadline(...errors: readonly LedgerError[]) {
  const deadline = new AbortController()
  const left = [...errors]
  const ask = async () => {
    const error = left.shift() ?? lost
    if (left.length === 0) deadline.abort()
    throw error
  }
  const clock = { ...systemClock, wait: async () => {} }
  return untilAnswered(ask, { clock, random: () => 0 }, { signal: deadline.signal, retry: 'any' })
}

test('a try that the deadline cuts short does not hide the answer before it', async () => {
  expect(await askUntilTheDeadline(denied, lost)).toMatchObject({ kind: 'unanswered', cause: denied })
  expect(await askUntilTheDeadline(lost, denied, lost)).toMatchObject({ cause: denied })
})

test('a ledger that was denied first, and then did not answer in time, did not answer', async () => {
  expect(await askUntilTheDeadline(denied, lost, lost)).toMatchObject({ cause: lost })
  expect(await askUntilTheDeadline(lost)).toMatchObject({ cause: lost })
})
