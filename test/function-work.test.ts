// What `ledger.run` throws, and that it throws only after the end of the attempt is recorded.
import { getEventListeners } from 'node:events'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { batchReport } from '../src/core/row/attempts.ts'
import { readableRow } from '../src/core/row/status.ts'
import {
  type Attempt,
  createLedger,
  exitCodeOf,
  type Ledger,
  LedgerError,
  type LedgerOptions,
  type RunEvent,
  type RunOptions,
} from '../src/index.ts'
import { scratch } from './support/cli.ts'
import { gate } from './support/gate.ts'
import { startOfToday } from './support/today.ts'

const folder = scratch()
let files = 0
function newLedger(log?: LedgerOptions['log']) {
  const ledger = createLedger({ store: `file:${join(folder, `ledger-${++files}.db`)}`, log })
  onTestFinished(() => ledger.close())
  return ledger
}
const NIGHT: RunOptions = { task: 'nightly', schedule: '0 3 * * *', eventTime: '2026-11-23T03:00:05Z' }
const KEY = { task: 'nightly', slot: '2026-11-23T03:00:00Z' }
const never = () => expect.fail('it was started')
const fails = (error: unknown) => () => {
  throw error
}

/** Returns what a promise rejects with. A value that is not an error would not fit into `rejects`. */
const thrownBy = (run: Promise<unknown>) =>
  run.then(
    () => expect.fail('it did not throw'),
    (thrown: unknown) => ({ thrown }),
  )

describe('a run whose work throws', () => {
  // promise: function-throws
  test('throws the same error, after the failure is recorded; then the slot is refused, and may be forced', async () => {
    const ledger = newLedger()
    const error = new Error('no paper')
    expect((await thrownBy(ledger.run(NIGHT, fails(error)))).thrown).toBe(error)
    expect(await ledger.get(KEY)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'failed' }] })
    expect(Object.keys(error)).toEqual([])
    expect(await ledger.tryRun(NIGHT, never)).toMatchObject({ status: 'refused', cause: 'failed' })
    const force = { slot: '2026-11-23', reason: 'paper is there' }
    expect(await ledger.run({ ...NIGHT, eventTime: undefined, force }, () => 1)).toMatchObject({
      status: 'completed',
      attempt: 2,
    })
  })

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'no paper'],
    ['an object that has no text', Object.create(null)],
    ['an error whose message is not text', Object.assign(new Error(), { message: 5 })],
    ['a LedgerError', new LedgerError('denied', 'inner')],
  ])('throws %s if the work throws that', async (_, value) => {
    const ledger = newLedger()
    expect((await thrownBy(ledger.run(NIGHT, fails(value)))).thrown).toBe(value)
    expect(await ledger.get(KEY)).toMatchObject({ state: 'FAILED' })
  })

  test.each([
    ['facts', { rows: 1234, complete: true }, '{"rows":1234,"complete":true}'],
    ['a text', 'disk full\n', 'disk full'],
    ['what has no JSON', { rows: 10n }, undefined],
    ['nothing', undefined, undefined],
    ['too much, with half of a character', '\ud800x'.repeat(3_000), `${'\ufffdx'.repeat(511)}…`],
  ])('a run whose work throws keeps what the work reported, however it ended: %s', async (_, said: unknown, report) => {
    const ledger = newLedger()
    const work = (attempt: Attempt) => {
      attempt.report('an earlier word')
      attempt.report(said as string)
      throw new Error('no paper')
    }
    await ledger.tryRun(NIGHT, work)
    const row = readableRow(await ledger.get(KEY))
    expect(row?.attempts).toMatchObject([{ outcome: 'failed' }])
    expect(row?.attempts.map(batchReport)).toEqual([report])
  })

  test('throws the error of the attempt before if a stop comes before the retry', async () => {
    const stop = new AbortController()
    const ledger = newLedger(({ event }) => event === 'retry' && stop.abort())
    const error = new Error('no paper')
    const options = { ...NIGHT, maxAttempts: 2, retryDelayMs: 600_000, signal: stop.signal }
    expect((await thrownBy(ledger.run(options, fails(error)))).thrown).toBe(error)
    expect(await ledger.get(KEY)).toMatchObject({ attempts: [{ outcome: 'failed' }, { outcome: 'notStarted' }] })
  })
})

