import { expect, test } from 'vitest'
import { readableRow, type SlotRecord, statusOf } from '../../../src/core/row/status.ts'
import { resolveRow } from '../../../src/core/row/transition.ts'
import type { FoundSuspension } from '../../../src/core/task/suspensions.ts'
import { type EcsFacts, STATUSES, type Status } from '../../../src/core/types.ts'
import { ofRow } from '../../../src/format/steps/step.ts'
import { ProblemView } from '../../../src/web/views/frame/document.tsx'
import { SERVED } from '../../../src/web/views/frame/links.ts'
import { wallClock } from '../../../src/web/views/frame/wall-clock.ts'
import { SlotView } from '../../../src/web/views/slot/slot.tsx'
import type { SlotWithStatus } from '../../../src/web/views/task/history-table.tsx'
import { TaskView } from '../../../src/web/views/task/task.tsx'
import { textOf } from '../../support/page-text.ts'
import {
  FAILED,
  FORCED,
  LEASE_MS,
  lastWaiting,
  NOW,
  ON_ECS,
  PAUSE,
  pending,
  rowOn,
  rowWith,
  SUCCEEDED,
} from '../../support/rows.ts'

const clock = wallClock('Asia/Tokyo')
const settings = { now: NOW + 3_600_000, skewMs: 30_000, graceMs: 900_000 }
const { now } = settings
const links = SERVED
const schedule = { expression: '0 12 * * *', zone: 'Asia/Tokyo' }
const { slot, zoneData } = rowWith({})
const live = { ...pending(rowWith({})), leaseUntil: now + LEASE_MS }
const skip = { task: 'nightly', window: { slot, end: null }, schedule, zoneData, runId: 'own' } as const
const skipped = resolveRow(
  null,
  { ...skip, state: 'SKIPPED', by: 'ada', reason: 'holiday' },
  { writeId: 'w', now: slot },
)

const RECORDS: Readonly<Record<Status, SlotRecord>> = {
  running: { slot, row: live },
  waiting: { slot, row: { ...lastWaiting(live), leaseUntil: now } },
  stale: { slot, row: rowWith({}) },
  completed: { slot, row: rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED }) },
  failed: { slot, row: rowWith({ ending: FAILED }) },
  skipped: { slot, row: skipped },
  missed: { slot, row: null },
  overdue: { slot, row: live },
  scheduled: { slot: now + 60_000, row: null },
  unknown: { slot, row: { task: 'nightly', slot, schemaVersion: 9, newerSchema: true } },
}
const records = STATUSES.map((status) => {
  const own = { ...settings, doneByMs: status === 'overdue' ? 600_000 : null }
  return { ...RECORDS[status], status: statusOf(RECORDS[status], own) }
})

const ended = { at: now, by: 'bob', reason: 'resumed' }
const pause: FoundSuspension = { kind: 'pause', suspension: { ...PAUSE, until: now + 60_000 } }
const retirement: FoundSuspension = { kind: 'retirement', suspension: { ...PAUSE, reason: 'replaced by nightly-v2' } }
const head = {
  ...{ task: 'nightly', clock, next: now, current: { spec: schedule, words: 'At 12:00' } },
  schedules: [{ since: slot, spec: schedule, words: 'At 12:00' }],
  suspensions: { pauses: [], retirements: [] },
  suspended: null,
}
const page = { query: {}, slots: records, before: slot, scanned: null, problem: null }
const calendar = {
  from: '2026-11',
  to: '2026-11',
  days: new Map([['2026-11-24', { missed: 1 }]]),
  readSince: '2026-11-20',
}
const task = { head, page, calendar, year: '2026', years: ['2026', '2025'], links, now }
const target = { store: 'dynamodb:cronledger', task: 'nightly', slot, schedule: null, ecs: null }

/** Returns the page of a slot. With `ecs`, the task runs in this container. */
function slotPage(record: SlotWithStatus, ecs?: EcsFacts) {
  const row = readableRow(record.row)
  const own = ecs === undefined || row === null ? record : { ...record, row: rowOn(ecs, row) }
  const model = {
    ...{ record: own, clock, found: null, now, skewMs: settings.skewMs, lateAfterMs: 1_000 },
    doneByMs: record.status === 'overdue' ? 600_000 : null,
    owner: 'the data team',
    before: slot - 86_400_000,
    after: null,
    target: { ...target, slot: record.slot, ...ofRow(own.row, ecs) },
  }
  return SlotView({ model, links })
}

const PAGES: Readonly<Record<string, unknown>> = {
  Task: TaskView(task),
  'Task that is paused': TaskView({
    ...task,
    head: {
      ...head,
      suspended: pause,
      suspensions: {
        pauses: [
          pause.suspension,
          { ...PAUSE, at: now, from: now + 60_000, until: now + 60_000, reason: 'holiday', ended },
        ],
        retirements: [{ ...retirement.suspension, until: now, ended }],
      },
    },
    page: { ...page, slots: [], before: null },
  }),
  'Task that is retired': TaskView({
    ...task,
    head: { ...head, suspended: retirement, suspensions: { pauses: [], retirements: [retirement.suspension] } },
    page: { ...page, slots: [], before: null },
  }),
  'Task, no match': TaskView({
    ...task,
    page: { ...page, query: { status: 'failed', since: '7d' }, slots: [], scanned: 9 },
  }),
  'Task without runs and schedule': TaskView({
    ...task,
    head: { ...head, current: null, schedules: [], next: null },
    page: { ...page, slots: [], before: null },
    calendar: null,
  }),
  ...Object.fromEntries(records.map((record) => [`Slot, ${record.status}`, slotPage(record)])),
  ...Object.fromEntries(
    records
      .filter(({ status }) => ['missed', 'failed', 'overdue', 'completed'].includes(status))
      .map((record) => [`Slot on ECS, ${record.status}`, slotPage(record, ON_ECS)]),
  ),
  'A page that cannot be shown': ProblemView({ title: 'Not found', message: 'No such task or slot.', links }),
}

test('the texts of all pages are these', async () => {
  const text = Object.entries(PAGES).map(([name, html]) => {
    const parts = Array.isArray(html) ? html : [html]
    return `== ${name}\n\n${parts.map(textOf).join('\n')}\n`
  })
  await expect(text.join('\n')).toMatchFileSnapshot('page-texts.txt')
})

test('there is a page for each status', () => {
  expect(records.map(({ status }) => status)).toEqual(STATUSES)
})
