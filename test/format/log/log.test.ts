import { describe, expect, test } from 'vitest'
import type { RunContext, RunEvent } from '../../../src/core/event.ts'
import type { RefusalCause, Row } from '../../../src/core/types.ts'
import { logLine } from '../../../src/format/log/log.ts'
import {
  CONTEXT,
  FAILED,
  FORCED,
  lastWaiting,
  NOT_STARTED,
  NOW,
  PAUSE,
  rowWith,
  SUCCEEDED,
} from '../../support/rows.ts'

const json = (event: RunEvent, context: Partial<RunContext> = {}) =>
  JSON.parse(logLine(event, { ...CONTEXT, ...context }, 'json', NOW) ?? '')
const text = (event: RunEvent, context: Partial<RunContext> = {}) =>
  logLine(event, { ...CONTEXT, ...context }, 'text', NOW)
const holder = { slot: Date.parse('2026-11-23T03:00:00Z'), runId: 'other' }
const FAILED_SLOT = {
  event: 'refused',
  cause: 'failed',
  row: rowWith({ ending: FAILED }),
  survivor: null,
  noted: true,
} as const
/** Returns the commands of the next steps, one below the other. */
const commands = (event: RunEvent, context: Partial<RunContext> = {}): string =>
  json(event, context)
    .steps.map(({ command }: { command: string }) => command)
    .join('\n')

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
    'cronledger: nightly 2026-11-24 03:00 UTC: duplicate trigger ignored: attempt 1 already succeeded at 03:00:06 (run run-1, host host)',
  )
})

describe('a refusal says what a person can do next, as a command', () => {
  const slot = '--store dynamodb:ledger --task nightly'
  for (const [cause, command] of [
    ['failed', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason 'YOUR REASON' -- YOUR_COMMAND`],
    ['stale', `cronledger resolve ${slot} --slot 2026-11-24T03:00:00Z --state completed --reason 'YOUR REASON'`],
    ['tooLate', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason 'YOUR REASON' -- YOUR_COMMAND`],
    ['tooManyAttempts', `cronledger resolve ${slot}`],
    ['running', 'cronledger show --store dynamodb:ledger --task nightly --slot 2026-11-24T03:00:00Z'],
    ['survivor', 'kill 7'],
    ['scheduleMismatch', "cronledger explain --schedule '0 3 * * *' --timezone UTC --at 2026-11-24T03:00:05Z"],
    ['noRow', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z`],
    ['newerAttempt', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason 'YOUR REASON' -- YOUR_COMMAND`],
    ['skipped', `cronledger rerun ${slot} --slot 2026-11-24T03:00:00Z --reason 'YOUR REASON' -- YOUR_COMMAND`],
  ] as ReadonlyArray<[RefusalCause, string]>) {
    test(cause, () => {
      const row = rowWith({ trigger: FORCED, ending: FAILED })
      const survivor = { pid: 7, command: 'sleep' }
      expect(commands({ event: 'refused', cause, row, survivor, noted: true })).toContain(command)
      expect(json({ event: 'refused', cause, row: null, survivor, noted: false }).message).not.toMatch(/undefined|null/)
    })
  }
})

describe('the refusal of a force that was asked for before a newer attempt names that attempt', () => {
  const refusal = (row: Row) =>
    json({ event: 'refused', cause: 'newerAttempt', row, survivor: null, noted: true }).message

  test('also where its end is not known', () => {
    expect(refusal(rowWith({ ending: FAILED }, {}))).toMatch(
      /: attempt 2 \(run run-2, .*\) started after you asked for this run$/,
    )
  })

  test('also where a later one was claimed and never started', () => {
    const row = rowWith({ ending: FAILED }, { ending: FAILED }, { ending: NOT_STARTED })
    expect(refusal(row)).toMatch(/: attempt 2 \(run run-2, .*\) started after you asked for this run, and it failed/)
    const waits = lastWaiting(rowWith({ ending: FAILED }, { ending: FAILED }, {}))
    expect(refusal(waits)).toMatch(/: attempt 2 /)
  })
})

