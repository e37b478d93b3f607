import { expect, test } from 'vitest'
import type { RunContext, RunEvent } from '../../../src/core/event.ts'
import { logLine } from '../../../src/format/log/log.ts'
import { FARGATE } from '../../support/aws/ecs.ts'
import { CONTEXT, endedEvent, FAILED, NOT_STARTED, NOW, PAUSE, rowWith, SUCCEEDED } from '../../support/rows.ts'

// The catalogue in test/messages has the text of every line.

const json = (event: RunEvent, context: Partial<RunContext> = {}) =>
  JSON.parse(logLine(event, { ...CONTEXT, ...context }, 'json', NOW) ?? '')
const text = (event: RunEvent, context: Partial<RunContext> = {}) =>
  logLine(event, { ...CONTEXT, ...context }, 'text', NOW)
const DUPLICATE = { event: 'duplicate', cause: 'completed', row: rowWith({ ending: SUCCEEDED }), noted: true } as const
const REFUSED = {
  event: 'refused',
  cause: 'failed',
  row: rowWith({ ending: FAILED }),
  survivor: null,
  noted: true,
} as const

test('a duplicate names the winner: run id, host, when it started and ended, its state', () => {
  expect(json(DUPLICATE)).toMatchObject({
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
})

test('a duplicate without an event time may be of a person: its text names the command that runs the slot again', () => {
  const trigger = { kind: 'scheduled', eventTime: NOW, source: 'clock' } as const
  const again =
    /\n {2}to run it again: {2}cronledger rerun --store \S+ --task nightly --slot 2026-11-24T03:00:00Z --status completed --reason 'YOUR REASON' -- YOUR_COMMAND$/
  expect(text(DUPLICATE, { trigger })).toMatch(again)
  expect(json(DUPLICATE, { trigger })).not.toHaveProperty('steps')
  expect(text(DUPLICATE)).not.toContain('rerun')
  expect(text({ ...DUPLICATE, cause: 'skipped' }, { trigger })).not.toContain('rerun')
  expect(text(DUPLICATE, { trigger, place: FARGATE.place })).not.toContain('rerun')
  // Another batch under this name would run in its place.
  expect(text({ ...DUPLICATE, hasOtherCommand: true }, { trigger })).not.toContain('rerun')
})

test('an attempt that starts a little before its slot says so', () => {
  const [attempt] = rowWith({}).attempts
  if (attempt === undefined) throw new Error('the row has no attempt')
  const early = logLine({ event: 'claimed', attempt }, CONTEXT, 'text', CONTEXT.window.slot - 5_000)
  expect(early).toContain('starting attempt 1 (5s before the scheduled time)')
})

test('a slot in a pause names the command that ends the pause, unless it is over', () => {
  const skipped = { event: 'paused', isKept: false, finish: 'recorded', row: rowWith({}) } as const
  const until = (end: number | null) => text({ ...skipped, pause: { ...PAUSE, until: end } })
  expect(until(null)).toContain('cronledger resume')
  expect(until(NOW + 60_000)).toContain('cronledger resume')
  expect(until(NOW)).not.toContain('resume')
})

test('a line as JSON has the answers of the verdict', () => {
  expect(json(DUPLICATE)).toMatchObject({ work: 'done', nextTrigger: 'duplicate' })
  const stale = { ...REFUSED, cause: 'stale', row: rowWith({ ending: { outcome: 'abandoned' } }) } as const
  expect(json(stale, { maxAttempts: 1 })).toMatchObject({
    work: 'unknown',
    nextTrigger: 'refused',
    caution: expect.stringContaining('may still be running'),
    steps: [{}, { what: 'run it again' }, {}],
  })
})

test('what was not started took no time', () => {
  expect(json(endedEvent(NOT_STARTED, { durationMs: 0.2 }))).not.toHaveProperty('durationMs')
  expect(json(endedEvent(FAILED))).toMatchObject({ durationMs: 12_346, level: 'error', event: 'failed' })
  expect(json(endedEvent(SUCCEEDED))).toMatchObject({ level: 'info', event: 'completed' })
  expect(json(endedEvent(SUCCEEDED, { finish: 'lost' }))).toMatchObject({ level: 'error', event: 'unrecorded' })
})

test('a command at the end of an error has no full stop, which would be pasted with it', () => {
  const unusable = { event: 'unusable', detail: 'the folder does not exist. Create it: mkdir -p "/data"' } as const
  expect(text(unusable)).toMatch(/mkdir -p "\/data"$/m)
})

test('the owner of the task is above the next steps, and only where something is to do', () => {
  const owner = { owner: 'the data team' }
  expect(text(REFUSED, owner)).toMatch(/\n {2}owner: the data team\n {2}\S/)
  expect(json(REFUSED, owner)).toMatchObject(owner)
  expect(json(REFUSED)).not.toHaveProperty('owner')
  const retry = { event: 'retry', attempt: 2, delayMs: 1_000 } as const
  expect(text(retry, owner)).not.toMatch(/owner/)
  expect(json(retry, owner)).not.toHaveProperty('owner')
})

test('a line has the local time of the schedule, and its commands have the slot in UTC', () => {
  const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
  expect(text(REFUSED, { schedule })).toMatch(
    /^cronledger: nightly 2026-11-24 12:00 JST: not started: attempt 1 .*\n.* --slot 2026-11-24T03:00:00Z\n/,
  )
})

test('each line of text is safe on a terminal', () => {
  const line = text({ event: 'warning', message: 'a\nb\u001b[31mc\u202e' })
  expect(line).toBe('cronledger: nightly 2026-11-24 03:00 UTC: a\\u000ab\\u001b[31mc\\u202e')
})

test('quiet keeps each event that needs a person', () => {
  expect(logLine(DUPLICATE, CONTEXT, 'quiet', NOW)).toBe(null)
  expect(logLine({ event: 'lease-lost', cause: 'taken' }, CONTEXT, 'quiet', NOW)).toMatch(/another run took over/)
})

test.each([
  ['newerAttempt', 'one that was claimed later never started', [{ ending: FAILED }, { ending: NOT_STARTED }], 1],
  ['stale', 'one that was claimed later never started', [{}, { ending: NOT_STARTED }], 1],
  ['survivor', 'one that reported its end came later', [{ ending: { outcome: 'abandoned' } }, { ending: FAILED }], 1],
  ['running', 'an older one failed', [{ ending: FAILED }, {}], 2],
] as const)('the attempt that a refusal names: %s: although %s', (cause, _, attempts, attempt) => {
  const event = { ...REFUSED, cause, row: rowWith(...attempts) } as const
  expect(json(event)).toMatchObject({ last: { attempt, runId: `run-${attempt}` } })
})
