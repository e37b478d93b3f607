import { expect, test } from 'vitest'
import type { RunContext, RunEvent } from '../../src/core/event.ts'
import type { Row } from '../../src/core/types.ts'
import { commandText } from '../../src/format/command-line.ts'
import { sentenceText } from '../../src/format/verdict.ts'
import { isSaid, verdictOfEvent } from '../../src/verdict/event/event-verdict.ts'
import { neededSteps } from '../../src/verdict/steps.ts'
import {
  CONTEXT,
  endedEvent,
  FAILED,
  FORCED,
  NOT_STARTED,
  NOW,
  PAUSE,
  pending,
  rowWith,
  SKIPPED,
  SUCCEEDED,
} from '../support/rows.ts'

const ONCE = { ...CONTEXT, maxAttempts: 1 }
const STALE: Row = { ...pending(rowWith({})), leaseUntil: NOW - 60_000 }
const holder = { slot: CONTEXT.window.slot - 86_400_000, runId: 'other' }
const refused = (cause: string, row: Row | null = null, more: object = {}) =>
  ({ event: 'refused', cause, row, survivor: null, noted: true, ...more }) as RunEvent
const survivor = (more: object) => refused('survivor', STALE, { survivor: { pid: 4711, command: 'sh', ...more } })
const UNANSWERED = { finish: 'unanswered', finishCause: 'no answer' } as const
const REPETITION = endedEvent(FAILED, {}, rowWith({ ending: SUCCEEDED }, { trigger: FORCED }))
const AFTER_NO_START = rowWith({}, { ending: NOT_STARTED })

function verdictOn(event: RunEvent, context: RunContext = ONCE) {
  if (!isSaid(event)) throw new Error(`no verdict of ${event.event}`)
  const verdict = verdictOfEvent(event, context, NOW)
  return { ...verdict, steps: neededSteps(verdict.steps) }
}
const commandsOf = (event: RunEvent, context?: RunContext) =>
  verdictOn(event, context)
    .steps.map(({ command }) => commandText(command))
    .join('\n')

test.each<[what: string, event: RunEvent, answers: string, caution: RegExp | null]>([
  ['a success', endedEvent(SUCCEEDED), 'done, duplicate', null],
  ['a failure', endedEvent(FAILED), 'unknown, refused', null],
  ['a start that failed', endedEvent(NOT_STARTED), 'not done, starts', null],
  [
    'a process that lives on',
    endedEvent({ ...FAILED, process: { pid: 4711, boot: 'b' } }),
    'unknown, refused',
    /^Process 4711 of attempt 1 may still run on host: end it there/,
  ],
  ['a repetition that failed', REPETITION, 'done, duplicate', /does its work a second time/],
  ['a success without an answer', endedEvent(SUCCEEDED, UNANSWERED), 'done, depends', /^Do not run it again\.$/],
  ['a success beside another run', endedEvent(SUCCEEDED, { finish: 'lost' }), 'done, depends', /second time\.$/],
  ['a success without a row', endedEvent(SUCCEEDED, { finish: 'deleted' }), 'done, starts', /^Do not run/],
  ['a failure without an answer', endedEvent(FAILED, UNANSWERED), 'unknown, depends', /until it becomes stale/],
  ['a refusal of a failed slot', refused('failed', rowWith({ ending: FAILED })), 'unknown, refused', null],
  ['a process of an earlier attempt', survivor({}), 'running, refused', /Nothing starts on this host until it has/],
  ['a force beside a run', refused('running', rowWith({})), 'running, duplicate', /^Wait until it ends\. If/],
  ['a trigger that is too late', refused('tooLate'), 'not done, refused', null],
  [
    'another slot, after an attempt that stopped reporting',
    refused('overlap', AFTER_NO_START, { holder }),
    'unknown, refused',
    /may still be running/,
  ],
  ['a skip', { event: 'skipped', holder, ...SKIPPED }, 'not done, duplicate', null],
  [
    'a pause, after an attempt that stopped reporting',
    { event: 'paused', pause: PAUSE, isKept: true, finish: 'recorded', row: AFTER_NO_START },
    'unknown, refused',
    /may still be running/,
  ],
  ['a stop before the claim', { event: 'stopped' }, 'unknown, starts', null],
  ['a claim without an answer', { event: 'withdrawn', certain: false, detail: 'x' }, 'unknown, depends', null],
])('the answers after an event: %s', (_, event, answers, caution) => {
  const verdict = verdictOn(event)
  expect(`${verdict.work}, ${verdict.nextTrigger}`).toBe(answers)
  if (caution === null) expect(verdict.caution).toBe(null)
  else expect(verdict.caution).toMatch(caution)
})

// promise: unrecorded-success
test('a trigger that finds the slot stale is told that its batch may still be running or may have succeeded', () => {
  const { work, nextTrigger, caution } = verdictOn(refused('stale', STALE))
  expect([work, nextTrigger]).toEqual(['unknown', 'refused'])
  expect(caution).toMatch(/may still be running, or its work may be done\. .*The batch SUCCEEDED/)
})

test('with an attempt left, the next trigger starts it, and a force says nothing of that', () => {
  expect(verdictOn(endedEvent(FAILED), { ...CONTEXT, maxAttempts: 3 }).nextTrigger).toBe('starts')
  expect(verdictOn(endedEvent(FAILED), { ...ONCE, trigger: FORCED }).nextTrigger).toBe('depends')
})

