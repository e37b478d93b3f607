import { encodeRow } from '../../src/core/row/stored-row.ts'
import { claimRow, finishRow, resolveRow } from '../../src/core/row/transition.ts'
import { parseSchedule } from '../../src/core/schedule/schedule.ts'
import { slotAfter, slotBefore, windowOf } from '../../src/core/schedule/slot.ts'
import { EMPTY_TASK_RECORD, type ScheduleSince, type Suspension } from '../../src/core/task/task-record.ts'
import type { Ending, Instant, Row, ScheduleSpec } from '../../src/core/types.ts'
import { readMethods } from '../../src/ledger.ts'
import { systemClock } from '../../src/process/clock.ts'
import { writeRecord } from '../../src/run/task/task-record.ts'
import { chanceOf } from '../sim/chance.ts'
import { FAILED, FORCED, lastWaiting, NOT_STARTED, ON_ECS, rowOn, SCHEDULED, SUCCEEDED } from '../support/rows.ts'
import { memoryStore } from '../support/simulated/memory-store.ts'

// Ledgers with tasks and rows of any kind, and an independent model of them. The model keeps what was written, and reads no
// row.

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
export const NOW = Date.parse('2026-11-24T12:34:56Z')
export const SINCE = NOW - 36 * HOUR_MS
export const CLOCK = { ...systemClock, now: () => NOW }
const CALL = { signal: new AbortController().signal }

const SPECS: readonly ScheduleSpec[] = [
  { expression: '17 * * * *', zone: 'UTC' },
  { expression: '0 */3 * * *', zone: 'Asia/Tokyo' },
  { expression: '30 1,13 * * *', zone: 'America/New_York' },
]

/** Returns a number in [0, 1), the same ones for each seed. */
export type Chance = () => number
export function numbers(seed: number): Chance {
  const { int } = chanceOf(seed)
  return () => int(0, 999_999) / 1_000_000
}
export const pick = <T>(items: readonly T[], chance: Chance): T => items[Math.floor(chance() * items.length)] as T

/** Returns a time up to `spanMs` after the begin, in whole seconds. */
const somewhen = (spanMs: number, chance: Chance) => SINCE + Math.floor((chance() * spanMs) / 1_000) * 1_000

interface Known {
  readonly spec: ScheduleSpec
  /** `done`: a run has completed it, or an operator. */
  readonly row: 'done' | 'notDone' | 'none' | 'unreadable'
}

export class TaskModel {
  readonly slots = new Map<Instant, Known>()

  hasRow(slot: Instant): boolean {
    return ['done', 'notDone'].includes(this.slots.get(slot)?.row ?? 'none')
  }

  /** Returns from where a run of a slot must go on. Null: nothing before it is done, or it is too long ago. */
  sinceOf(own: Instant): Instant | null {
    const before = [...this.slots].filter(([slot]) => slot < own)
    const done = before.filter(([, { row }]) => row === 'done').map(([slot]) => slot)
    return done.length === 0 ? null : Math.max(...done)
  }
}

/** A task may have the rule that it does not meet. */
const UNUSUAL: Ending = { ...SUCCEEDED, report: '{"rows":0}' }
const LEFT: Ending = { ...FAILED, process: { pid: 4711, boot: 'b' } }

let writes = 0
function rowOf(task: string, spec: ScheduleSpec, slot: Instant, chance: Chance): { row: Row; isDone: boolean } {
  const window = { slot, end: slotAfter(parseSchedule(spec), slot) }
  const stamp = (now: Instant) => ({ writeId: `w${++writes}`, now })
  const at = slot + pick([5_000, 40 * 60_000], chance)
  // Each run and each decision has an id of its own, otherwise it would count as one that is repeated.
  const owner = () => ({ task, window, schedule: spec, zoneData: 'z', runId: `r${++writes}`, host: { host: 'h' } })
  const state = pick(['SKIPPED', 'COMPLETED', 'FAILED'] as const, chance)
  const decided = (found: Row | null) =>
    resolveRow(found, { ...owner(), state, by: 'ada', reason: 'x' }, stamp(at + 9_000))
  if (chance() < 0.1) return { row: decided(null), isDone: state === 'COMPLETED' }
  let row: Row | null = null
  let isDone = false
  const attempts = pick([1, 1, 1, 2, 3], chance)
  for (let number = 1; number <= attempts; number++) {
    const trigger = chance() < 0.3 ? FORCED : { ...SCHEDULED, eventTime: slot }
    row = claimRow(row, { ...owner(), trigger }, stamp(at + number * 1_000), chance() < 0.5 ? DAY_MS * 9 : 1_000)
    const isWaiting = number === attempts && chance() < 0.1
    if (isWaiting) row = lastWaiting(row)
    const ending = pick(isWaiting ? [NOT_STARTED, null] : [SUCCEEDED, UNUSUAL, FAILED, LEFT, NOT_STARTED, null], chance)
    isDone ||= ending?.outcome === 'succeeded'
    // Each slot takes another time, so that the median of some slots is that of no others.
    if (ending !== null) row = finishRow(row, ending, stamp(at + number * 1_000 + ((slot / 1_000) % 997)))
    else if (number === attempts) break
  }
  if (row?.state === 'FAILED' && chance() < 0.1) return { row: decided(row), isDone: isDone || state === 'COMPLETED' }
  return { row: row as Row, isDone }
}

