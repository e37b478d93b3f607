import { expect, test } from 'vitest'
import { checkTask } from '../../../src/audit/check.ts'
import { isNewerRecord, type TaskRecord } from '../../../src/core/task/task-record.ts'
import type { TriggerOptions } from '../../../src/run/run-trigger.ts'
import { readRecord } from '../../../src/run/task/task-record.ts'
import { slotOf, triggers } from '../../support/simulated/triggers.ts'
import { TASK, works } from '../../support/simulated/world.ts'

const DAY_MS = 86_400_000
const CALL = { signal: new AbortController().signal }
const DAILY = { expression: '0 3 * * *', zone: 'UTC' }
const CATCH_UP = { catchUpMs: 31 * DAY_MS }
const forceOf = (day: number) => ({ force: { slot: new Date(slotOf(day)), reason: 'the ledger was down', by: 'ops' } })

/** Returns a ledger of a task without a scheduled run. Its clock stands on the day of slot 0, and `sleep` moves it. */
function ledgerOf() {
  const { time, ledger, trigger } = triggers()
  async function play(options: Partial<TriggerOptions>) {
    const run = trigger(options, works(1_000))
    await time.run(run.result)
    return run.started
  }
  async function record(): Promise<TaskRecord> {
    const read = (await readRecord(TASK, ledger, CALL)).record
    if (isNewerRecord(read)) throw new Error('a newer record')
    return read
  }
  async function check() {
    const clock = time.clock()
    const now = clock.now()
    const settings = { now, since: slotOf(-30), until: now, skewMs: 30_000, progress: () => {} }
    const deps = { store: ledger, clock, pageTimeoutMs: 1_000, signals: [] }
    const found: unknown[] = []
    for await (const one of checkTask({ task: TASK, ...(await record()) }, settings, deps))
      found.push([one.kind, one.slot, ...('doubt' in one ? [one.doubt] : [])])
    return found
  }
  const sleep = (days: number) => time.run(time.clock().wait(days * DAY_MS))
  return { play, record, check, sleep }
}

test('a forced run of a task without a record states its schedule, so that its missed slots are found', async () => {
  const { play, record, check, sleep } = ledgerOf()
  await play(forceOf(0))
  expect((await record()).schedules).toEqual([{ since: slotOf(0), spec: DAILY, declared: 'forced' }])
  expect(await check()).toEqual([])
  await sleep(2.5)
  expect(await check()).toEqual([
    ['missed', slotOf(2)],
    ['missed', slotOf(1)],
  ])
  // Only the first one states it: an operator may force an old slot under an old schedule.
  await play({ ...forceOf(-3), schedule: '0 4 * * *', ...{ force: { ...forceOf(0).force, slot: '2026-11-20' } } })
  expect((await record()).schedules).toHaveLength(1)
})

test('the first scheduled run confirms the schedule of a forced run, and catches up no slot that only the force stated', async () => {
  const { play, record, check, sleep } = ledgerOf()
  await play(forceOf(0))
  await sleep(3)
  expect(await play(CATCH_UP)).toEqual([slotOf(3)])
  expect((await record()).schedules).toEqual([{ since: slotOf(3), after: slotOf(0), spec: DAILY }])
  await sleep(2)
  expect(await play(CATCH_UP)).toEqual([slotOf(4), slotOf(5)])
  const doubt = { after: slotOf(0), until: slotOf(3), isFirst: true }
  expect(await check()).toEqual([
    ['missed', slotOf(2), doubt],
    ['missed', slotOf(1), doubt],
  ])
})

test('a scheduled run with another schedule than a forced one is neither refused nor a change', async () => {
  const { play, record, sleep } = ledgerOf()
  await play({ ...forceOf(0), schedule: '0 3 * * 2' })
  await sleep(1)
  expect(await play({ strict: true, eventTime: new Date(slotOf(1)), ...CATCH_UP })).toEqual([slotOf(1)])
  expect((await record()).schedules).toEqual([{ since: slotOf(1), after: slotOf(0), spec: DAILY }])
})
