import { expect, test } from 'vitest'
import { endedAttempts, openAttempt } from '../../src/core/row/attempts.ts'
import type { AttemptRecord, Row } from '../../src/core/types.ts'
import { closed, pending, rowWith, SUCCEEDED } from '../support/rows.ts'

// The compiler checks this file: it reports a line below `@ts-expect-error` that has no error.

const PENDING = pending(rowWith({}))
const CLOSED = closed(rowWith({ ending: SUCCEEDED }))
const RUNNING = openAttempt(PENDING)

test('an attempt cannot have the members of another phase', () => {
  const wrong: readonly AttemptRecord[] = [
    // @ts-expect-error: an attempt that waits has no exit code
    { ...RUNNING, phase: 'waiting', exitCode: 0 },
    // @ts-expect-error: an attempt that runs has no end
    { ...RUNNING, phase: 'running', endedAt: 0 },
    // @ts-expect-error: an attempt that runs has no outcome
    { ...RUNNING, phase: 'running', outcome: 'failed' },
    // @ts-expect-error: an attempt that has ended has an outcome
    { ...RUNNING, phase: 'ended' },
  ]
  expect(wrong).toHaveLength(4)
})

test('the state of a row agrees with its attempts and its lease', () => {
  const wrong: readonly Row[] = [
    // @ts-expect-error: a PENDING row has a lease
    { ...PENDING, leaseUntil: null },
    // @ts-expect-error: a PENDING row has an open attempt
    { ...PENDING, attempts: endedAttempts(CLOSED) },
    // @ts-expect-error: nothing runs in a COMPLETED row
    { ...CLOSED, attempts: [RUNNING] },
    // @ts-expect-error: a FAILED row has no lease
    { ...CLOSED, state: 'FAILED', leaseUntil: 0 },
    // @ts-expect-error: a PENDING row is not closed
    { ...CLOSED, state: 'PENDING' },
  ]
  expect(wrong).toHaveLength(5)
})