describe('what keeps the run apart from others is in the command too', () => {
  for (const cause of ['overlap', 'failed', 'stale', 'tooLate'] as const) {
    test(cause, () => {
      const event = { event: 'refused', cause, row: null, survivor: null, holder, noted: true } as const
      const steps = (guards: RunContext['guards']) => commands(event, { guards })
      const slot = '--slot 2026-11-24T03:00:00Z'
      expect(steps({ overlap: 'wait' })).toContain(`rerun --store dynamodb:ledger`)
      expect(steps({ overlap: 'wait' })).toContain(`${slot} --overlap wait --reason 'YOUR REASON' -- YOUR_COMMAND`)
      expect(steps({ onLeaseLost: 'stop', skewMs: 300_000 })).toContain(
        `${slot} --skew 5m --on-lease-lost stop --reason`,
      )
      expect(steps({})).toContain(`${slot} --reason 'YOUR REASON'`)
    })
  }

  test('scheduleChanged: also in the command that accepts the new schedule', () => {
    const inForce = { expression: '0 4 * * *', zone: 'UTC' }
    const event = {
      event: 'refused',
      cause: 'scheduleChanged',
      row: null,
      survivor: null,
      inForce,
      noted: true,
    } as const
    const steps = (guards: RunContext['guards']) => commands(event, { guards })
    const accept = 'cronledger run .* --event-time 2026-11-24T03:00:05Z'
    expect(steps({ overlap: 'wait' })).toMatch(new RegExp(`${accept} --overlap wait --strict false -- `))
    expect(steps({ onLeaseLost: 'stop', skewMs: 300_000 })).toMatch(
      new RegExp(`${accept} --skew 5m --on-lease-lost stop --strict false -- `),
    )
  })

  test('the holder of the overlap lock need not run: it may wait for its retry', () => {
    const event = { event: 'refused', cause: 'overlap', row: null, survivor: null, holder, noted: true } as const
    expect(text(event)).toMatch(
      /: not started: another slot of this task has not ended yet \(2026-11-23 03:00 UTC, run other\)\n/,
    )
  })
})

describe('a slot in which an attempt had started, while another slot of the task runs', () => {
  const refused = (claimed: Row) =>
    ({ event: 'refused', cause: 'overlap', row: null, survivor: null, holder, noted: true, claimed }) as const

  test('the refusal names that attempt, and asks for a look at it before a rerun', () => {
    const event = refused(lastWaiting(rowWith({ ending: FAILED }, {})))
    expect(text(event)).toMatch(
      /\. Earlier, attempt 1 of this slot failed \(exit code 3\) at .*\. An operator must decide: /,
    )
    expect(text(event)).toMatch(/see whether the other slot has ended: .*\n.*see what happened: .*\n.*run it again: /)
    expect(json(event)).toMatchObject({ last: { attempt: 1, outcome: 'failed' } })
  })

  test('also one that never reported its end', () => {
    const event = refused(lastWaiting(rowWith({}, {})))
    expect(text(event)).toMatch(
      /\. Earlier, attempt 1 of this slot stopped reporting .*The batch SUCCEEDED.*\. An operator must decide: /,
    )
  })

  test('a pause does not call it skipped', () => {
    const event = { event: 'paused', pause: PAUSE, isKept: true, finish: 'recorded' } as const
    expect(text(event)).not.toMatch(/: skipped/)
    expect(text(event)).toMatch(
      /\. The slot is not marked as skipped, because an earlier attempt had started in it\.\n/,
    )
  })
})

test('a skip that may not be recorded has no command that is refused while the lease holds', () => {
  const finish = { finish: 'unanswered', finishCause: 'no answer' } as const
  for (const event of [
    { event: 'skipped', holder, ...finish },
    { event: 'paused', pause: PAUSE, isKept: false, ...finish },
  ] as const)
    expect(text(event)).toMatch(/see what is recorded: .*\n.* stale.*: /)
})

test('a process that is left is one of an attempt that started', () => {
  const row = lastWaiting(rowWith({}, {}))
  const survivor = { pid: 7, command: 'sleep' }
  const event = { event: 'refused', cause: 'survivor', row, survivor, noted: true } as const
  expect(text(event)).toMatch(/process 7 \(sleep\) of attempt 1 /)
})

test('the refusal of a stale slot is about the attempt that started, not about a later one that never did', () => {
  const row = rowWith({}, { ending: NOT_STARTED })
  const event = { event: 'refused', cause: 'stale', row, survivor: null, noted: true } as const
  expect(json(event)).toMatchObject({ last: { attempt: 1 } })
  expect(text(event)).toMatch(/attempt 1 \(.*\) stopped reporting/)
})

test('what was not started took no time', () => {
  const attempt = rowWith({}).attempts[0]
  if (attempt === undefined) throw new Error('no attempt')
  const event = { event: 'ended', attempt, ending: NOT_STARTED, durationMs: 0.2, finish: 'recorded' } as const
  expect(text(event)).toMatch(/^cronledger: nightly 2026-11-24 03:00 UTC: attempt 1 was not started\. A later trigger/)
  expect(json(event)).not.toHaveProperty('durationMs')
})

