import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { createLedger, exitCodeOf, LedgerError, OutcomeError, slotOf } from '../src/index.ts'
import { type Loose, scratch } from './support/cli.ts'

// Calls from plain JavaScript, which has no types.

const path = `${scratch()}/ledger.db`
const open = () => createLedger({ store: `file:${path}` }) as Loose
const work = vi.fn()
const NIGHT = { task: 'nightly', schedule: '0 3 * * *' }
const COMMAND = { argv: ['true'], env: process.env, timeoutMs: null }
const ALL = { since: '2026-11-01T00:00:00Z', until: '2026-11-02T00:00:00Z' }
const NIGHT_ONLY = { schedule: '0 3 * * *' }
const PAUSE = { task: 'nightly', reason: 'x' }
const SLOT = '2026-11-24T03:00:00Z'
const DONE = { ...PAUSE, slot: SLOT, state: 'done' }
const run = (more: object) => open()['run']({ ...NIGHT, ...more }, work)
async function all(rows: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const row of rows) found.push(row)
  return found
}

/** What is called, what the error says, and the call: a function, or a method and its options. */
type Wrong = [call: string, says: string, make: string | ((ledger: Loose) => unknown), options?: unknown]
const WRONG: readonly Wrong[] = [
  ['createLedger()', 'createLedger needs an object with its options.', () => createLedger(undefined as never)],
  ['createLedger({})', 'store is missing.', () => createLedger({} as never)],
  ['an empty store', 'store "" is not allowed. Use a text such as file:ledger.db.', () => createLedger({ store: '' })],
  ['stores', 'no option "stores". Did you mean store?', () => createLedger({ stores: 'file:x.db' } as never)],
  [
    'log: true',
    'log true is not allowed. Use a function.',
    () => createLedger({ store: 'file:x', log: true as never }),
  ],
  ['run()', 'run needs an object with its options.', ({ run: call }) => call()],
  ['run without work', 'run needs a function: the work of the attempt.', ({ run: call }) => call(NIGHT)],
  ['tryRun without work', 'tryRun needs a function', ({ tryRun }) => tryRun(NIGHT, {})],
  ['once without work', 'once needs a function', ({ once }) => once(NIGHT)],
  ['a class as work', 'not a class or a generator.', ({ run: call }) => call(NIGHT, class Work {})],
  ['a generator as work', 'not a class or a generator.', ({ tryRun }) => tryRun(NIGHT, function* () {})],
  ['timeZone', 'run has no option "timeZone". Did you mean timezone?', 'run', { timeZone: 'Asia/Tokyo' }],
  ['maxAttempt', 'run has no option "maxAttempt". Did you mean maxAttempts?', 'run', { maxAttempt: 3 }],
  ['max-attempts', 'run has no option "max-attempts"', 'run', { 'max-attempts': 3 }],
  ['eventtime', 'Did you mean eventTime?', 'run', { eventtime: '2026-11-23T18:00:05Z' }],
  ['cron', 'run has no option "cron". Did you mean schedule?', 'run', { cron: '0 3 * * *' }],
  ['retries', 'run has no option "retries". Did you mean maxAttempts?', 'run', { retries: 3 }],
  ['timeoutMs', 'no option "timeoutMs". Give run a signal, such as AbortSignal.timeout', 'run', { timeoutMs: 1 }],
  ['no task', 'task is missing. Give it to run: a text.', ({ run: call }) => call({ schedule: '@daily' }, work)],
  ['no schedule', 'schedule is missing.', ({ run: call }) => call({ task: 'nightly' }, work)],
  ['a null task', 'task null is not allowed. Use a text.', 'run', { task: null }],
  ['a schedule that is a list', 'schedule (an object) is not allowed.', 'run', { schedule: ['0 3 * * *'] }],
  ['an invalid Date', 'eventTime (an invalid Date) is not allowed.', 'run', { eventTime: new Date('x') }],
  ['an event without a time', 'eventTime is undefined.', 'run', { eventTime: ({} as Loose)['time'] }],
  ['maxAttempts 0', 'maxAttempts 0 is not allowed. Use 1 to 100.', 'run', { maxAttempts: 0 }],
  ['maxAttempts "3"', 'maxAttempts "3" is not allowed. Use 1 to 100.', 'run', { maxAttempts: '3' }],
  [
    'retryDelayMs "5m"',
    'retryDelayMs "5m" is not allowed. Use 0 to 86400000 milliseconds.',
    'run',
    { retryDelayMs: '5m' },
  ],
  ['strict "false"', 'strict "false" is not allowed. Use true or false.', 'run', { strict: 'false' }],
  ['overlap true', 'overlap true is not allowed. Use allow, ', 'run', { overlap: true }],
  [
    'after as a text',
    'after "extract" is not allowed. Use a list of names of tasks, such as [\'extract\'].',
    'run',
    { after: 'extract' },
  ],
  ['expect as a list', 'expect (an object) is not allowed. Use a text.', 'run', { expect: ['rows>=1'] }],
  ['a retry delay for one attempt', 'retryDelayMs requires maxAttempts 2 or more.', 'run', { retryDelayMs: 1000 }],
  [
    'onLeaseLost with retries',
    'onLeaseLost continue cannot be used with maxAttempts 2',
    'run',
    { onLeaseLost: 'continue', maxAttempts: 2 },
  ],
  [
    'a lease that is too short',
    'Use at least 230s, which is 3 times heartbeatMs (1m) + skewMs (30s) + killAfterMs (20s), or make one',
    'run',
    { leaseMs: 60_000 },
  ],
  [
    'strict without a time',
    'because strict is set. Pass the time from the event of the scheduler as eventTime.',
    'run',
    { strict: true },
  ],
  ['a force without a reason', 'reason is missing. Give it to force', 'run', { force: { slot: 'latest' } }],
  [
    'a force with another name',
    'force has no option "slots". Did you mean slot?',
    'run',
    { force: { slots: 'latest', reason: 'x' } },
  ],
  ['a signal that is none', 'signal true is not allowed. Use an AbortSignal.', 'run', { signal: true }],
  [
    'runCommand without stops',
    'stops is missing. Give it to runCommand: what installStops() returns.',
    ({ runCommand }) => runCommand(NIGHT, COMMAND),
  ],
  [
    'runCommand with a text',
    'argv "true" is not allowed. Use a list such as [\'./batch.sh\'].',
    ({ runCommand }) => runCommand(NIGHT, { ...COMMAND, argv: 'true' }),
  ],
  [
    'runCommand with stops that pass no signals',
    'stops (an object) is not allowed.',
    ({ runCommand }) => runCommand(NIGHT, { ...COMMAND, stops: { aborted: new AbortController().signal } }),
  ],
  [
    'runCommand without a command',
    "runCommand needs an object with its command as the second argument: { argv: ['./batch.sh'], … }.",
    ({ runCommand }) => runCommand(NIGHT, './batch.sh'),
  ],
  [
    'runCommand without all that it needs',
    'env, stops, timeoutMs are missing. Give them to runCommand: env (an object), stops (what installStops() returns), timeoutMs (',
    ({ runCommand }) => runCommand(NIGHT, { argv: ['true'] }),
  ],
  [
    'a zone that is called like an option',
    'timezone "since-last-success" is not an IANA',
    'run',
    { timezone: 'since-last-success' },
  ],
  [
    'slotOf in a time zone',
    'no option "timeZone". Did you mean timezone?',
    () => slotOf({ ...NIGHT_ONLY, timeZone: 'UTC' } as never, SLOT),
  ],
  [
    'check without a range',
    'since, until are missing. Give them to check: since (a text or a valid Date), until (',
    'check',
    {},
  ],
  ['check with a number', 'since 0 is not allowed. Use a text or a valid Date.', 'check', { ...ALL, since: 0 }],
  ['check since yesterday', 'since "yesterday" is not a valid instant.', 'check', { ...ALL, since: 'yesterday' }],
  [
    'check of a range from its end to its start',
    'since "2026-11-02T00:00:00Z" is later than until "2026-11-01T00:00:00Z". Use an earlier start.',
    'check',
    { since: ALL.until, until: ALL.since },
  ],
  ['check of a task that is none', 'Use a name, or a task that tasks()', 'check', { ...ALL, task: {} }],
  ['a limit of 1.5 rows', 'limit 1.5 is not allowed. Use a whole number from 1.', 'history', { limit: 1.5 }],
  ['health without an end', 'until is missing.', 'health', { since: ALL.since }],
  ['history of a list', 'task (an object) is not allowed.', 'history', { task: ['nightly'] }],
  ['tasks with a name', 'tasks needs an object', 'tasks', 'nightly'],
  ['get without a slot', 'slot is missing.', 'get', { task: 'nightly' }],
  ['get of a date', 'slot "2026-11-24" is not a valid instant', 'get', { task: 'nightly', slot: '2026-11-24' }],
  ['get of a name that is none', 'task "#task" is not a valid name', 'get', { task: '#task', slot: SLOT }],
  ['run of a name that is none', 'task "#task" is not a valid name', 'run', { task: '#task' }],
  ['a schedule of three fields', 'fields', 'run', { schedule: '* * *' }],
  ['a zone that is none', 'Mars/Olympus', 'run', { timezone: 'Mars/Olympus' }],
  [
    'a store of another kind',
    'store "redis:x" is not valid',
    () => createLedger({ store: 'redis:x' }).run(NIGHT, work),
  ],
  ['resolve without a reason', 'reason is missing.', 'resolve', { task: 'nightly', slot: 'latest', state: 'failed' }],
  ['resolve as done', 'state "done" is not allowed. Use completed, failed or skipped.', 'resolve', DONE],
  [
    'rerunnable with a word',
    'status "failed" is not allowed. Use a list of texts.',
    'rerunnable',
    { task: 'nightly', from: '7d', status: 'failed' },
  ],
  [
    'declare with a wrong name',
    'declare has no option "graceMS". Did you mean graceMs?',
    'declare',
    { ...NIGHT, graceMS: 1 },
  ],
  ['pause with a number', 'until 5 is not allowed.', 'pause', { ...PAUSE, until: 5 }],
  [
    'exitCodeOf with a wrong option',
    'exitCodeOf has no option "exitOnDuplicates". Did you mean exitOnDuplicate?',
    () => exitCodeOf(new Error('x'), { exitOnDuplicates: 3 } as never),
  ],
  [
    'exitCodeOf with a code that is none',
    'exitOnDuplicate 300 is not allowed. Use 0 to 255.',
    () => exitCodeOf(new Error('x'), { exitOnDuplicate: 300 }),
  ],
  ['task without a schedule', 'schedule is missing. Give it to task', 'task', { task: 'nightly' }],
  ['task with an event', 'task has no option "eventTime".', 'task', { ...NIGHT, eventTime: new Date() }],
  ['task with a wrong schedule', 'schedule "3am"', 'task', { ...NIGHT, schedule: '3am' }],
  ['task with two settings that exclude', 'retryDelayMs requires', 'task', { ...NIGHT, retryDelayMs: 1 }],
  ['a tick without a time', 'eventTime is undefined.', ({ task }) => task(NIGHT).tick(undefined, work)],
  ['a tick without work', 'tick needs a function', ({ task }) => task(NIGHT).tick(new Date())],
  ['nextSlot after a text', 'nextSlot takes a valid Date', ({ task }) => task(NIGHT).nextSlot('now')],
  ['a check of a task', 'check has no option "since_"', ({ task }) => all(task(NIGHT).check({ since_: 1 }))],
  ['exitCodeOf()', 'exitCodeOf needs the outcome of a run', () => exitCodeOf(undefined as never)],
]

