import { expect, test } from 'vitest'
import { lastSlots } from '../../src/cli/commands/tasks.ts'
import { statusOf } from '../../src/core/row/status.ts'
import { encodeRow } from '../../src/core/row/stored-row.ts'
import { claimRow, coverRow, finishRow, resolveRow } from '../../src/core/row/transition.ts'
import { parseSchedule } from '../../src/core/schedule/schedule.ts'
import { slotAfter, slotBefore, windowOf } from '../../src/core/schedule/slot.ts'
import { NO_FINDINGS, type TaskFinding } from '../../src/core/task/findings.ts'
import {
  EMPTY_TASK_RECORD,
  expectedTimes,
  type ScheduleSince,
  type Suspension,
} from '../../src/core/task/task-record.ts'
import type { Instant, Row, ScheduleSpec } from '../../src/core/types.ts'
import { isNotInRange } from '../../src/format/check/needs.ts'
import { readMethods } from '../../src/ledger.ts'
import { systemClock } from '../../src/process/clock.ts'
import { writeRecord } from '../../src/run/task/task-record.ts'
import { beginNeeds } from '../../src/web/server/read/needs.ts'
import { readRecent, readTask, readTaskPage } from '../../src/web/server/read/task.ts'
import { chanceOf } from '../sim/chance.ts'
import { FAILED, FORCED, NOT_STARTED, SCHEDULED, SUCCEEDED } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

/** `EVERY=1` compares more, as .ci/deep does. */
const LEDGERS = process.env['EVERY'] === '1' ? 400 : 60
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const NOW = Date.parse('2026-11-24T12:34:56Z')
const SINCE = NOW - 36 * HOUR_MS
const CALL = { signal: new AbortController().signal }

/** Returns a generator of numbers in [0, 1), the same ones for each seed. */
function numbers(seed: number): () => number {
  const { int } = chanceOf(seed)
  return () => int(0, 999_999) / 1_000_000
}

const SPECS: readonly ScheduleSpec[] = [
  { expression: '17 * * * *', zone: 'UTC' },
  { expression: '0 */3 * * *', zone: 'Asia/Tokyo' },
  { expression: '30 1,13 * * *', zone: 'America/New_York' },
]

type Chance = () => number
const pick = <T>(items: readonly T[], chance: Chance): T => items[Math.floor(chance() * items.length)] as T

/** Returns a time up to `spanMs` after the begin, in whole seconds. */
const somewhen = (spanMs: number, chance: Chance) => SINCE + Math.floor((chance() * spanMs) / 1_000) * 1_000

let writes = 0
/** Returns a row of any fate. */
function rowOf(task: string, spec: ScheduleSpec, slot: Instant, chance: Chance): Row {
  const window = { slot, end: slotAfter(parseSchedule(spec), slot) }
  const stamp = (now: Instant) => ({ writeId: `w${++writes}`, now })
  const at = slot + pick([5_000, 40 * 60_000], chance)
  const claim = { task, window, schedule: spec, zoneData: 'z', runId: `r${++writes}`, host: { host: 'h' } }
  if (chance() < 0.1) {
    const [state, by, reason] = [pick(['SKIPPED', 'COMPLETED', 'FAILED'] as const, chance), 'ada', 'x']
    return resolveRow(null, { ...claim, state, by, reason }, stamp(at))
  }
  let row: Row | null = null
  const attempts = pick([1, 1, 1, 2, 3], chance)
  for (let number = 1; number <= attempts; number++) {
    const trigger = chance() < 0.3 ? FORCED : { ...SCHEDULED, eventTime: slot }
    row = claimRow(row, { ...claim, trigger }, stamp(at + number * 1_000), chance() < 0.5 ? DAY_MS * 9 : 1_000)
    const ending = pick([SUCCEEDED, SUCCEEDED, FAILED, NOT_STARTED, null], chance)
    if (ending !== null) row = finishRow(row, ending, stamp(at + number * 1_000 + 500))
    else if (number === attempts) break
  }
  return row as Row
}