test('what the work saves is there for the next attempt of the slot, and gone when the slot has completed', async () => {
  const warnings: string[] = []
  const ledger = newLedger((event) => event.event === 'warning' && warnings.push(event.message))
  const got: unknown[] = []
  const saves =
    (...texts: readonly string[]) =>
    (attempt: Attempt) => {
      got.push(attempt.checkpoint)
      for (const text of texts) attempt.saveCheckpoint(text)
      throw new Error('no paper')
    }
  const run = (work: (attempt: Attempt) => void) => ledger.tryRun({ ...NIGHT, maxAttempts: 9 }, work)
  await run(saves('row 6', 'row 7', 'x'.repeat(4_097), 'a\0'))
  await run(saves())
  await run(saves(''))
  await run(saves('row 8'))
  await run(({ checkpoint }) => void got.push(checkpoint))
  expect(got).toEqual([null, 'row 7', 'row 7', null, 'row 8'])
  expect(warnings.filter((one) => one.includes('checkpoint'))).toEqual([
    'the checkpoint of the batch is not kept: it has more than 4096 bytes',
  ])
  expect(readableRow(await ledger.get(KEY))).toMatchObject({ state: 'COMPLETED' })
  const force = { slot: '2026-11-23', reason: 'again', status: ['completed'] } as const
  await ledger.tryRun({ ...NIGHT, eventTime: undefined, force }, saves('row 9'))
  await ledger.tryRun({ ...NIGHT, eventTime: undefined, force: { ...force, fresh: true } }, saves())
  expect(got.slice(5)).toEqual([null, null])
  expect(readableRow(await ledger.get(KEY))?.attempts.at(-1)).toMatchObject({ trigger: { isFresh: true } })
})

describe('a slot about which an operator has to decide', () => {
  /** An operator resolves the slot during its work, so the run cannot record its end. */
  const resolveInside = (ledger: Ledger, { task, slot, runId }: Attempt) =>
    ledger.resolve({ task, slot, runId, state: 'failed', reason: 'it hangs' })
  const thrown = { name: 'OutcomeError', outcome: { status: 'refused', cause: 'failed', task: 'nightly' } }

  test('a run that is refused throws, so that a forgotten check cannot hide it', async () => {
    const ledger = newLedger()
    await expect(ledger.run(NIGHT, fails(new Error('no paper')))).rejects.toThrow('no paper')
    const run = ledger.run(NIGHT, never)
    await expect(run).rejects.toMatchObject(thrown)
    await expect(run).rejects.toThrow(
      /^nothing was started in slot 2026-11-23T03:00:00Z of task nightly: refused \(failed\): attempt 1 on .* failed/,
    )
  })

  test('a success that is not recorded throws, says that it succeeded, and how to record it', async () => {
    const ledger = newLedger()
    const run = ledger.run(NIGHT, (attempt) => resolveInside(ledger, attempt))
    await expect(run).rejects.toMatchObject({ name: 'OutcomeError', outcome: { status: 'unrecorded' } })
    await expect(run).rejects.toThrow(/^The batch SUCCEEDED, but .* Do not run it again\. Resolve slot /)
  })

  test('tryRun returns every outcome, and exitCodeOf has the exit code of each', async () => {
    const ledger = newLedger()
    const error = new Error('no paper')
    const failed = await ledger.tryRun(NIGHT, fails(error))
    expect(failed).toMatchObject({ status: 'failed', outcome: 'failed', error })
    const refused = await ledger.tryRun(NIGHT, never)
    const done = await ledger.tryRun({ ...NIGHT, maxAttempts: 2 }, () => 1)
    const duplicate = await ledger.tryRun(NIGHT, never)
    expect([failed, refused, done, duplicate].map((outcome) => exitCodeOf(outcome))).toEqual([1, 65, 0, 0])
  })

  test('each outcome, and the log, says what happened, whether the work was done, and what the next trigger does', async () => {
    const logged: string[] = []
    const ledger = newLedger((_event, _context, verdict) => {
      if (verdict !== null) logged.push(`${verdict.work}, ${verdict.nextTrigger}`)
    })
    const undecided = { work: 'unknown', nextTrigger: 'refused', steps: expect.any(Array) }
    const failed = await ledger.tryRun(NIGHT, fails(new Error('no paper')))
    expect(failed.verdict).toEqual({
      happened: expect.stringMatching(/^attempt 1 on .* failed after .*: no paper$/),
      ...undecided,
    })
    const happened = expect.stringMatching(/^attempt 1 on .* failed after .*s$/)
    expect((await ledger.tryRun(NIGHT, never)).verdict).toEqual({ happened, ...undecided })
    const done = {
      happened: expect.stringMatching(/^attempt 2 on .* succeeded at /),
      work: 'done',
      nextTrigger: 'duplicate',
    }
    expect((await ledger.run({ ...NIGHT, maxAttempts: 2 }, () => 1)).verdict).toEqual(done)
    expect((await ledger.run(NIGHT, never)).verdict).toEqual(done)
    expect(logged).toEqual(['unknown, refused', 'unknown, refused', 'done, duplicate', 'done, duplicate'])
  })

  test('a missed slot whose success is not recorded throws too', async () => {
    const ledger = newLedger()
    const today = startOfToday()
    const daily = (days: number) => ({
      task: 'nightly',
      schedule: '0 0 * * *',
      eventTime: new Date(today - days * 86_400_000),
    })
    await ledger.run(daily(3), () => null)
    const run = ledger.run({ ...daily(1), catchUpMs: 31 * 86_400_000 }, async (attempt) => {
      if (attempt.slot.getTime() === today - 2 * 86_400_000) await resolveInside(ledger, attempt)
    })
    await expect(run).rejects.toMatchObject({
      outcome: { status: 'unrecorded', slot: new Date(today - 2 * 86_400_000) },
    })
  })
})

