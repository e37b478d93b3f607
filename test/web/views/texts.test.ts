// Every text of the pages, in one snapshot. A line stands where it comes first. Of rejections that differ in their second, the first.
import { expect, test } from 'vitest'
import { addRejection, NO_NOTES } from '../../../src/core/row/rejections.ts'
import { readableRow } from '../../../src/core/row/status.ts'
import type { FoundSuspension } from '../../../src/core/task/suspensions.ts'
import { type EcsFacts, STATUSES } from '../../../src/core/types.ts'
import { findingDetail } from '../../../src/format/check/finding.ts'
import { collectNeeds, needsOf } from '../../../src/format/check/needs.ts'
import { STALE_CAUTION } from '../../../src/verdict/cautions.ts'
import { isFinding, type JudgedSlot, NO_FINDINGS } from '../../../src/verdict/judge.ts'
import type { Problem } from '../../../src/verdict/problems.ts'
import { MissingSlot, MissingTask, ProblemView } from '../../../src/web/views/frame/document.tsx'
import { MOST_URGENT_FIRST } from '../../../src/web/views/frame/marks.ts'
import { axisUntil } from '../../../src/web/views/overview/axis.ts'
import type { GridCell } from '../../../src/web/views/overview/cells.ts'
import type { TaskLine } from '../../../src/web/views/overview/grid.tsx'
import { EmptyLedger, NeedsLine, NeedsList } from '../../../src/web/views/overview/needs.tsx'
import { Overview, type OverviewModel } from '../../../src/web/views/overview/overview.tsx'
import { SlotView } from '../../../src/web/views/slot/slot.tsx'
import { taskSteps } from '../../../src/web/views/task/findings.tsx'
import type { TaskHead } from '../../../src/web/views/task/head.tsx'
import { TaskView } from '../../../src/web/views/task/task.tsx'
import { FINDINGS, ILL, LATER, WELL } from '../../support/pages/needs.ts'
import { clock, judged, modelOf, now, records, schedule, slot } from '../../support/pages/slots.ts'
import { textOf } from '../../support/pages/text.ts'
import { FAILED, ON_ECS, PAUSE, rowOn, rowWith, SCHEDULED, SUCCEEDED } from '../../support/rows.ts'

const pause: FoundSuspension = { kind: 'pause', suspension: { ...PAUSE, until: now + 60_000 } }
const retirement: FoundSuspension = { kind: 'retirement', suspension: { ...PAUSE, reason: 'replaced by nightly-v2' } }

const PROBLEMS: Readonly<Record<string, unknown>> = {
  'A page that does not exist': ProblemView({
    title: 'Page not found',
    message: 'This address does not exist.',
  }),
  'A ledger that cannot be reached': ProblemView({
    title: 'The ledger did not answer',
    message: 'DynamoDB did not answer within 5s.',
    retries: true,
  }),
  'A task that does not exist': MissingTask({ task: 'weekly' }),
  'A slot that does not exist': MissingSlot({ task: 'nightly', slot, clock }),
}

const axis = axisUntil(LATER, clock.zone, '30d')
const props = { now: LATER }
const summary = { store: 'dynamodb:cronledger', clock, ...props }

const cells = axis.columns.map(({ from }, index): GridCell | null => {
  const mark = MOST_URGENT_FIRST[index]
  if (mark === undefined) return null
  return {
    kind: 'slot',
    ...{ mark, slot: from, zone: clock.zone, needsAttention: mark in NO_FINDINGS },
    durationMs: 61_000,
    isRunning: mark === 'running' || mark === 'overdue',
    attempts: 1,
  }
})
const line: TaskLine = {
  ...{
    task: 'billing/invoices',
    clock,
    words: 'At 12:00',
    expression: '0 12 * * *',
    zone: clock.zone,
    problem: null,
  },
  ...{
    cells,
    ahead: [],
    unread: 0,
    gaps: [],
    isMoving: false,
    pace: { durationsMs: [192_000, 61_000, 60_000], usualMs: 61_000 },
  },
  ...{ lastSuccess: LATER - 3_600_000, next: LATER + 3_600_000, suspended: null },
}
const several: GridCell = {
  kind: 'slots',
  newest: LATER,
  mark: 'failed',
  counts: { completed: 3, failed: 1 },
  needsAttention: true,
}
const calm: TaskLine = {
  ...line,
  ...{ task: 'billing/dunning', cells: [null, several], unread: 1 },
  ...{ lastSuccess: null, next: null },
}

