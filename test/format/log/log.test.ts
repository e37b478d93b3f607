import { describe, expect, test } from 'vitest'
import type { RunContext, RunEvent } from '../../../src/core/event.ts'
import type { RefusalCause, Row } from '../../../src/core/types.ts'
import { logLine } from '../../../src/format/log/log.ts'
import { FAILED, FORCED, lastWaiting, NOT_STARTED, NOW, rowWith, SCHEDULED, SUCCEEDED } from '../../support/rows.ts'

const CONTEXT: RunContext = {
  task: 'nightly',
  window: { slot: Date.parse('2026-11-24T03:00:00Z'), end: null },
  schedule: { expression: '0 3 * * *', zone: 'UTC' },
  runId: 'me',
  trigger: SCHEDULED,
  host: { host: 'host-b' },
  store: 'dynamodb:ledger',
  guards: {},
}
const json = (event: RunEvent, context: Partial<RunContext> = {}) =>
  JSON.parse(logLine(event, { ...CONTEXT, ...context }, 'json', NOW) ?? '')
const text = (event: RunEvent) => logLine(event, CONTEXT, 'text', NOW)

test('a duplicate names the winner: run id, host, when it started and ended, its state', () => {
  const event = { event: 'duplicate', cause: 'completed', row: rowWith({ ending: SUCCEEDED }), noted: true } as const
  expect(json(event)).toMatchObject({
    event: 'duplicate',
    task: 'nightly',
    slot: '2026-11-24T03:00:00Z',
    runId: 'me',
    host: 'host-b',
    source: 'event-time',
    latenessMs: 5_000,
    winner: {
      state: 'COMPLETED',
      runId: 'run-1',
      host: 'host',
      startedAt: '2026-11-24T03:00:05Z',
      endedAt: '2026-11-24T03:00:06Z',
    },
  })
  expect(text(event)).toBe(
    'cronledger: nightly 2026-11-24T03:00:00Z: duplicate, nothing started: attempt 1 succeeded (run run-1 on host, 2026-11-24T03:00:05Z to 2026-11-24T03:00:06Z)',
  )
})