describe('once', () => {
  const { eventTime: _, ...NIGHTLY } = NIGHT
  interface ScheduledEvent {
    readonly time: string
  }

  test('returns a function that does the work once in each slot, and takes the event time from its arguments', async () => {
    const ledger = newLedger()
    const pay = ledger.once(
      ({ time }: ScheduledEvent) => ({ ...NIGHTLY, eventTime: time }),
      ({ date }, event) => `${date} ${event.time}`,
    )
    expect(await pay({ time: '2026-11-23T03:00:00Z' })).toBe('2026-11-23 2026-11-23T03:00:00Z')
    expect(await pay({ time: '2026-11-23T03:00:00Z' })).toBeUndefined()
    expect(await pay({ time: '2026-11-24T03:00:00Z' })).toBe('2026-11-24 2026-11-24T03:00:00Z')
  })

  test('once with fixed options throws what the work throws, and then that it is refused', async () => {
    const ledger = newLedger()
    const pay = ledger.once(NIGHT, ({ number }, sum: number) => {
      throw new Error(`attempt ${number} of ${sum}`)
    })
    await expect(pay(5)).rejects.toThrow('attempt 1 of 5')
    await expect(pay(5)).rejects.toMatchObject({ name: 'OutcomeError', outcome: { status: 'refused' } })
  })
})

// promise: run-key
test('the key of a slot is the same in every attempt, also after a retry and a force', async () => {
  const ledger = newLedger()
  const keys: (string | undefined)[] = []
  const work = ({ number, key, env }: Attempt) => {
    keys.push(key, env['CRONLEDGER_RUN_KEY'])
    if (number < 3) throw new Error('no paper')
  }
  await expect(ledger.run({ ...NIGHT, maxAttempts: 2, retryDelayMs: 0 }, work)).rejects.toThrow('no paper')
  const force = { slot: '2026-11-23', reason: 'paper is there' }
  expect(await ledger.run({ ...NIGHT, eventTime: undefined, force }, work)).toMatchObject({ attempt: 3 })
  expect(keys).toEqual(Array(6).fill('a6a0e187-e9dc-593d-be44-ec1bf18571eb'))
  await ledger.run({ ...NIGHT, eventTime: '2026-11-24T03:00:05Z' }, ({ key }) => expect(keys).not.toContain(key))
})

