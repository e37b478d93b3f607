import { expect, test } from 'vitest'
import { NO_FINDINGS } from '../../../../src/core/task/findings.ts'
import type { FoundSuspension } from '../../../../src/core/task/suspensions.ts'
import { findingDetail } from '../../../../src/format/check.ts'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { MOST_URGENT_FIRST } from '../../../../src/web/views/frame/marks.ts'
import { wallClock } from '../../../../src/web/views/frame/wall-clock.ts'
import { axisUntil } from '../../../../src/web/views/overview/axis.ts'
import type { GridCell } from '../../../../src/web/views/overview/cells.ts'
import type { TaskLine } from '../../../../src/web/views/overview/grid.tsx'
import { NeedsLine } from '../../../../src/web/views/overview/needs.tsx'
import { NeedsList } from '../../../../src/web/views/overview/needs-list.tsx'
import { Overview, type OverviewModel } from '../../../../src/web/views/overview/overview.tsx'
import { FINDINGS, ILL, LATER, WELL } from '../../../support/pages/needs.ts'
import { textOf } from '../../../support/pages/text.ts'
import { PAUSE } from '../../../support/rows.ts'

const now = LATER
const clock = wallClock('Asia/Tokyo')
const axis = axisUntil(now, clock.zone, '30d')
const props = { links: SERVED, now, live: true }
const summary = { level: 1, store: 'dynamodb:cronledger', ...props } as const

const NONE = { count: 0, refused: 0 }
const cells = axis.columns.map(({ from }, index): GridCell | null => {
  const mark = MOST_URGENT_FIRST[index]
  if (mark === undefined) return null
  return {
    kind: 'slot',
    mark,
    slot: from,
    durationMs: 61_000,
    isRunning: mark === 'running' || mark === 'overdue',
    attempts: 1,
    rejected: NONE,
  }
})
const line: TaskLine = {
  ...{ task: 'billing/invoices', clock, words: 'At 12:00', expression: '0 12 * * *', problem: null },
  ...{ cells, unread: 0, gaps: [], newest: 'failed', hasProblem: true, isMoving: false },
  ...{ lastSuccess: now - 3_600_000, next: now + 3_600_000, suspended: null },
}
const several: GridCell = {
  kind: 'slots',
  newest: now,
  mark: 'failed',
  counts: { completed: 3, failed: 1 },
  firstProblem: { slot: now, mark: 'failed' },
  rejected: { count: 3, refused: 1 },
}
const calm: TaskLine = {
  ...line,
  ...{ task: 'billing/dunning', cells: [null, several], unread: 1, newest: 'completed', hasProblem: false },
  ...{ lastSuccess: null, next: null },
}
const pause: FoundSuspension = { kind: 'pause', suspension: { ...PAUSE, until: now + 60_000 } }
const retirement: FoundSuspension = { kind: 'retirement', suspension: { ...PAUSE, reason: 'replaced by nightly-v2' } }

const overview = (lines: readonly TaskLine[], model: Partial<OverviewModel> = {}) =>
  Overview({
    model: {
      ...{
        lines,
        axis,
        span: '30d',
        state: null,
        counts: [],
        total: lines.length,
        isLarge: false,
        isWhole: true,
        query: {},
        more: null,
      },
      attention: new Set(lines.filter(({ hasProblem }) => hasProblem).map(({ task }) => task)),
      ...model,
    },
    ...props,
  })

const PAGES: Readonly<Record<string, unknown>> = {
  'An empty ledger': NeedsLine({ needs: { ...WELL, tasks: 0 }, ...summary }),
  'Nothing needs attention': NeedsLine({ needs: WELL, ...summary }),
  'Checking goes on': NeedsLine({ needs: { ...WELL, isWhole: false, tasks: 1 }, ...summary }),
  'A task cannot be checked': NeedsLine({ needs: { ...WELL, problems: ['task a: …', 'task b: …'] }, ...summary }),
  'Slots need attention': NeedsLine({
    needs: { ...ILL, outage: { tasks: 3, from: now - 7_200_000, to: now, zone: 'Asia/Tokyo' } },
    ...summary,
    now: now + 90_000,
  }),
  'Tasks, one of them with problems': overview([calm, line, { ...calm, task: 'other', cells: [] }], {
    counts: [{ state: 'failed', count: 1 }],
  }),
  'A task is paused and another one is retired': overview([
    { ...calm, task: 'paused', cells: [], unread: 0, gaps: [{ from: now - 86_400_000, until: now }], suspended: pause },
    { ...calm, task: 'retired', cells: [], suspended: retirement },
  ]),
  'A task that cannot be read': overview([{ ...calm, cells: [], problem: 'its schedule cannot be read' }]),
  'No match': overview([], { query: { q: 'x' } }),
  'No task has this state': overview([], { state: 'paused' }),
  'No task has this state yet': overview([], { state: 'late', isLarge: true, isWhole: false, total: null }),
  'No task of this page has this state': overview([], { state: 'running', isLarge: true, total: 300, more: 'c' }),
  'No match with this state yet': overview([], { state: 'late', isWhole: false, query: { q: 'x' } }),
  'A large ledger': overview([calm], { isLarge: true, total: 10_000, more: 'billing/dunning', query: { after: 'b' } }),
  'Needs attention': NeedsList({ needs: ILL, links: SERVED, level: 1, now }),
}

test('the texts of the overview are these', async () => {
  const text = Object.entries(PAGES).map(([name, html]) => `== ${name}\n\n${textOf(html)}\n`)
  await expect(text.join('\n')).toMatchFileSnapshot('texts.txt')
})

test('there is a detail for each kind of finding', () => {
  expect(FINDINGS.map(({ kind }) => kind)).toEqual(Object.keys(NO_FINDINGS))
  expect(new Set(FINDINGS.map((found) => findingDetail(found))).size).toBe(FINDINGS.length)
})