const overview = (lines: readonly TaskLine[], model: Partial<OverviewModel> = {}) =>
  Overview({
    model: {
      ...{
        lines,
        axis,
        sort: 'severity',
        owners: ['the data team'],
        state: null,
        counts: [],
        total: lines.length,
        matching: lines.length,
      },
      ...{ isWhole: true, unread: 0, query: {}, page: 1, before: 0, hasFindings: () => false },
      ...model,
    },
    ...props,
  })

const [own] = ILL.problems
const SHARED: Problem = {
  ...(own ?? expect.unreachable()),
  tasks: own === undefined ? [] : ['a', 'b', 'c'].flatMap((task) => own.tasks.map((one) => ({ ...one, task }))),
  waiting: own === undefined ? [] : own.tasks.map((one) => ({ ...one, task: 'd', waitsFor: 'a' })),
  still: 3,
}

const OVERVIEWS: Readonly<Record<string, unknown>> = {
  'An empty ledger': EmptyLedger(summary),
  'Nothing needs attention': NeedsLine({ needs: WELL, ...summary }),
  'Checking goes on': NeedsLine({ needs: { ...WELL, isWhole: false, tasks: 1 }, ...summary }),
  'A task cannot be checked': NeedsLine({ needs: { ...WELL, faults: ['task a: …', 'task b: …'] }, ...summary }),
  'Slots need attention': NeedsLine({
    needs: { ...ILL, problems: [SHARED, ...ILL.problems] },
    ...summary,
    now: LATER + 90_000,
  }),
  'Tasks, one of them with problems': overview([calm, line, { ...calm, task: 'other', cells: [] }], {
    counts: [{ state: 'failed', count: 1 }],
  }),
  'A task is paused and another one is retired': overview([
    {
      ...calm,
      task: 'paused',
      cells: [],
      unread: 0,
      gaps: [{ from: LATER - 86_400_000, until: LATER }],
      suspended: pause,
    },
    { ...calm, task: 'retired', cells: [], suspended: retirement },
  ]),
  'A task that cannot be read': overview([{ ...calm, cells: [], problem: 'its schedule cannot be read' }]),
  'No match': overview([], { query: { q: 'x' } }),
  'No task has this state': overview([], { state: 'paused' }),
  'No task has this state yet': overview([], { state: 'late', isWhole: false }),
  'No match with this state yet': overview([], { state: 'late', isWhole: false, query: { q: 'x' } }),
  'A large ledger': overview([calm], {
    total: 10_000,
    matching: 9_000,
    page: 2,
    before: 200,
  }),
  'Needs attention': NeedsList({ needs: { ...ILL, problems: [SHARED, ...ILL.problems] }, ...summary }),
}

const expectations = { since: slot, lateAfterMs: 1_000, owner: 'the data team' }

/** Returns the page of a slot. With `ecs`, the task runs in this container. */
function slotPage(record: JudgedSlot, place?: EcsFacts) {
  const row = readableRow(record.row)
  const own = place === undefined || row === null ? record : { ...record, row: rowOn(place, row) }
  return SlotView({ model: modelOf(own, { expectations, ...(place !== undefined && { place, placeSince: slot }) }) })
}

/** A slot that completed, and that 45 triggers from the same host wanted to run once more. */
function repeated(): JudgedSlot {
  const notes = Array.from({ length: 45 }, (_, index) => index).reduce(
    (notes, index) =>
      addRejection(notes, {
        ...{ runId: `dup-${index}`, kind: 'duplicate', cause: 'completed', trigger: SCHEDULED, host: 'other' },
        at: slot + 2_922_000 + index * 137,
      }),
    NO_NOTES,
  )
  return judged({ ...rowWith({ ending: SUCCEEDED }), rejections: notes })
}

