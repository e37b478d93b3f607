import { defined } from '../../../src/core/objects.ts'
import { addRejection, NO_NOTES } from '../../../src/core/row/rejections.ts'
import { claimRow, finishRow, resolveRow } from '../../../src/core/row/transition.ts'
import { parseSchedule } from '../../../src/core/schedule/schedule.ts'
import { slotAfter, slotBefore, windowOf } from '../../../src/core/schedule/slot.ts'
import type { Ending, Instant, Rejection, Row, ScheduleSpec } from '../../../src/core/types.ts'
import { writeRecord } from '../../../src/run/task/task-record.ts'
import { openFileStore } from '../../../src/store/file/file-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { FAILED, recordWith, SUCCEEDED } from '../rows.ts'
import { seedLedger } from './big-ledger.ts'

type Fate = 'succeeded' | 'failed' | 'running' | 'stale' | 'missed' | 'skipped' | 'done-by-hand' | 'rerun'

export interface PlannedTask {
  readonly task: string
  readonly spec: ScheduleSpec
  readonly count: number
  /** Returns the status of the slot that is `ago` slots before the newest one. */
  readonly fateOf: (ago: number) => Fate
  readonly rejectedOf?: (ago: number) => number
  readonly reason?: string
  readonly owner?: string
}

const MINUTE_MS = 60_000
let ids = 0

function slotsOf({ spec, count }: PlannedTask, now: Instant): readonly Instant[] {
  const schedule = parseSchedule(spec)
  const slots: Instant[] = []
  let slot = windowOf(schedule, now)?.slot ?? null
  for (; slot !== null && slots.length < count; slot = slotBefore(schedule, slot)) slots.push(slot)
  return slots
}

export function* rowsOf(plan: PlannedTask, now: Instant): Generator<Row> {
  const schedule = parseSchedule(plan.spec)
  for (const [ago, slot] of slotsOf(plan, now).entries()) {
    const row = rowOf(plan, ago, slot, windowOf(schedule, slot)?.next ?? null, now)
    if (row !== null) yield row
  }
}

function rowOf(plan: PlannedTask, ago: number, slot: Instant, end: Instant | null, now: Instant): Row | null {
  const fate = plan.fateOf(ago)
  const reason = plan.reason ?? 'the input file was bad'
  const startedAt = Math.min(now - MINUTE_MS, slot + 4_000 + ((ago * 7_919) % 50_000))
  const tookMs = 3 * MINUTE_MS + ((ago * 104_729) % (4 * MINUTE_MS))
  const stamp = (at: Instant) => ({ writeId: `w${++ids}`, now: at })
  const claim = (number: number, trigger: Row['attempts'][number]['trigger']) => ({
    task: plan.task,
    window: { slot, end },
    schedule: plan.spec,
    zoneData: '2026a',
    runId: `run${slot / 1000}${number}`,
    trigger,
    host: { host: 'ip-10-0-3-17.eu-west-1.compute.internal' },
  })
  const scheduled = claim(1, { kind: 'scheduled', eventTime: slot, source: 'event-time' })
  const decided = { by: 'ada@desk', reason }
  const word = (state: 'SKIPPED' | 'COMPLETED') => ({ ...scheduled, ...decided, runId: `word${++ids}`, state })
  const ended = (row: Row, ending: Ending) => finishRow(row, ending, stamp(startedAt + tookMs))
  const running = (leaseMs: number) => claimRow(null, scheduled, stamp(startedAt), leaseMs)
  const made = (): Row | null => {
    switch (fate) {
      case 'missed':
        return null
      case 'succeeded':
        return ended(running(600_000), SUCCEEDED)
      case 'failed':
        return ended(running(600_000), FAILED)
      case 'running':
        return running(now + 3_600_000 - startedAt)
      case 'stale':
        return running(1_000)
      case 'skipped':
        return resolveRow(null, word('SKIPPED'), stamp(slot - MINUTE_MS))
      case 'done-by-hand':
        return resolveRow(ended(running(600_000), FAILED), word('COMPLETED'), stamp(startedAt + 30 * MINUTE_MS))
      case 'rerun': {
        const forced = claim(2, { kind: 'forced', ...decided })
        const again = claimRow(ended(running(600_000), FAILED), forced, stamp(startedAt + 40 * MINUTE_MS), 600_000)
        return finishRow(again, SUCCEEDED, stamp(startedAt + 45 * MINUTE_MS))
      }
    }
  }
  const row = made()
  return row === null ? null : { ...row, rejections: rejections(slot, plan.rejectedOf?.(ago) ?? 0) }
}

