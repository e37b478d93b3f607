import { describe, expect, test } from 'vitest'
import type { Instant } from '../../../src/core/types.ts'
import type { Attempt } from '../../../src/function-work.ts'
import { systemClock } from '../../../src/process/clock.ts'
import { attemptVariables } from '../../../src/run/command.ts'
import type { LiveAttempt } from '../../../src/run/execute.ts'
import { inProcess } from '../../support/in-process.ts'
import { FAILED, rowWith } from '../../support/rows.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'
import { failsAfter, type HostOptions, recordVerbs, TASK, works, world } from '../../support/simulated/world.ts'

const HOUR_MS = 3_600_000
const SINCE = { settings: { sinceLastSuccess: true } } as const
const FORCE = { by: 'ada', reason: 'bad input file', only: ['failed', 'completed'] } as const
const call = () => ({ signal: new AbortController().signal })

/** Returns a world of hourly slots, and a function that runs one of them and returns the `since` of its attempts, in slots. */
function sinceWorld() {
  const at = world('hourly', 10)
  let runs = 0
  const slotsOf = (since: Instant | null | undefined) => (since == null ? null : (since - at.slotOfDay(0)) / HOUR_MS)
  async function sinceOf(day: number, options: HostOptions = SINCE, work = works(1)) {
    const seen: LiveAttempt[] = []
    const runId = `run-${++runs}`
    const watched: typeof work = (live, clock) => {
      seen.push(live)
      return work(live, clock)
    }
    const run = at.trigger(runId, watched, { day, ...options })
    await at.time.run(run.result)
    const row = await at.row(day)
    const recorded = row.attempts.filter((one) => one.runId === runId).map(({ since }) => slotsOf(since))
    // What the batch got is on record.
    expect(seen.map(({ since }) => slotsOf(since))).toEqual(recorded)
    return { given: recorded.at(-1) ?? null, all: recorded, events: run.events, seen }
  }
  const before = (day: number, work = works(1), options: HostOptions = {}) =>
    at.time.run(at.trigger(`before-${day}`, work, { day, ...options }).result)
  return { ...at, sinceOf, runs: before }
}