describe('a force on a completed slot', () => {
  const refusal = (row: Row) => ({ event: 'refused', cause: 'completed', row, survivor: null, noted: true }) as const
  const once = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })

  test('is told the success, also after a force that failed, and how to run the slot all the same', () => {
    expect(text(refusal(once))?.split('\n')).toEqual([
      'cronledger: nightly 2026-11-24 03:00 UTC: not started: attempt 1 already succeeded at 03:00:06 (run run-1, host host)',
      expect.stringMatching(/^ {2}see its result: +cronledger show /),
      expect.stringMatching(/^ {2}if its work must be done again: +cronledger rerun .* --only completed /),
    ])
  })

  test('is told who marked it as completed', () => {
    const resolution = { state: 'COMPLETED', at: NOW, by: 'ada', reason: 'by hand', afterAttempt: 1 } as const
    const row: Row = { ...rowWith({ ending: FAILED }, { trigger: FORCED, ending: FAILED }), resolutions: [resolution] }
    expect(text(refusal(row))).toMatch(/: not started: ada marked the slot as completed at 03:00:05: by hand\n/)
    const later = { ...resolution, state: 'FAILED', by: 'bob', reason: 'not so', afterAttempt: 2 } as const
    expect(text(refusal({ ...row, resolutions: [resolution, later] }))).toContain(': not started: ada marked the slot')
  })

  test('that failed names the status again in the command that runs the slot again', () => {
    const attempt = rowWith({ trigger: FORCED }).attempts[0]
    if (attempt === undefined) throw new Error('no attempt')
    const failed = { event: 'ended', attempt, ending: FAILED, durationMs: 1, finish: 'recorded' } as const
    expect(commands({ ...failed, hadCompleted: true })).toMatch(/cronledger rerun .* --only completed /)
    expect(commands(failed)).not.toMatch(/--only/)
  })
})

test('a trigger that finds the slot stale is told that its batch may still be running or may have succeeded', () => {
  expect(text({ event: 'refused', cause: 'stale', row: rowWith({}), survivor: null, noted: true })).toContain(
    'attempt 1 (run run-1, host host) stopped reporting. It may still be running, or its work may be done: look at its log (a line "The batch SUCCEEDED") and at the data before you run it again. An operator must decide: ',
  )
})

test('a force that finds a newer attempt is not told to run finished work again', () => {
  const again = (row: Row) => json({ event: 'refused', cause: 'newerAttempt', row, survivor: null, noted: true })
  expect(again(rowWith({ ending: SUCCEEDED }))).toMatchObject({
    steps: [{}, { what: 'if its work must be done again' }],
  })
  expect(again(rowWith({ ending: FAILED }))).toMatchObject({ steps: [{}, { what: 'run it again' }] })
})

test('a process of the attempt before may still do the work, so the operator looks before anything runs again', () => {
  const survivor = { pid: 4711, command: 'python3' }
  const event = { event: 'refused', cause: 'survivor', row: rowWith({}), survivor, noted: true } as const
  expect(json(event)).toMatchObject({
    steps: [
      { what: expect.stringContaining('wait until it ends, or end it on '), command: 'kill 4711' },
      { what: 'see what happened' },
      { what: 'run it again' },
      { what: 'or mark it as completed' },
    ],
  })
})

test('a success that is not recorded says so first, and how to record it', () => {
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
    message: 'The batch SUCCEEDED, but its result may not be recorded: no answer. Do not run it again.',
  })
  expect(commands({ ...ended, finish: 'unanswered', finishCause: 'no answer' })).toMatch(
    /^cronledger resolve .* --slot 2026-11-24T03:00:00Z --run me --state completed --reason 'run me succeeded, .*'\ncronledger show /,
  )
  // A row that is gone has no run, so the command must not name one.
  expect(commands({ ...ended, finish: 'deleted' })).toMatch(/^cronledger resolve (?!.*--run).*\ncronledger show /)
  // The other run may be doing the work now.
  expect(commands({ ...ended, finish: 'lost' })).toMatch(/^cronledger show .*\ncronledger resolve (?!.*--run)/)
  expect(commands({ ...ended, finish: 'resolved' })).toMatch(/^cronledger show .*\ncronledger resolve .* --run me /)
})