function rejections(slot: Instant, count: number): Row['rejections'] {
  let notes = NO_NOTES
  for (let index = 0; index < count; index += 1) notes = addRejection(notes, rejection(slot, index))
  const { rejectedBy: _, ...kept } = notes
  return kept
}

function rejection(slot: Instant, index: number): Rejection {
  return {
    runId: `dup${slot / 1000}${index}`,
    kind: 'duplicate',
    cause: 'completed',
    at: slot + (index + 1) * 47 * MINUTE_MS,
    trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
    host: 'ip-10-0-9-2.eu-west-1.compute.internal',
  }
}

export async function fillFile(path: string, plans: readonly PlannedTask[], now: Instant): Promise<void> {
  seedLedger(
    path,
    plans.flatMap((plan) => [...rowsOf(plan, now)]),
  )
  const store = openFileStore(path)
  await register(store, plans, now)
  store.close()
}

async function register(store: Store, plans: readonly PlannedTask[], now: Instant): Promise<void> {
  const call = { signal: AbortSignal.timeout(300_000) }
  for (const plan of plans) {
    const first = slotsOf(plan, now).at(-1)
    if (first === undefined) continue
    const expectations = { since: first, ...defined({ owner: plan.owner }) }
    await writeRecord(
      plan.task,
      recordWith([{ since: first, spec: plan.spec }], { expectations }),
      'absent',
      store,
      call,
    )
  }
}

/** Two hours later if this hour is near, so that no slot becomes due during a test. */
function quietSchedule(now: Instant, zone: string, hour: number, expressionAt: (hour: number) => string): ScheduleSpec {
  const spec = { expression: expressionAt(hour), zone }
  const next = slotAfter(parseSchedule(spec), now)
  return next === null || next - now > 60 * MINUTE_MS ? spec : { expression: expressionAt(hour + 2), zone }
}

export function companyTasks(now: Instant): readonly PlannedTask[] {
  // With this anchor, the newest slot of each rate was three minutes ago, so that no slot becomes due during a test.
  const anchor = Math.floor(now / MINUTE_MS - 3) * MINUTE_MS - 365 * 86_400_000
  return [
    {
      task: 'billing/invoices',
      spec: quietSchedule(now, 'Asia/Tokyo', 3, (hour) => `0 ${hour} * * *`),
      count: 300,
      fateOf: (ago) => (ago === 2 ? 'failed' : ago === 21 ? 'rerun' : ago === 33 ? 'skipped' : 'succeeded'),
      rejectedOf: (ago) => (ago % 17 === 5 ? 2 : 0),
    },
    {
      task: 'etl/warehouse-load',
      spec: quietSchedule(now, 'Europe/Berlin', 1, (hour) => `cron(30 ${hour} ? * MON-FRI *)`),
      count: 120,
      fateOf: (ago) => (ago === 0 ? 'stale' : ago === 9 ? 'done-by-hand' : 'succeeded'),
      rejectedOf: (ago) => (ago === 4 ? 1 : 0),
    },
    {
      task: 'heartbeat',
      spec: { expression: 'rate(15 minutes)', zone: 'UTC', anchor },
      count: 2_000,
      fateOf: (ago) => (ago === 0 ? 'running' : ago > 11 && ago < 14 ? 'missed' : 'succeeded'),
      rejectedOf: (ago) => (ago === 30 ? 3 : 0),
    },
    {
      task: 'mail-digest',
      spec: quietSchedule(now, 'America/New_York', 7, (hour) => `0 ${hour} * * *`),
      count: 40,
      fateOf: (ago) => (ago === 3 ? 'done-by-hand' : 'succeeded'),
    },
    {
      task: 'reports.monthly',
      spec: quietSchedule(now, 'Europe/Berlin', 6, (hour) => `0 ${hour} 1 * *`),
      count: 14,
      fateOf: (ago) => (ago === 5 ? 'rerun' : 'succeeded'),
    },
    {
      task: 'sync/stock',
      spec: { expression: 'rate(6 hours)', zone: 'UTC', anchor },
      count: 200,
      fateOf: () => 'succeeded',
      rejectedOf: (ago) => (ago % 40 === 7 ? 1 : 0),
    },
  ]
}