/** Returns a row that is covered by a later slot. */
function coveredBy(by: Instant, task: string, schedule: ScheduleSpec, slot: Instant): Row {
  const owner = { task, schedule, zoneData: 'z', runId: `r${++writes}` }
  const cover = { ...owner, window: { slot, end: slotAfter(parseSchedule(schedule), slot) }, by, retentionMs: null }
  return coverRow(null, cover, { writeId: `w${++writes}`, now: by })
}

interface Covered {
  readonly task: string
  readonly slot: Instant
  /** The slot at the end of the chain. Null: its row is gone. */
  readonly end: Instant | null
}

/** Fills a ledger with tasks of any kind: with one schedule or two, forced only, paused, retired. */
async function ledgerOf(chance: Chance) {
  const store = memoryStore()
  const tasks = ['a', 'b', 'c'].slice(0, 1 + Math.floor(chance() * 3))
  const covered: Covered[] = []
  for (const task of tasks) {
    /** By slot: where the chain of a slot ends that has a row. */
    const ends = new Map<Instant, Instant | null>()
    const [spec, later] = [pick(SPECS, chance), pick(SPECS, chance)]
    const isForcedOnly = chance() < 0.25
    const changeAt = somewhen(36 * HOUR_MS, chance)
    let last: Instant = NOW
    for (const one of [later, spec]) {
      const schedule = parseSchedule(one)
      let slot = windowOf(schedule, last)?.slot ?? null
      for (; slot !== null && slot > (one === later ? changeAt : SINCE - DAY_MS); slot = slotBefore(schedule, slot)) {
        const by = pick([...ends.keys(), slot + HOUR_MS], chance)
        const end = ends.get(by) ?? null
        if (
          chance() < 0.2 &&
          by > slot &&
          by <= NOW &&
          (end !== null || (await store.get({ task, slot: by }, CALL)) === null)
        ) {
          await store.put(coveredBy(by, task, one, slot), 'absent', CALL)
          covered.push({ task, slot, end })
          ends.set(slot, end)
        } else if (chance() < 0.4) {
          await store.put(rowOf(task, one, slot, chance), 'absent', CALL)
          ends.set(slot, slot)
        }
        // A row that this version cannot read.
        else if (chance() < 0.05) {
          const raw = encodeRow(rowOf(task, one, slot, chance))
          store.writeRaw({ ...raw, ...pick([{ schemaVersion: 9 }, { state: 'odd' }], chance) })
        }
      }
      last = changeAt
    }
    // A slot that an operator forced under a schedule that is not on record.
    const odd = { expression: '41 * * * *', zone: 'UTC' }
    const forced = windowOf(parseSchedule(odd), somewhen(DAY_MS, chance))?.slot
    if (forced !== undefined && chance() < 0.3) await store.put(rowOf(task, odd, forced, chance), 'absent', CALL)
    if (isForcedOnly) {
      await writeRecord(task, EMPTY_TASK_RECORD, 'absent', store, CALL)
      continue
    }
    const first = slotAfter(parseSchedule(later), changeAt) ?? NOW
    const schedules: ScheduleSince[] = [
      { since: SINCE - 9 * DAY_MS, spec },
      ...(first <= NOW ? [{ since: first, spec: later }] : []),
    ]
    const span = (from: Instant, until: Instant | null): Suspension => ({
      from,
      until,
      at: from,
      by: 'ada',
      reason: 'x',
    })
    const from = somewhen(DAY_MS, chance)
    const record = {
      ...EMPTY_TASK_RECORD,
      schedules,
      pauses: chance() < 0.3 ? [span(from, from + 5 * HOUR_MS)] : [],
      retirements: chance() < 0.2 ? [span(from + DAY_MS, null)] : [],
      expectations: {
        since: SINCE,
        ...(chance() < 0.5 && { lateAfterMs: 60_000 }),
        ...(chance() < 0.5 && { doneByMs: HOUR_MS }),
      },
    }
    await writeRecord(task, record, 'absent', store, CALL)
  }
  const deps = { store, clock: { ...systemClock, now: () => NOW }, pageTimeoutMs: 9_000, signals: [] }
  return { ledger: readMethods(async () => deps), tasks, covered }
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const named = ({ task, slot, kind }: TaskFinding) => `${task} ${new Date(slot).toISOString()} ${kind}`

test('all views of a ledger have the same findings and the same newest slots, in random ledgers', async () => {
  let [total, coveredSlots] = [0, 0]
  const range = { since: new Date(SINCE), until: new Date(NOW + 1) }
  for (let seed = 1; seed <= LEDGERS; seed++) {
    const { ledger, tasks, covered } = await ledgerOf(numbers(seed))
    const reading = { ledger, ledgerTimeoutMs: 9_000, now: NOW, ...CALL } as unknown as Parameters<typeof beginNeeds>[1]
    const found = await all(ledger.check(range))
    total += found.length
    coveredSlots += covered.length
    // One task after the other has the same ones.
    const ofEach: TaskFinding[] = []
    for (const task of tasks) ofEach.push(...(await all(ledger.check({ ...range, task }))))
    expect(ofEach.map(named), `seed ${seed}`).toEqual(found.map(named))
    // The metrics count them, and so do the pages and the report.
    const counts = { ...NO_FINDINGS }
    for (const { kind } of found) counts[kind] += 1
    const metrics = { ...NO_FINDINGS }
    for (const { findings } of await all(ledger.health(range)))
      for (const [kind, count] of Object.entries(findings)) metrics[kind as TaskFinding['kind']] += count
    expect(metrics, `seed ${seed}`).toEqual(counts)
    const needs = await beginNeeds({ span: { since: SINCE, until: NOW + 1 }, when: '' }, reading).whole
    expect([needs.count, needs.tasks, needs.problems], `seed ${seed}`).toEqual([counts, tasks.length, []])
    for (const known of await all(ledger.tasks())) {
      const read = await readTask(known.task, reading)
      if (read === null) throw new Error('the page does not know the task')
      const { slots } = await readRecent(read, await readTaskPage(read, {}, reading), reading)
      expect((await lastSlots(known, ledger, {}, NOW)).last?.slot, `seed ${seed} ${known.task}`).toBe(slots[0]?.slot)
      // A covered slot is what the slot is that covers it, and a part of its finding.
      const shown = new Map(slots.map((one) => [one.slot, one]))
      for (const { slot, end } of covered.filter(({ task }) => task === known.task)) {
        const name = `seed ${seed} ${known.task} ${new Date(slot).toISOString()}`
        const ofEnd = end === null ? null : await ledger.get({ task: known.task, slot: new Date(end) })
        const own = await ledger.get({ task: known.task, slot: new Date(slot) })
        const times = { now: NOW, ...expectedTimes(known) }
        const status = ofEnd === null || end === null ? 'missed' : statusOf({ slot: end, row: ofEnd }, times)
        expect(statusOf({ slot, row: own }, times), name).toBe(status)
        if (shown.has(slot)) expect(shown.get(slot)?.status, name).toBe(status)
        if (end !== null)
          expect(
            found.filter((one) => one.task === known.task && one.slot === slot),
            name,
          ).toEqual([])
      }
      // A range runs each slot that the advice for a range is about.
      if (known.schedules.length === 0) continue
      const asked = {
        task: known.task,
        from: range.since,
        to: range.until,
        only: ['missed', 'failed', 'stale'] as const,
      }
      const rerunnable = (await all(ledger.rerunnable(asked))).map(({ slot }) => slot.getTime())
      const inRange = found.filter((one) => one.task === known.task && !isNotInRange(one))
      for (const one of inRange)
        if (asked.only.some((kind) => kind === one.kind))
          expect(rerunnable, `seed ${seed} ${named(one)}`).toContain(one.slot)
    }
  }
  expect(Math.min(total, coveredSlots)).toBeGreaterThan(LEDGERS)
})