describe('since the last success', () => {
  test('is read after the wait for another slot, and again before a retry', async () => {
    const { sinceOf, trigger, runs, time } = sinceWorld()
    const settings = { sinceLastSuccess: true, overlap: 'wait' } as const
    await runs(1)
    const before = trigger('long', works(20 * 60_000), { day: 2, settings: { overlap: 'wait' } })
    await time.run(time.clock().wait(1_000))
    expect((await sinceOf(3, { settings })).given).toBe(2)
    await time.run(before.result)
    const retries = { settings: { sinceLastSuccess: true, maxAttempts: 2, retryDelayMs: 60_000 } }
    const failsOnce = async (live: LiveAttempt, clock: Parameters<ReturnType<typeof works>>[1]) => {
      if (live.number === 2) return works(1)(live, clock)
      await trigger('meanwhile', works(1), { day: 4 }).result
      return failsAfter(1)(live, clock)
    }
    expect((await sinceOf(5, retries, failsOnce)).all).toEqual([3, 4])
  })

  test('is one query that decides on what is written now; without the option, a run reads no other slot', async () => {
    const { sinceOf, runs, slotOfDay } = sinceWorld()
    await sinceOf(3)
    const { verbs, fateOf } = recordVerbs()
    const asked: unknown[] = []
    const watch = {
      asked: (store) => store,
      applied: (store) => ({
        ...store,
        list(query, how) {
          asked.push(query)
          return store.list(query, how)
        },
      }),
    } satisfies NonNullable<HostOptions['watch']>
    await sinceOf(4, { ...SINCE, fateOf, watch })
    expect(verbs.filter((verb) => verb !== 'writeEntry')).toEqual(['put', 'readEntry', 'list', 'put'])
    expect(asked).toMatchObject([{ task: TASK, until: slotOfDay(4), consistent: true, limit: 10 }])
    await runs(5)
    verbs.length = 0
    await sinceOf(6, { fateOf })
    expect(verbs.filter((verb) => verb !== 'writeEntry')).toEqual(['put', 'readEntry', 'put'])
  })

  test('is not set if it is more than 1,000 rows back, and the log says so', async () => {
    const { sinceOf, ledger, slotOfDay, runs } = sinceWorld()
    const warning = expect.objectContaining({ event: 'warning', message: expect.stringContaining('is not set') })
    // Half of the rows are slots that a force ran between two hours.
    await runs(1)
    const failed = rowWith({ ending: FAILED })
    for (let half = 3; half < 1_003; half++)
      await ledger.put({ ...failed, slot: slotOfDay(half / 2), windowEnd: null, version: 1 }, 'absent', call())
    const { given, events } = await sinceOf(502)
    expect({ given, events }).toEqual({ given: null, events: expect.arrayContaining([warning]) })
    expect((await sinceOf(503)).given).toBe(502)
  })

  test('is given also to a forced run of a slot whose earlier attempt had it', async () => {
    const { sinceOf, runs } = sinceWorld()
    await runs(1)
    await sinceOf(2, SINCE, failsAfter(1))
    expect((await sinceOf(2, { force: FORCE })).given).toBe(1)
  })

  test('is given to a forced run of a missed or a covered slot, if the work of the slots before took a range', async () => {
    const { sinceOf, runs } = sinceWorld()
    const force = { ...FORCE, only: ['missed', 'failed'] } as const
    await runs(1)
    expect((await sinceOf(2, { force })).given).toBeNull()
    await sinceOf(3)
    expect((await sinceOf(5, { force })).given).toBe(3)
    const once = { settings: { catchUpMs: 24 * HOUR_MS, catchUpMode: 'once', graceMs: 0 } } as const
    await sinceOf(8, once, failsAfter(1))
    expect((await sinceOf(7, { force })).given).toBe(5)
  })

  test('is given to a forced run also after a first run that found none, because the record says that the runs take it', async () => {
    const now = Date.parse('2026-11-26T04:00:00Z')
    const { run } = inProcess(memoryStore(), { ...systemClock, now: () => now })
    const daily = { task: TASK, schedule: '0 3 * * *' }
    const given: unknown[] = []
    const batch = ({ since }: Attempt) => given.push(since)
    const [first, missed] = [new Date('2026-11-24T03:00:00Z'), new Date('2026-11-25T03:00:00Z')]
    await run({ ...daily, eventTime: first, sinceLastSuccess: true }, batch)
    await run({ ...daily, force: { slot: missed, reason: 'missed' } }, batch)
    expect(given).toEqual([null, first])
  })

  test('is a variable of the batch, which is not set if it is not known', async () => {
    const { sinceOf, runs, slotOfDay } = sinceWorld()
    const variablesOf = ([live]: readonly LiveAttempt[]) => (live === undefined ? {} : attemptVariables(live))
    expect(variablesOf((await sinceOf(1)).seen)).not.toHaveProperty('CRONLEDGER_RUN_SINCE')
    await runs(2)
    const since = new Date(slotOfDay(2)).toISOString().replace('.000', '')
    expect(variablesOf((await sinceOf(3)).seen)).toMatchObject({ CRONLEDGER_RUN_SINCE: since })
  })

  test('nothing starts if the ledger does not answer the query', async () => {
    const { trigger, time, row } = sinceWorld()
    const fateOf = ({ verb }: { verb: string }) => ({ kind: verb === 'list' ? 'denied' : 'answered' }) as const
    const run = trigger('a', works(1), { day: 3, ...SINCE, fateOf })
    await expect(time.run(run.result)).rejects.toMatchObject({ kind: 'denied' })
    expect(run.starts()).toBe(0)
    expect(await row(3)).toMatchObject({ state: 'FAILED', attempts: [{ outcome: 'notStarted' }] })
  })
})