test.each(WRONG)(
  '%s is refused before anything is claimed, with the words of the library',
  async (_, says, make, options) => {
    const call = () => {
      if (typeof make === 'function') return make(open())
      const made = make === 'run' ? run(options as object) : open()[make](options)
      return Symbol.asyncIterator in made ? all(made) : made
    }
    const error = await Promise.resolve()
      .then(call)
      .then(
        () => null,
        (thrown: unknown) => thrown,
      )
    expect(error).toBeInstanceOf(LedgerError)
    expect(error).toMatchObject({ kind: 'usage', message: expect.stringContaining(says) })
    expect((error as Error).message.replaceAll('"max-attempts"', '')).not.toMatch(
      /--|\w+-(attempts|delay|lost|after|time)\b/,
    )
    expect(work).not.toHaveBeenCalled()
    expect(existsSync(path)).toBe(false)
  },
)

test('once refuses an event without a time when it is called, and check and health take the time as text', async () => {
  const handler = open()['once'](({ time }: Loose) => ({ ...NIGHT, eventTime: time }), work)
  await expect(handler({})).rejects.toThrow('eventTime is undefined.')
  const later = open()['once'](async ({ time }: Loose) => ({ ...NIGHT, eventTime: time }), work)
  await expect(later({ time: '2026-11-01T03:00:00Z' })).rejects.toThrow('Await the Promise first.')
  expect(work).not.toHaveBeenCalled()
  const ledger = createLedger({ store: `file:${scratch()}/one.db` }) as Loose
  await ledger['run']({ ...NIGHT, eventTime: '2026-11-01T03:00:00Z' }, () => 1)
  expect(await all(ledger['check'](ALL))).toEqual([])
  expect(await all(ledger['health'](ALL))).toMatchObject([{ task: 'nightly', status: 'completed' }])
})

