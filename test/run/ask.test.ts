import { expect, test } from 'vitest'
import { LedgerError } from '../../src/core/errors.ts'
import { systemClock } from '../../src/process/clock.ts'
import { askWithin, Unanswered } from '../../src/run/ask.ts'

const denied = new LedgerError('denied', 'no UpdateItem')
const lost = new LedgerError('unreachable', 'no answer')

/** Asks until the deadline, which comes during the last try. The tries fail with these errors. Returns the error. */
function askUntilTheDeadline(...errors: readonly LedgerError[]) {
  const deadline = new AbortController()
  const left = [...errors]
  const request = async () => {
    const error = left.shift() ?? lost
    if (left.length === 0) deadline.abort()
    throw error
  }
  const limit = { ms: 60_000, signals: [deadline.signal], retry: 'any' } as const
  const wait = async (ms: number, signal?: AbortSignal) => (ms === limit.ms ? systemClock.wait(ms, signal) : undefined)
  const clock = { ...systemClock, wait }
  return askWithin(limit, { clock, random: () => 0 }, request).catch((error: unknown) => error)
}

test('a try that the deadline cuts short does not hide the answer before it', async () => {
  expect(await askUntilTheDeadline(denied, lost)).toMatchObject({ kind: 'denied', message: 'no UpdateItem' })
  expect(await askUntilTheDeadline(lost, denied, lost)).toMatchObject({ kind: 'denied' })
})

test('a ledger that was denied first, and then did not answer in time, did not answer', async () => {
  expect(await askUntilTheDeadline(denied, lost, lost)).toMatchObject({ kind: 'unreachable', message: 'no answer' })
  expect(await askUntilTheDeadline(lost)).toBeInstanceOf(Unanswered)
})
