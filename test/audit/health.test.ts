import { expect, test } from 'vitest'
import { type CheckSettings, taskHealth } from '../../src/audit/check.ts'
import type { KnownTask } from '../../src/audit/tasks.ts'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import type { Row } from '../../src/core/types.ts'
import { systemClock } from '../../src/process/clock.ts'
import { NO_FINDINGS } from '../../src/verdict/judge.ts'
import { closed, FAILED, FORCED, NOW, PAUSE, recordWith, rowWith, SUCCEEDED } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

const DAY_MS = 86_400_000
const { slot, schedule } = rowWith({})
const DAILY = [{ since: slot - 10 * DAY_MS, spec: schedule }]
const TASK: KnownTask = { task: 'nightly', ...recordWith(DAILY) }
const SETTINGS: CheckSettings = {
  now: NOW + 60_000,
  since: slot - 2 * DAY_MS,
  until: NOW + DAY_MS,
  progress: () => undefined,
}

function depsWith(...rows: readonly Row[]) {
  const store = memoryStore()
  for (const row of rows) store.writeRaw(encodeRow(row))
  return { store, clock: systemClock, pageTimeoutMs: 30_000, signals: [] }
}

async function healthOf(known: KnownTask, rows: readonly Row[], settings: Partial<CheckSettings> = {}) {
  for await (const health of taskHealth(known, { ...SETTINGS, ...settings }, depsWith(...rows))) return health
  return null
}

const yesterday = { ...rowWith({ ending: SUCCEEDED }), slot: slot - DAY_MS }

test('the condition of a task has the newest slot that was due, the newest success, and the number of findings', async () => {
  const expectations = { since: slot, owner: 'ops' }
  const known = { ...TASK, expectations }
  expect(await healthOf(known, [rowWith({ ending: FAILED }), yesterday])).toEqual({
    task: 'nightly',
    status: 'failed',
    lastSuccessAt: NOW + 1_000,
    facts: {},
    lastDurationMs: 1_000,
    next: slot + DAY_MS,
    duplicates: 0,
    owner: 'ops',
    findings: { ...NO_FINDINGS, failed: 1, missed: 1 },
  })
  expect(await healthOf(TASK, [yesterday])).toMatchObject({ status: 'due' })
  expect(await healthOf({ ...TASK, expectations: { since: slot, doneByMs: 30_000 } }, [yesterday])).toMatchObject({
    status: 'overdue',
    findings: { ...NO_FINDINGS, overdue: 1, missed: 1 },
  })
  expect(await healthOf(TASK, [], { since: NOW })).toMatchObject({ status: null, lastSuccessAt: null })
})

test('the condition of a task counts a success that a later attempt of the slot did not repeat', async () => {
  const row = rowWith({ ending: SUCCEEDED }, { trigger: FORCED, ending: FAILED })
  expect(await healthOf(TASK, [row])).toMatchObject({ status: 'failed', lastSuccessAt: NOW + 1_000 })
})

test('the condition of a task has what the batch of the newest completed slot reported', async () => {
  const said = (report: string) => rowWith({ ending: { ...SUCCEEDED, report } })
  const rows = [said('{"rows":7}'), { ...said('{"rows":8}'), slot: slot - DAY_MS }]
  expect(await healthOf(TASK, rows)).toMatchObject({ facts: { rows: 7 } })
  expect(
    await healthOf(TASK, [rowWith({ ending: { ...FAILED, report: '{"rows":9}' } }), ...rows.slice(1)]),
  ).toMatchObject({
    facts: { rows: 8 },
  })
})

test('the condition of a task ignores a slot of the future that an operator has resolved', async () => {
  const ahead: Row = {
    ...closed(rowWith({ ending: FAILED })),
    attempts: [],
    state: 'SKIPPED',
    slot: slot + DAY_MS,
    windowEnd: null,
  }
  expect(await healthOf(TASK, [ahead, rowWith({ ending: SUCCEEDED })], { until: slot + 3 * DAY_MS })).toMatchObject({
    status: 'completed',
  })
})

test('the condition of a task is left out for a retired task without findings, also if it is to be resumed later, and stands for a paused one', async () => {
  const since = { ...PAUSE, from: slot - DAY_MS }
  const calm = { since: slot - DAY_MS }
  expect(await healthOf({ ...TASK, retirements: [since] }, [yesterday], calm)).toBe(null)
  // What was missed before the retirement is still a finding, as in the list of findings.
  expect(await healthOf({ ...TASK, retirements: [since] }, [yesterday])).toMatchObject({ findings: { missed: 1 } })
  const until = SETTINGS.now + DAY_MS
  expect(await healthOf({ ...TASK, retirements: [{ ...since, until }] }, [yesterday], calm)).toBe(null)
  const ended = { ...since, until: SETTINGS.now }
  expect(await healthOf({ ...TASK, retirements: [ended] }, [yesterday])).not.toBe(null)
  expect(await healthOf({ ...TASK, pauses: [since] }, [])).toMatchObject({
    status: 'missed',
    findings: { ...NO_FINDINGS, missed: 1 },
  })
})