const SLOTS: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(records.map((record) => [`Slot, ${record.status}`, slotPage(record)])),
  ...Object.fromEntries(
    records
      .filter(({ status }) => ['missed', 'failed', 'overdue', 'completed'].includes(`${status}`))
      .map((record) => [`Slot on ECS, ${record.status}`, slotPage(record, ON_ECS)]),
  ),
  'Slot with 45 duplicates': slotPage(repeated()),
  'Slot in a pause': records
    .filter(({ status }) => status === 'skipped')
    .map((record) =>
      SlotView({
        model: modelOf(record, { expectations, pauses: [{ ...PAUSE, from: slot }] }),
      }),
    ),
}

const ledger = { store: 'dynamodb:cronledger', task: 'nightly' }
const ended = { at: now, by: 'bob', reason: 'resumed' }

const head: TaskHead = {
  ...{ task: 'nightly', clock, next: now + 3_600_000, current: { spec: schedule, words: 'At 12:00' } },
  schedules: [{ since: slot, spec: schedule }],
  suspensions: { pauses: [], retirements: [] },
  suspended: null,
  owner: 'https://wiki.example.com/nightly',
  expectations: { since: slot, graceMs: 600_000, lateAfterMs: 60_000, doneByMs: 3_600_000, owner: 'the data team' },
}
const TOTAL = { counts: { failed: 2, completed: 1_200 }, isWhole: false }
const page = { query: {}, slots: records, before: slot, scanned: null, problem: null, total: null }
const recent = { slots: records.filter((record) => record.slot <= now), usualMs: null, problem: null }
const none = {
  head: { ...head, owner: undefined, expectations: null },
  recent: { slots: [], usualMs: null, problem: null },
}
const noPage = { ...page, slots: [], before: null }
const { needs, add } = collectNeeds()
const newest = [slot, slot - 86_400_000].flatMap((at) => {
  const found = judged({ ...rowWith({ ending: FAILED }), schedule, slot: at }, at)
  return isFinding(found) ? [found] : []
})
newest.forEach(add)
const when = 'in the last 7 days'
const findings = {
  ...{ count: { ...NO_FINDINGS, failed: 3 }, newest, when, problem: null, cautions: [STALE_CAUTION] },
  steps: [...(needsOf(needs, ledger.store)[0]?.steps ?? []), ...taskSteps({ ...ledger, suspended: null })],
}
const well = { count: NO_FINDINGS, newest: [], when, problem: null, cautions: [], steps: [] }
const task = { head, findings, recent, page, now }

const TASKS: Readonly<Record<string, unknown>> = {
  Task: TaskView(task),
  'Task that is paused': TaskView({
    ...task,
    ...none,
    findings: { ...well, steps: taskSteps({ ...ledger, suspended: pause }) },
    page: noPage,
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
    findings: { ...well, steps: taskSteps({ ...ledger, suspended: retirement }) },
    page: noPage,
    recent: { slots: records.filter(({ status }) => status === 'completed'), usualMs: 60_000, problem: null },
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
    page: { ...noPage, query: { status: 'failed', since: '7d' }, scanned: 9, slots: records, total: TOTAL },
  }),
  'Task without runs and schedule': TaskView({
    ...task,
    ...none,
    findings: well,
    head: { ...none.head, current: null, schedules: [], next: null },
    page: noPage,
  }),
}

test('the texts of the pages read as in texts.txt', async () => {
  const known = new Set<string>()
  const texts = Object.entries({ ...PROBLEMS, ...OVERVIEWS, ...TASKS, ...SLOTS }).map(([name, html]) => {
    // A placeholder that is marked is a part of a word. A line that opens is a line of its own.
    const page = String(html)
      .replace(/<\/?mark[^>]*>/g, '')
      .replaceAll('</summary>', '</summary>\n')
    const own = textOf(page)
      .split('\n')
      .filter((line) => {
        const { size } = known
        return known.add(line.replaceAll(/dup-\d+|12:48:\d+|48m \d+s/g, '')).size > size
      })
    return `== ${name}\n\n${own.join('\n')}\n`
  })
  await expect(texts.join('\n')).toMatchFileSnapshot('texts.txt')
})

test('there is a page for each status, and a detail for each kind of finding', () => {
  expect(records.map(({ status }) => status)).toEqual(STATUSES)
  expect(FINDINGS.map(({ kind }) => kind)).toEqual(Object.keys(NO_FINDINGS))
  expect(new Set(FINDINGS.map((found) => findingDetail(found))).size).toBe(FINDINGS.length)
})