test('exitCodeOf takes what run has thrown: 65 for a refusal, 1 for an error of the work', async () => {
  const ledger = createLedger({ store: `file:${scratch()}/two.db` })
  const options = { ...NIGHT, eventTime: '2026-11-01T03:00:00Z' }
  const failed = await ledger.run(options, () => Promise.reject(new Error('x'))).catch((error: Error) => error)
  const refused = await ledger.run(options, () => 1).catch((error: Error) => error)
  expect(refused).toBeInstanceOf(OutcomeError)
  expect([failed, refused].map((thrown) => exitCodeOf(thrown as Error))).toEqual([1, 65])
})

test('an error keeps the name of a task that is called like an option, and its stack has the words of the library, too', async () => {
  const ledger = createLedger({ store: `file:${scratch()}/names.db` }) as Loose
  await ledger['run']({ ...NIGHT, eventTime: SLOT }, () => 1)
  const said = async (call: Promise<unknown>) =>
    call.then(String, (error: Error) => `${error.message} | ${error.stack}`)
  expect(await said(ledger['retire']({ task: 'catch-up', reason: 'x' }))).toMatch(/^unknown task: catch-up\./)
  expect(await said(ledger['pause']({ task: 'stop-timeout', reason: 'x' }))).toMatch(/^unknown task: stop-timeout\./)
  const after = await said(ledger['run']({ ...NIGHT, after: ['catch-up'] }, work))
  expect(after).toMatch(
    /^task catch-up of after is unknown: .* cronledger declare catch-up --schedule EXPR \| .*task catch-up of after/s,
  )
})

test('a checkpoint that is no text is a usage error, and is not saved as [object Object]', async () => {
  const ledger = createLedger({ store: `file:${scratch()}/checkpoint.db` }) as Loose
  for (const value of [{ page: 3 }, 7, undefined]) {
    const run = ledger['run']({ ...NIGHT, task: `of-${typeof value}` }, ({ saveCheckpoint }: Loose) =>
      saveCheckpoint(value),
    )
    await expect(run).rejects.toMatchObject({ kind: 'usage', message: expect.stringContaining('needs a text') })
  }
})