describe('a run that is stopped', () => {
  test('throws what the work throws, which may be the reason of the signal: interrupted', async () => {
    const ledger = newLedger()
    const stop = new AbortController()
    const reason = new Error('shutdown')
    const run = ledger.run({ ...NIGHT, signal: stop.signal }, async ({ signal }) => {
      const told = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      stop.abort(reason)
      return told
    })
    expect((await thrownBy(run)).thrown).toBe(reason)
    expect(await ledger.get(KEY)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'interrupted' }] })
  })

  test('completes if the work returns all the same', async () => {
    const ledger = newLedger()
    const stop = new AbortController()
    const outcome = await ledger.run({ ...NIGHT, signal: stop.signal }, () => {
      stop.abort()
      return 'done in time'
    })
    expect(outcome).toMatchObject({ status: 'completed', value: 'done in time' })
    // @ts-expect-error A run that fails throws, so its result is never `failed`.
    expect(outcome.status === 'failed').toBe(false)
  })

  test('a run leaves no listener on the signal of the caller, who may use it for many runs', async () => {
    const { signal } = new AbortController()
    const ledger = newLedger()
    await ledger.run({ ...NIGHT, signal }, () => expect(getEventListeners(signal, 'abort')).not.toEqual([]))
    await thrownBy(ledger.run({ ...NIGHT, eventTime: '2026-11-24T03:00:05Z', signal }, fails(new Error('no paper'))))
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  // promise: function-not-started
  test('a run that is stopped before it began throws the reason of the signal, and the slot is free', async () => {
    const ledger = newLedger()
    const reason = new Error('shutdown')
    const run = ledger.run({ ...NIGHT, signal: AbortSignal.abort(reason) }, never)
    expect((await thrownBy(run)).thrown).toBe(reason)
    await expect(ledger.run({ ...NIGHT, signal: AbortSignal.abort() }, never)).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    )
    expect(await ledger.run(NIGHT, () => 1)).toMatchObject({ status: 'completed', attempt: 1 })
  })
})

/** Removes rows. The next renewal finds that its row no longer belongs to it. */
async function removeRow(which = '') {
  const { default: Libsql } = await import('libsql')
  const database = new Libsql(join(folder, `ledger-${files}.db`))
  // The heartbeats hold the file now and then.
  database.exec('PRAGMA busy_timeout = 60000')
  database.exec(`DELETE FROM rows ${which}`)
  database.close()
}

describe('a run that loses its lease', () => {
  test('aborts the signal of the work with an error, and throws what the work throws', async () => {
    const events: RunEvent[] = []
    const ledger = newLedger((event) => events.push(event))
    const run = ledger.run({ ...NIGHT, heartbeatMs: 100 }, async ({ signal }) => {
      const told = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      await removeRow()
      return told
    })
    const { thrown } = await thrownBy(run)
    expect(thrown).toBeInstanceOf(Error)
    expect(thrown).toMatchObject({ name: 'AbortError', message: expect.stringContaining('lease') })
    expect(events.at(-1)).toMatchObject({ event: 'ended', ending: { outcome: 'leaseLost' }, finish: 'deleted' })
  })

  // promise: function-not-started
  test('a run that loses its lease before the work starts throws that nothing was started', async () => {
    const [waits, begins, ends] = [gate(), gate(), gate()]
    const ledger = newLedger(({ event }) => event === 'waiting' && waits.open())
    const first = ledger.run({ ...NIGHT, overlap: 'wait' }, () => {
      begins.open()
      return ends.opened
    })
    await begins.opened
    const next = { ...NIGHT, eventTime: '2026-11-24T03:00:05Z', overlap: 'wait' as const, heartbeatMs: 100 }
    const waiting = ledger.run(next, never)
    const failure = expect(waiting).rejects.toMatchObject({
      name: 'LedgerError',
      kind: 'unreachable',
      message: expect.stringContaining('nothing was started'),
    })
    await waits.opened
    await removeRow()
    await failure
    ends.open()
    await first.catch(() => null)
  })
})