describe('a refusal says what a person can do next, as a command', () => {
  const slot = "--store dynamodb:ledger --task nightly --schedule '0 3 * * *' --timezone UTC"
  for (const [cause, command] of [
    ['failed', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason WHY -- COMMAND`],
    ['stale', `cronledger resolve ${slot} --slot 2026-11-24T03:00:00Z --state completed --reason WHY`],
    ['tooLate', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason WHY -- COMMAND`],
    ['tooManyAttempts', `cronledger resolve ${slot}`],
    ['running', `cronledger show ${slot} --slot 2026-11-24T03:00:00Z`],
    ['survivor', 'kill 7'],
    ['scheduleMismatch', "cronledger explain --schedule '0 3 * * *' --timezone UTC --at 2026-11-24T03:00:05Z"],
    ['noRow', `cronledger show ${slot} --slot 2026-11-24T03:00:00Z`],
    ['newerAttempt', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason WHY -- COMMAND`],
    ['newerRow', 'npm install cronledger@latest'],
  ] as ReadonlyArray<[RefusalCause, string]>) {
    test(cause, () => {
      const row = rowWith({ trigger: FORCED, ending: FAILED })
      const survivor = { pid: 7, command: 'sleep' }
      expect(json({ event: 'refused', cause, row, survivor, noted: true }).todo).toContain(command)
      expect(json({ event: 'refused', cause, row: null, survivor, noted: false }).message).not.toMatch(/undefined|null/)
    })
  }
})

describe('the refusal of a force that was asked for before a newer attempt names that attempt', () => {
  const refusal = (row: Row) =>
    json({ event: 'refused', cause: 'newerAttempt', row, survivor: null, noted: true }).message

  test('also where its end is not known', () => {
    expect(refusal(rowWith({ ending: FAILED }, {}))).toMatch(
      /: attempt 2 \(run run-2 .*\) began after this was asked for;/,
    )
  })

  test('also where a later one was claimed and never started', () => {
    const row = rowWith({ ending: FAILED }, { ending: FAILED }, { ending: NOT_STARTED })
    expect(refusal(row)).toMatch(/: attempt 2 \(run run-2 .*\) began after this was asked for, and failed/)
    const waits = lastWaiting(rowWith({ ending: FAILED }, { ending: FAILED }, {}))
    expect(refusal(waits)).toMatch(/: attempt 2 /)
  })
})

describe('what keeps the run apart from others is in the command too', () => {
  const holder = { slot: Date.parse('2026-11-23T03:00:00Z'), runId: 'other' }
  for (const cause of ['overlap', 'failed', 'stale', 'tooLate'] as const) {
    test(cause, () => {
      const event = { event: 'refused', cause, row: null, survivor: null, holder, noted: true } as const
      const todo = (guards: RunContext['guards']) => json(event, { guards }).todo
      const slot = '--slot 2026-11-24T03:00:00Z'
      expect(todo({ overlap: 'wait' })).toContain(`rerun --store dynamodb:ledger`)
      expect(todo({ overlap: 'wait' })).toContain(`${slot} --overlap wait --reason WHY -- COMMAND`)
      expect(todo({ onLeaseLost: 'stop', skewMs: 300_000 })).toContain(
        `${slot} --skew 5m --on-lease-lost stop --reason`,
      )
      expect(todo({})).toContain(`${slot} --reason WHY`)
    })
  }

  test('the holder of the overlap lock need not run: it may wait for its retry', () => {
    const event = { event: 'refused', cause: 'overlap', row: null, survivor: null, holder, noted: true } as const
    expect(text(event)).toMatch(
      /: refused, nothing started: slot 2026-11-23T03:00:00Z \(run other\) has the task's turn; /,
    )
  })
})

test('what was not started took no time', () => {
  const attempt = rowWith({}).attempts[0]
  if (attempt === undefined) throw new Error('no attempt')
  const event = { event: 'ended', attempt, ending: NOT_STARTED, durationMs: 0.2, finish: 'recorded' } as const
  expect(text(event)).toBe('cronledger: nightly 2026-11-24T03:00:00Z: attempt 1 was not started')
  expect(json(event)).not.toHaveProperty('durationMs')
})

test('an outcome that is not on record says so, and why', () => {
  const attempt = rowWith({}).attempts[0]
  if (attempt === undefined) throw new Error('no attempt')
  const ended = { event: 'ended', attempt, ending: SUCCEEDED, durationMs: 12_345.6 } as const
  expect(json({ ...ended, finish: 'recorded' })).toMatchObject({
    event: 'completed',
    level: 'info',
    durationMs: 12_346,
  })
  expect(json({ ...ended, finish: 'unanswered', finishCause: 'no answer' })).toMatchObject({
    event: 'unrecorded',
    level: 'error',
    message: 'attempt 1 succeeded after 12s; this may not be on record: no answer',
  })
})

test('text is one line, and safe on a terminal', () => {
  const line = text({ event: 'warning', message: 'a\nb\u001b[31mc\u202e' })
  expect(line).toBe('cronledger: nightly 2026-11-24T03:00:00Z: a\\u000ab\\u001b[31mc\\u202e')
})

test('quiet keeps what a person is needed for', () => {
  const duplicate = {
    event: 'duplicate',
    cause: 'completed',
    row: rowWith({ ending: SUCCEEDED }),
    noted: true,
  } as const
  expect(logLine(duplicate, CONTEXT, 'quiet', NOW)).toBe(null)
  expect(logLine({ event: 'lease-lost', cause: 'taken' }, CONTEXT, 'quiet', NOW)).toMatch(/another run took/)
  expect(logLine({ event: 'lease-lost', cause: 'deleted' }, CONTEXT, 'quiet', NOW)).toMatch(
    /row of the slot was deleted/,
  )
})
