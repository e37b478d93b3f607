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

/** What the error says, and the call: a function, or a method and its options. */
type Wrong = [says: string, make: string | ((ledger: Loose) => unknown), options?: unknown]
const WRONG: readonly Wrong[] = [
  ['createLedger needs an object with its options.', () => createLedger(undefined as never)],
  ['store is missing.', () => createLedger({} as never)],
  ['store "" is not allowed. Use a text such as file:ledger.db.', () => createLedger({ store: '' })],
  ['no option "stores". Did you mean store?', () => createLedger({ stores: 'file:x.db' } as never)],
  ['log true is not allowed. Use a function.', () => createLedger({ store: 'file:x', log: true as never })],
  ['run needs an object with its options.', ({ run: call }) => call()],
  ['run needs a function: the work of the attempt.', ({ run: call }) => call(NIGHT)],
  ['tryRun needs a function', ({ tryRun }) => tryRun(NIGHT, {})],
  ['once needs a function', ({ once }) => once(NIGHT)],
  ['not a class or a generator.', ({ run: call }) => call(NIGHT, class Work {})],
  ['not a class or a generator.', ({ tryRun }) => tryRun(NIGHT, function* () {})],
  ['run has no option "timeZone". Did you mean timezone?', 'run', { timeZone: 'Asia/Tokyo' }],
  ['run has no option "maxAttempt". Did you mean maxAttempts?', 'run', { maxAttempt: 3 }],
  ['run has no option "max-attempts"', 'run', { 'max-attempts': 3 }],
  ['Did you mean eventTime?', 'run', { eventtime: '2026-11-23T18:00:05Z' }],
  ['run has no option "cron". Did you mean schedule?', 'run', { cron: '0 3 * * *' }],
  ['run has no option "retries". Did you mean maxAttempts?', 'run', { retries: 3 }],
  ['no option "timeoutMs". Give run a signal, such as AbortSignal.timeout', 'run', { timeoutMs: 1 }],
  ['task is missing. Give it to run: a text.', ({ run: call }) => call({ schedule: '@daily' }, work)],
  ['schedule is missing.', ({ run: call }) => call({ task: 'nightly' }, work)],
  ['task null is not allowed. Use a text.', 'run', { task: null }],
  ['schedule (an object) is not allowed.', 'run', { schedule: ['0 3 * * *'] }],
  ['eventTime (an invalid Date) is not allowed.', 'run', { eventTime: new Date('x') }],
  ['eventTime is undefined.', 'run', { eventTime: ({} as Loose)['time'] }],
  ['maxAttempts 0 is not allowed. Use 1 to 100.', 'run', { maxAttempts: 0 }],
  ['maxAttempts "3" is not allowed. Use 1 to 100.', 'run', { maxAttempts: '3' }],
  ['retryDelayMs "5m" is not allowed. Use 0 to 86400000 milliseconds.', 'run', { retryDelayMs: '5m' }],
  ['strict "false" is not allowed. Use true or false.', 'run', { strict: 'false' }],
  ['overlap true is not allowed. Use allow, ', 'run', { overlap: true }],
  ['after "extract" is not allowed. Use a list of names of tasks, such as [\'extract\'].', 'run', { after: 'extract' }],
  ['expect (an object) is not allowed. Use a text.', 'run', { expect: ['rows>=1'] }],
  ['retryDelayMs requires maxAttempts 2 or more.', 'run', { retryDelayMs: 1000 }],
  ['onLeaseLost continue cannot be used with maxAttempts 2', 'run', { onLeaseLost: 'continue', maxAttempts: 2 }],
  [
    'Use at least 230s, which is 3 times heartbeatMs (1m) + skewMs (30s) + killAfterMs (20s), or make one',
    'run',
    { leaseMs: 60_000 },
  ],
  ['because strict is set. Pass the time from the event of the scheduler as eventTime.', 'run', { strict: true }],
  ['reason is missing. Give it to force', 'run', { force: { slot: 'latest' } }],
  ['force has no option "slots". Did you mean slot?', 'run', { force: { slots: 'latest', reason: 'x' } }],
  ['signal true is not allowed. Use an AbortSignal.', 'run', { signal: true }],
  [
    'stops is missing. Give it to runCommand: what installStops() returns.',
    ({ runCommand }) => runCommand(NIGHT, COMMAND),
  ],
  [
    'argv "true" is not allowed. Use a list such as [\'./batch.sh\'].',
    ({ runCommand }) => runCommand(NIGHT, { ...COMMAND, argv: 'true' }),
  ],
  [
    'stops (an object) is not allowed.',
    ({ runCommand }) => runCommand(NIGHT, { ...COMMAND, stops: { aborted: new AbortController().signal } }),
  ],
  [
    "runCommand needs an object with its command as the second argument: { argv: ['./batch.sh'], … }.",
    ({ runCommand }) => runCommand(NIGHT, './batch.sh'),
  ],
  [
    'env, stops, timeoutMs are missing. Give them to runCommand: env (an object), stops (what installStops() returns), timeoutMs (',
    ({ runCommand }) => runCommand(NIGHT, { argv: ['true'] }),
  ],
  ['timezone "since-last-success" is not an IANA', 'run', { timezone: 'since-last-success' }],
  ['no option "timeZone". Did you mean timezone?', () => slotOf({ ...NIGHT_ONLY, timeZone: 'UTC' } as never, SLOT)],
  ['task, from are missing. Give them to rerunnable: task (', 'rerunnable', {}],
  ['since 0 is not allowed. Use a text or a valid Date.', 'check', { ...ALL, since: 0 }],
  ['since "yesterday" is not a valid instant.', 'check', { ...ALL, since: 'yesterday' }],
  [
    'since "2026-11-02T00:00:00Z" is later than until "2026-11-01T00:00:00Z". Use an earlier start.',
    'check',
    { since: ALL.until, until: ALL.since },
  ],
  ['Use a name, or a task that tasks()', 'check', { ...ALL, task: {} }],
  ['limit 1.5 is not allowed. Use a whole number from 1.', 'history', { limit: 1.5 }],
  ['from is missing.', 'rerunnable', { task: 'nightly' }],
  ['task (an object) is not allowed.', 'history', { task: ['nightly'] }],
  ['tasks needs an object', 'tasks', 'nightly'],
  ['slot is missing.', 'get', { task: 'nightly' }],
  ['slot "2026-11-24" is not a valid instant', 'get', { task: 'nightly', slot: '2026-11-24' }],
  ['task "#task" is not a valid name', 'get', { task: '#task', slot: SLOT }],
  ['task "#task" is not a valid name', 'run', { task: '#task' }],
  ['fields', 'run', { schedule: '* * *' }],
  ['Mars/Olympus', 'run', { timezone: 'Mars/Olympus' }],
  ['store "redis:x" is not valid', () => createLedger({ store: 'redis:x' }).run(NIGHT, work)],
  ['reason is missing.', 'resolve', { task: 'nightly', slot: 'latest', state: 'failed' }],
  ['state "done" is not allowed. Use completed, failed or skipped.', 'resolve', DONE],
  [
    'status "failed" is not allowed. Use a list of texts.',
    'rerunnable',
    { task: 'nightly', from: '7d', status: 'failed' },
  ],
  ['declare has no option "graceMS". Did you mean graceMs?', 'declare', { ...NIGHT, graceMS: 1 }],
  ['until 5 is not allowed.', 'pause', { ...PAUSE, until: 5 }],
  [
    'exitCodeOf has no option "exitOnDuplicates". Did you mean exitOnDuplicate?',
    () => exitCodeOf(new Error('x'), { exitOnDuplicates: 3 } as never),
  ],
  ['exitOnDuplicate 300 is not allowed. Use 0 to 255.', () => exitCodeOf(new Error('x'), { exitOnDuplicate: 300 })],
  ['schedule is missing. Give it to task', 'task', { task: 'nightly' }],
  ['task has no option "eventTime".', 'task', { ...NIGHT, eventTime: new Date() }],
  ['schedule "3am"', 'task', { ...NIGHT, schedule: '3am' }],
  ['retryDelayMs requires', 'task', { ...NIGHT, retryDelayMs: 1 }],
  ['eventTime is undefined.', ({ task }) => task(NIGHT).tick(undefined, work)],
  ['tick needs a function', ({ task }) => task(NIGHT).tick(new Date())],
  ['nextSlot takes a valid Date', ({ task }) => task(NIGHT).nextSlot('now')],
  ['check has no option "since_"', ({ task }) => all(task(NIGHT).check({ since_: 1 }))],
  ['exitCodeOf needs the outcome of a run', () => exitCodeOf(undefined as never)],
]

test.each(WRONG)(
  'a wrong call is refused before anything is claimed, with the words of the library: %s',
  async (says, make, options) => {
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