describe('a failure has next steps', () => {
  const attempt = rowWith({}).attempts[0]
  if (attempt === undefined) throw new Error('no attempt')
  const failed = { event: 'ended', attempt, ending: FAILED, durationMs: 12_345.6, finish: 'recorded' } as const

  test('on lines of their own, with the commands below each other', () => {
    expect(text(failed)?.split('\n')).toEqual([
      'cronledger: nightly 2026-11-24 03:00 UTC: attempt 1 failed (exit code 3) after 12s, and the slot is recorded as failed',
      expect.stringMatching(/^ {2}see what happened: {8}cronledger show /),
      expect.stringMatching(/^ {2}run it again: {13}cronledger rerun .* -- YOUR_COMMAND$/),
      expect.stringMatching(/^ {2}or mark it as completed: {2}cronledger resolve .* --state completed /),
    ])
  })

  test('that wait for the lease, and a resolution that names the run, if the failure may not be recorded', () => {
    const unrecorded = { ...failed, finish: 'unanswered', finishCause: 'no answer' } as const
    expect(text(unrecorded)?.split('\n')).toEqual([
      'cronledger: nightly 2026-11-24 03:00 UTC: attempt 1 failed (exit code 3) after 12s, and its result may not be recorded: no answer. If it is not recorded, the slot is shown as running, and cannot be run again, until it becomes stale.',
      expect.stringMatching(/^ {2}see what is recorded: +cronledger show /),
      expect.stringMatching(/^ {2}run it again when it is stale: +cronledger rerun .* -- YOUR_COMMAND$/),
      expect.stringMatching(/^ {2}or mark it as completed: +cronledger resolve .* --run me --state completed /),
    ])
    const notStarted = { ...unrecorded, ending: { outcome: 'notStarted' } } as const
    expect(commands(notStarted)).toMatch(/^cronledger show .*\ncronledger rerun [^\n]*$/)
    // Another run may have the slot, or take it at any moment.
    const lost = { ...unrecorded, ending: { outcome: 'leaseLost' } } as const
    expect(text(lost)).toMatch(
      /its result may not be recorded: no answer\n {2}see what is recorded: +cronledger show [^\n]*$/,
    )
  })

  test('but not if the same run makes another attempt', () => {
    expect(text({ ...failed, retries: true })).toBe(
      'cronledger: nightly 2026-11-24 03:00 UTC: attempt 1 failed (exit code 3) after 12s',
    )
    expect(json({ ...failed, retries: true })).not.toHaveProperty('steps')
  })
})

test('the owner of the task is above the next steps, and only where something is to do', () => {
  const owner = { owner: 'the data team' }
  expect(text(FAILED_SLOT, owner)).toMatch(/mark it as completed\.\n {2}owner: the data team\n {2}\S/)
  expect(json(FAILED_SLOT, owner)).toMatchObject(owner)
  expect(json(FAILED_SLOT)).not.toHaveProperty('owner')
  const retry = { event: 'retry', attempt: 2, delayMs: 1_000 } as const
  expect(text(retry, owner)).not.toMatch(/owner/)
  expect(json(retry, owner)).not.toHaveProperty('owner')
})

test('a line has the local time of the schedule, and its commands have the slot in UTC', () => {
  const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
  expect(text(FAILED_SLOT, { schedule })).toMatch(
    /^cronledger: nightly 2026-11-24 12:00 JST: not started: attempt 1 failed \(exit code 3\) at 12:00:06 .*\n.* --slot 2026-11-24T03:00:00Z\n/,
  )
})

test('each line of text is safe on a terminal', () => {
  const line = text({ event: 'warning', message: 'a\nb\u001b[31mc\u202e' })
  expect(line).toBe('cronledger: nightly 2026-11-24 03:00 UTC: a\\u000ab\\u001b[31mc\\u202e')
})

test('quiet keeps what a person is needed for', () => {
  const duplicate = {
    event: 'duplicate',
    cause: 'completed',
    row: rowWith({ ending: SUCCEEDED }),
    noted: true,
  } as const
  expect(logLine(duplicate, CONTEXT, 'quiet', NOW)).toBe(null)
  expect(logLine({ event: 'lease-lost', cause: 'taken' }, CONTEXT, 'quiet', NOW)).toMatch(/another run took over/)
  expect(logLine({ event: 'lease-lost', cause: 'deleted' }, CONTEXT, 'quiet', NOW)).toMatch(
    /record of this slot was deleted/,
  )
})

test('only a scheduled run that started nothing says that a later trigger may start the batch', () => {
  const [scheduled] = rowWith({ ending: NOT_STARTED }).attempts
  const [forced] = rowWith({ trigger: FORCED, ending: NOT_STARTED }).attempts
  const ended = (attempt: typeof scheduled) =>
    attempt && text({ event: 'ended', attempt, ending: NOT_STARTED, durationMs: 0, finish: 'recorded' })
  const withdrawn = { event: 'withdrawn', certain: true, detail: 'no answer' } as const
  expect(ended(scheduled)).toContain('A later trigger may start the batch in this slot.')
  expect(ended(forced)).not.toContain('later trigger')
  expect(text(withdrawn)).toContain('The slot is free for the next trigger.')
  expect(text(withdrawn, { trigger: FORCED })).toContain('not started: no answer. This run gave the slot up.\n')
})
