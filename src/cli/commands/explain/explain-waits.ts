import type { Ledger } from '../../../api.ts'
import { nullIfDenied } from '../../../core/errors.ts'
import { statusOf } from '../../../core/row/status.ts'
import type { Schedule } from '../../../core/schedule/schedule.ts'
import { expectedTimes, type TaskRecord } from '../../../core/task/task-record.ts'
import { needOf, previousSlot, SELF, upstreamSlots } from '../../../core/task/upstream.ts'
import type { Instant, StoredRow } from '../../../core/types.ts'
import type { ExplainedWaits, UpstreamTask } from '../../../format/task/explain-waits.ts'
import { recordOf, type TaskReading } from '../../lookup.ts'

/** Returns what the slot of a task waits for, with what is recorded of it now, and the tasks that wait for this one. */
export async function readWaits(
  ledger: Ledger,
  reading: TaskReading,
  own: { readonly record: TaskRecord; readonly schedule: Schedule; readonly slot: Instant },
  now: Instant,
): Promise<ExplainedWaits> {
  const neededBy = await readNeededBy(ledger, reading).catch(nullIfDenied)
  const waitsFor: UpstreamTask[] = []
  for (const name of own.record.expectations?.after ?? [])
    waitsFor.push(await readUpstream(name, ledger, reading, own, now))
  return { waitsFor, neededBy }
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
  { record: own, schedule, slot }: Parameters<typeof readWaits>[2],
  now: Instant,
): Promise<UpstreamTask> {
  const isOwn = name === SELF
  const task = isOwn ? reading.task : name
  const record = isOwn ? own : await recordOf(ledger, { ...reading, task }).catch(nullIfDenied)
  if (record === null) return { task, slots: null }
  const span = { after: previousSlot(own, schedule, slot) ?? slot, until: isOwn ? slot : slot + 1 }
  const keys = upstreamSlots(task, record, span)
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