function withRange(row: Row, since: Instant): Row {
  const attempts = row.attempts.map((one) => (one.phase === 'waiting' ? one : { ...one, since }))
  return { ...row, attempts } as Row
}

/** Fills a ledger with tasks of any kind: with one schedule or two, forced only, paused, retired, or with ranges. */
export async function ledgerOf(chance: Chance, hasRanges = false) {
  const store = memoryStore()
  const models = new Map<string, TaskModel>()
  for (const task of ['a', 'b', 'c'].slice(0, 1 + Math.floor(chance() * 3))) {
    const model = new TaskModel()
    models.set(task, model)
    const { slots } = model
    const place = pick([null, ON_ECS], chance)
    const write = async (spec: ScheduleSpec, slot: Instant) => {
      const { row: own, isDone } = rowOf(task, spec, slot, chance)
      const row = hasRanges ? withRange(own, slot - (1 + Math.floor(chance() * 5)) * HOUR_MS) : own
      await store.put(place === null ? row : rowOn(place, row), 'absent', CALL)
      slots.set(slot, { spec, row: isDone ? 'done' : 'notDone' })
    }
    const [spec, later] = [pick(SPECS, chance), pick(SPECS, chance)]
    const isForcedOnly = chance() < 0.25
    const changeAt = somewhen(36 * HOUR_MS, chance)
    let last: Instant = NOW
    for (const one of [later, spec]) {
      const schedule = parseSchedule(one)
      let slot = windowOf(schedule, last)?.slot ?? null
      for (; slot !== null && slot > (one === later ? changeAt : SINCE - DAY_MS); slot = slotBefore(schedule, slot)) {
        if (chance() < 0.4) await write(one, slot)
        else if (chance() < 0.05) {
          const raw = encodeRow(rowOf(task, one, slot, chance).row)
          store.writeRaw({ ...raw, ...pick([{ schemaVersion: 9 }, { state: 'odd' }], chance) })
          slots.set(slot, { spec: one, row: 'unreadable' })
        } else slots.set(slot, { spec: one, row: 'none' })
      }
      last = changeAt
    }
    // The last success before all of them is near, too long ago, or none.
    const before = windowOf(parseSchedule(spec), NOW - pick([20, 40], chance) * DAY_MS)?.slot
    if (before !== undefined && chance() < 0.5) await write(spec, before)
    // A slot that an operator forced under a schedule that is not on record.
    const odd = { expression: '41 * * * *', zone: 'UTC' }
    const forced = windowOf(parseSchedule(odd), somewhen(DAY_MS, chance))?.slot
    if (forced !== undefined && chance() < 0.3) await write(odd, forced)
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
      ...(place !== null && { place, placeSince: SINCE }),
      pauses: chance() < 0.3 ? [span(from, from + 5 * HOUR_MS)] : [],
      retirements: chance() < 0.2 ? [span(from + DAY_MS, null)] : [],
      expectations: {
        since: SINCE,
        ...(chance() < 0.5 && { lateAfterMs: 60_000 }),
        ...(chance() < 0.5 && { doneByMs: HOUR_MS }),
        ...(chance() < 0.5 && { expect: 'rows>=1' }),
        ...(hasRanges && { sinceLastSuccess: true as const }),
      },
    }
    await writeRecord(task, record, 'absent', store, CALL)
  }
  const deps = { store, clock: CLOCK, pageTimeoutMs: 9_000, signals: [] }
  return { store, ledger: readMethods(async () => deps), models }
}
