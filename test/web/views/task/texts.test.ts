import { expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../../src/core/task/findings.ts'
import type { FoundSuspension } from '../../../../src/core/task/suspensions.ts'
import { collectNeeds, needsOf } from '../../../../src/format/check.ts'
import { STALE_CAUTION } from '../../../../src/verdict/rules.ts'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { taskSteps } from '../../../../src/web/views/task/commands.tsx'
import type { TaskHead } from '../../../../src/web/views/task/head.tsx'
import { TaskView } from '../../../../src/web/views/task/task.tsx'
import { clock, now, records, schedule, slot } from '../../../support/pages/slots.ts'
import { textOf } from '../../../support/pages/text.ts'
import { FAILED, PAUSE, rowWith, timesAt } from '../../../support/rows.ts'

const ledger = { store: 'dynamodb:cronledger', task: 'nightly' }
const ended = { at: now, by: 'bob', reason: 'resumed' }
const pause: FoundSuspension = { kind: 'pause', suspension: { ...PAUSE, until: now + 60_000 } }
const retirement: FoundSuspension = { kind: 'retirement', suspension: { ...PAUSE, reason: 'replaced by nightly-v2' } }

const head: TaskHead = {
  ...{ task: 'nightly', clock, next: now + 3_600_000, current: { spec: schedule, words: 'At 12:00' } },
  schedules: [{ since: slot, spec: schedule, words: 'At 12:00' }],
  suspensions: { pauses: [], retirements: [] },
  suspended: null,
  owner: 'https://wiki.example.com/nightly',
  expectations: { since: slot, graceMs: 600_000, lateAfterMs: 60_000, doneByMs: 3_600_000, owner: 'the data team' },
}
const page = { query: {}, slots: records, before: slot, scanned: null, problem: null }
const recent = { slots: records.filter((record) => record.slot <= now), problem: null }
const none = { head: { ...head, owner: undefined, expectations: null }, recent: { slots: [], problem: null } }
const noPage = { ...page, slots: [], before: null }
const failed = rowWith({ ending: FAILED })
const finding = {
  kind: 'failed',
  status: 'failed',
  task: 'nightly',
  times: timesAt(now),
  schedule,
  row: failed,
} as const
const { needs, add } = collectNeeds()
const newest = [slot, slot - 86_400_000].map((at) => ({ ...finding, slot: at }))
newest.forEach(add)
const when = 'in the last 7 days'
const findings = {
  ...{ count: { ...NO_FINDINGS, failed: 3 }, newest, when, problem: null, cautions: [STALE_CAUTION] },
  steps: needsOf(needs, ledger)[0]?.steps ?? [],
}
const well = { count: NO_FINDINGS, newest: [], when, problem: null, cautions: [], steps: [] }
const steps = taskSteps({ ...ledger, suspended: null })
const model = {
  from: '2026-01',
  to: '2026-12',
  days: new Map([
    ['2026-11-24', { missed: 1 }],
    ['2026-10-31', { completed: 2 }],
  ]),
  readSince: '2026-10-20',
}
const task = { head, findings, recent, page, steps, calendar: null, years: ['2026', '2025'], links: SERVED, now }

const PAGES: Readonly<Record<string, unknown>> = {
  Task: TaskView(task),
  'Task with the calendar of a year': TaskView({
    ...task,
    ...none,
    findings: well,
    page: { ...noPage, query: { year: '2026' } },
    steps: [],
    calendar: { year: '2026', model },
  }),
  'Task that is paused': TaskView({
    ...task,
    ...none,
    findings: well,
    page: noPage,
    steps: taskSteps({ ...ledger, suspended: pause }),
    head: {
      ...none.head,
      suspended: pause,
      suspensions: {
        pauses: [
          pause.suspension,
          { ...PAUSE, at: now, from: now + 60_000, until: now + 60_000, reason: 'holiday', ended },
        ],
        retirements: [{ ...retirement.suspension, until: now, ended }],
      },
    },
  }),
  'Task that is retired': TaskView({
    ...task,
    findings: well,
    page: noPage,
    recent: { slots: records.filter(({ status }) => status === 'completed'), problem: null },
    steps: taskSteps({ ...ledger, suspended: retirement }),
    head: {
      ...none.head,
      next: null,
      suspended: retirement,
      suspensions: { pauses: [], retirements: [retirement.suspension] },
    },
  }),
  'Task, no match': TaskView({
    ...task,
    ...none,
    findings: well,
    page: { ...noPage, query: { status: 'failed', since: '7d' }, scanned: 9 },
    steps: [],
  }),
  'Task without runs and schedule': TaskView({
    ...task,
    ...none,
    findings: well,
    head: { ...none.head, current: null, schedules: [], next: null },
    page: noPage,
    steps: [],
    calendar: { year: '2026', model: null },
  }),
}

test('the texts of the page of a task are these', async () => {
  const text = Object.entries(PAGES).map(([name, html]) => `== ${name}\n\n${textOf(html)}\n`)
  await expect(text.join('\n')).toMatchFileSnapshot('texts.txt')
})