test('a rerun names the statuses that excluded the slot, and the command of its step does not have them', () => {
  const rerun: RunContext = { ...ONCE, trigger: FORCED, guards: { ...ONCE.guards, only: ['completed'] } }
  for (const event of [refused('failed', rowWith({ ending: FAILED })), refused('noRow')]) {
    expect(verdictOn(event, rerun).happened.join('')).toMatch(/^this run is only for a slot that is completed, and /)
    expect(commandsOf(event, rerun)).not.toContain('--status')
  }
})

test.each<[what: string, event: RunEvent, commands: RegExp]>([
  // The lease of the run still holds, so the command names the run. A row that is gone has none.
  [
    'an unanswered success',
    endedEvent(SUCCEEDED, UNANSWERED),
    /^\S+ resolve .* --run me --state completed .*\n.* show /,
  ],
  ['a success without a row', endedEvent(SUCCEEDED, { finish: 'deleted' }), /^\S+ resolve (?!.*--run).*\n.* show /],
  ['a success beside another run', endedEvent(SUCCEEDED, { finish: 'lost' }), /^\S+ show .*\n\S+ resolve (?!.*--run)/],
  [
    'a success after a decision',
    endedEvent(SUCCEEDED, { finish: 'resolved' }),
    /^\S+ show .*\n.* resolve .* --run me /,
  ],
  ['an unanswered failure', endedEvent(FAILED, UNANSWERED), /^\S+ show .*\n\S+ rerun .*\n.* resolve .* --run me /],
  ['an unanswered start', endedEvent(NOT_STARTED, UNANSWERED), /^\S+ show .*\n\S+ rerun [^\n]*$/],
  // Another run may have the slot, or take it at any moment.
  ['an unanswered loss', endedEvent({ outcome: 'leaseLost' }, UNANSWERED), /^\S+ show [^\n]*$/],
  ['a failure before another attempt', endedEvent(FAILED, { retries: true }), /^$/],
  ['a failed repetition', REPETITION, /\n.* rerun .* --status completed /],
  [
    'a skip without an answer',
    { event: 'skipped', holder, ...SKIPPED, ...UNANSWERED },
    /^\S+ show .*\n\S+ rerun [^\n]*$/,
  ],
  [
    'a force on a completed slot',
    refused('completed', rowWith({ ending: SUCCEEDED })),
    /^\S+ rerun .* --status completed /,
  ],
  ['a force on a newer success', refused('newerAttempt', rowWith({ ending: SUCCEEDED })), / --status completed /],
  ['a process of this user', survivor({}), /^kill 4711\n\S+ show .*\n\S+ rerun /],
  ['a process that this user may not signal', survivor({ isForeign: true }), /^\S+ show .*\n\S+ rerun /],
  ['a wrong event time', refused('scheduleMismatch'), /^\S+ explain --schedule .* --at 2026-11-24T03:00:05Z$/],
  [
    'a slot with too many attempts',
    refused('tooManyAttempts', rowWith({ ending: FAILED })),
    /^\S+ show .*\n\S+ resolve [^\n]*$/,
  ],
  ['a slot that another one blocks', refused('overlap', null, { holder }), / show .*-23T.*\n\S+ rerun /],
])('the steps after an event: %s', (_, event, commands) => {
  expect(commandsOf(event)).toMatch(commands)
})

test.each(['overlap', 'failed', 'stale', 'tooLate'])(
  'the steps after an event repeat what keeps the run apart from others: %s',
  (cause) => {
    const event = refused(cause, cause === 'failed' || cause === 'stale' ? STALE : null, { holder })
    const slot = '--slot 2026-11-24T03:00:00Z'
    expect(commandsOf(event, { ...ONCE, guards: { overlap: 'wait' } })).toContain(`${slot} --overlap wait --reason`)
    const guards = { onLeaseLost: 'stop' } as const
    expect(commandsOf(event, { ...ONCE, guards })).toContain(`${slot} --on-lease-lost stop --reason`)
    expect(commandsOf(event)).toContain(`${slot} --reason 'YOUR REASON'`)
  },
)

test('the steps after an event repeat what keeps the run apart also where the operator accepts a new schedule', () => {
  const event = refused('scheduleChanged', null, { inForce: { expression: '0 4 * * *', zone: 'UTC' } })
  const accept = 'cronledger run .* --event-time 2026-11-24T03:00:05Z'
  expect(commandsOf(event, { ...ONCE, guards: { overlap: 'wait' } })).toMatch(
    new RegExp(`${accept} --overlap wait --strict false -- `),
  )
})

test('after a success with a range that could not be recorded, the words and the command are about the whole range', () => {
  const event = endedEvent(SUCCEEDED, UNANSWERED) as RunEvent & { event: 'ended' }
  const since = CONTEXT.window.slot - 3 * 86_400_000
  const ranged = { ...event, attempt: { ...event.attempt, since } } as RunEvent
  const { happened, caution } = verdictOn(ranged)
  expect(sentenceText(happened, CONTEXT.window.slot, 'UTC')).toBe(
    'The batch SUCCEEDED, but its result may not be recorded: no answer. The run of 03:00 did the work of 2026-11-22 03:00 and 2026-11-23 03:00, too',
  )
  expect(caution).toContain('The next run repeats the work of all these slots until the success is recorded.')
  expect(commandsOf(ranged)).toContain(
    '--from 2026-11-22T03:00:00Z --until 2026-11-24T03:00:01Z --run me --state completed --reason',
  )
})
