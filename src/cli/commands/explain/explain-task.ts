import type { Ledger } from '../../../api.ts'
import { noScheduleText } from '../../../audit/tasks.ts'
import { nullIfDenied, usageError } from '../../../core/errors.ts'
import { hasCompleted } from '../../../core/row/attempts.ts'
import { LONGEST_RANGE_MS } from '../../../core/row/range.ts'
import { readableRow, statusOf } from '../../../core/row/status.ts'
import { parseSchedule, type Schedule } from '../../../core/schedule/schedule.ts'
import { scheduleInForce } from '../../../core/task/schedules-in-force.ts'
import { expectedTimes, type TaskRecord } from '../../../core/task/task-record.ts'
import { needOf, previousSlot, SELF, upstreamSlots } from '../../../core/task/upstream.ts'
import type { Instant, Key, StoredRow } from '../../../core/types.ts'
import type { ExplainedTask, ExplainedWaits, UpstreamTask } from '../../../format/task/explain-task.ts'
import { createLedger } from '../../../ledger.ts'
import { MAX_ROWS } from '../../../run/task/since.ts'
import { findNewestRow, recordOf, type TaskReading, unknownTaskOf } from '../../lookup.ts'

// The part of `explain` that reads the ledger. It has a file of its own, because the ledger takes longer to load than
// all the rest of the command.

/** The schedule is the recorded one at the slot of `slotIn`, or that of the newest row. Throws a usage error without one. */
export async function explainTask(
  { store, ...reading }: TaskReading & { readonly store: string },
  slotIn: (schedule: Schedule) => Instant | null,
  now: Instant,
) {
  const ledger = createLedger({ store })
  const ofTask = (record: TaskRecord | null, inForce: ExplainedTask['inForce']): ExplainedTask => ({
    record,
    inForce,
    now,
  })
  const record = await recordOf(ledger, reading)
  const inForce = record === null ? null : scheduleInForce(record.schedules, slotIn)
  if (record !== null && inForce !== null) {
    const { schedule } = inForce
    const slot = slotIn(schedule)
    const waits = slot === null ? null : await readWaits(ledger, reading, { record, schedule, slot }, now)
    return { schedule, ofTask: { ...ofTask(record, inForce), waits } }
  }
  const row = await findNewestRow(ledger, reading)
  if (record === null && row === null) throw await unknownTaskOf(ledger, reading)
  const spec = readableRow(row)?.schedule
  if (spec === undefined) throw usageError(noScheduleText(reading.task))
  return { schedule: parseSchedule(spec), ofTask: ofTask(record, null) }
}

async function readWaits(
  ledger: Ledger,
  reading: TaskReading,
  own: { readonly record: TaskRecord; readonly schedule: Schedule; readonly slot: Instant },
  now: Instant,
): Promise<ExplainedWaits> {
  const neededBy = await readNeededBy(ledger, reading).catch(nullIfDenied)
  const since = own.record.expectations?.sinceLastSuccess ? await lastSuccess(ledger, reading, own.slot) : null
  const waitsFor: UpstreamTask[] = []
  for (const name of own.record.expectations?.after ?? [])
    waitsFor.push(await readUpstream(name, ledger, reading, { ...own, since }, now))
  return { waitsFor, neededBy }
}

/** Looks as far back as a run does. */
async function lastSuccess(ledger: Ledger, reading: TaskReading, slot: Instant): Promise<Instant | null> {
  const range = { since: new Date(slot - LONGEST_RANGE_MS), until: new Date(slot), limit: MAX_ROWS }
  for await (const row of ledger.history({ ...reading, ...range })) {
    const own = readableRow(row)
    if (own !== null && hasCompleted(own)) return own.slot
  }
  return null
}

async function readNeededBy(ledger: Ledger, { task: own, ...reading }: TaskReading): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { task, expectations } of ledger.tasks({ ...reading, emitProblem: () => {} })) {
    if (expectations?.after?.includes(own)) names.push(task)
  }
  return names
}

async function readUpstream(
  name: string,
  ledger: Ledger,
  reading: TaskReading,
  { record: own, schedule, slot, since }: Parameters<typeof readWaits>[2] & { readonly since: Instant | null },
  now: Instant,
): Promise<UpstreamTask> {
  const isOwn = name === SELF
  const task = isOwn ? reading.task : name
  const record = isOwn ? own : await recordOf(ledger, { ...reading, task }).catch(nullIfDenied)
  if (record === null) return { task, slots: null }
  const hasRow = async (key: Key) => {
    const range = { since: new Date(key.slot), until: new Date(key.slot + 1) }
    for await (const _ of ledger.history({ ...reading, task: key.task, ...range })) return true
    return false
  }
  const before = (await previousSlot(reading.task, own, schedule, slot, hasRow)) ?? slot
  const span = { after: isOwn ? before : Math.min(before, since ?? before), until: isOwn ? slot : slot + 1 }
  const keys = await upstreamSlots(task, record, span, hasRow)
  const [oldest, newest] = [keys.at(0), keys.at(-1)]
  const rows = new Map<Instant, StoredRow>()
  if (oldest !== undefined && newest !== undefined) {
    const range = { since: new Date(oldest.slot), until: new Date(newest.slot + 1) }
    for await (const row of ledger.history({ ...reading, task, ...range })) rows.set(row.slot, row)
  }
  const slots = keys.map((key) => {
    const row = rows.get(key.slot) ?? null
    const status = statusOf({ slot: key.slot, row }, { now, ...expectedTimes(record) })
    return { slot: key.slot, status, isOpen: needOf(key, row, record).kind === 'open' }
  })
  return { task, slots }
}