describe('a run that catches up', () => {
  const DAY_MS = 86_400_000
  const today = startOfToday()
  const at = (days: number) => new Date(today - days * DAY_MS)
  const daily = (days: number) => ({ task: 'nightly', schedule: '0 0 * * *', eventTime: at(days) })
  const CATCH_UP = { ...daily(1), catchUpMs: 31 * DAY_MS }
  const isSlot = ({ slot }: Attempt, days: number) => slot.getTime() === at(days).getTime()

  test('calls the function for each missed slot before its own, and gives all results', async () => {
    const ledger = newLedger()
    await ledger.run(daily(4), () => null)
    const work = ({ slot }: Attempt) => slot.toISOString()
    const outcome = await ledger.run(CATCH_UP, work)
    expect(outcome).toMatchObject({ status: 'completed', slot: at(1), value: at(1).toISOString() })
    expect(outcome.caughtUp).toMatchObject([
      { status: 'completed', slot: at(3), windowEnd: at(2), value: at(3).toISOString() },
      { status: 'completed', slot: at(2), value: at(2).toISOString() },
    ])
    expect(await ledger.run(CATCH_UP, work)).toMatchObject({ status: 'duplicate', caughtUp: [] })
  })

  test('a run that catches up gives each slot the zone of the schedule that was in force then', async () => {
    const ledger = newLedger()
    // The second run proves that the slot between them was due under the schedule of Tokyo.
    for (const days of [4, 2]) await ledger.run({ ...daily(days), timezone: 'Asia/Tokyo' }, () => null)
    const outcome = await ledger.run({ ...CATCH_UP, timezone: 'America/New_York' }, ({ timezone, local, env }) => [
      timezone,
      env['CRONLEDGER_RUN_TIMEZONE'],
      local.slice(10, 19),
    ])
    const tokyo = ['Asia/Tokyo', 'Asia/Tokyo', 'T00:00:00']
    expect(outcome.caughtUp.length).toBeGreaterThan(0)
    for (const missed of outcome.caughtUp) expect(missed).toMatchObject({ status: 'completed', value: tokyo })
    expect(outcome).toMatchObject({ value: ['America/New_York', 'America/New_York', 'T00:00:00'] })
  })

  test('throws the error of the first missed slot that failed, after all slots have run', async () => {
    const ledger = newLedger()
    await ledger.run(daily(5), () => null)
    const run = ledger.run(CATCH_UP, (attempt) => {
      if (isSlot(attempt, 4) || isSlot(attempt, 3)) throw new Error(`no input of ${attempt.date}`)
    })
    await expect(run).rejects.toThrow(`no input of ${at(4).toISOString().slice(0, 10)}`)
    const states = []
    for await (const row of ledger.history({ task: 'nightly' })) states.push('state' in row && row.state)
    expect(states).toEqual(['COMPLETED', 'COMPLETED', 'FAILED', 'FAILED', 'COMPLETED'])
  })

  test('a run that catches up names a missed slot whose lease was lost before its start, and says that its own slot completed', async () => {
    const [begins, ends, waits, lost] = [gate(), gate(), gate(), gate()]
    const ledger = newLedger(({ event }) => {
      if (event === 'waiting') waits.open()
      if (event === 'lease-lost') lost.open()
    })
    const settings = { overlap: 'wait' as const, heartbeatMs: 100 }
    await ledger.run({ ...daily(4), ...settings }, () => null)
    const holder = ledger.run({ ...daily(3), ...settings }, () => {
      begins.open()
      return ends.opened
    })
    await begins.opened
    const missed = at(2).toISOString().replace('.000Z', 'Z')
    const run = ledger.run({ ...CATCH_UP, ...settings }, () => null)
    const failure = expect(run).rejects.toMatchObject({
      kind: 'unreachable',
      message: `the lease of the missed slot ${missed} was lost before its work started. The slot of the trigger ended as completed. Look at the missed slot before you run it.`,
    })
    await waits.opened
    await removeRow(`WHERE slot = '${missed}'`)
    await lost.opened
    ends.open()
    await holder
    await failure
  })

  test('throws the error of its own slot before that of a missed slot', async () => {
    const ledger = newLedger()
    await ledger.run(daily(3), () => null)
    const run = ledger.run(CATCH_UP, (attempt) => {
      throw new Error(isSlot(attempt, 1) ? 'own' : 'missed')
    })
    await expect(run).rejects.toThrow('own')
  })
})
