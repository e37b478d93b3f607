import { expect, test } from 'vitest'
import { NO_FINDINGS, type TaskFinding } from '../../../src/core/task/findings.ts'
import type { FoundSuspension } from '../../../src/core/task/suspensions.ts'
import { findingDetail } from '../../../src/format/check.ts'
import { SERVED } from '../../../src/web/views/frame/links.ts'
import { type Needs, NeedsLine, NeedsList } from '../../../src/web/views/overview/needs.tsx'
import { Overview, type TaskLine } from '../../../src/web/views/overview/overview.tsx'
import { clock, live, now, records, schedule, slot } from '../../support/page-slots.ts'
import { textOf } from '../../support/page-text.ts'
import { FAILED, PAUSE, rowWith, SUCCEEDED } from '../../support/rows.ts'

const links = SERVED
const findings: readonly TaskFinding[] = [
  { kind: 'missed', status: 'missed', slot, task: 'nightly', schedule },
  { kind: 'failed', status: 'failed', slot, task: 'nightly', schedule, row: rowWith({ ending: FAILED }) },
  { kind: 'stale', status: 'stale', slot, task: 'nightly', schedule, row: rowWith({}) },
  { kind: 'overdue', status: 'overdue', slot, task: 'nightly', schedule, row: live, owner: 'the data team' },
  { kind: 'late', status: 'completed', slot, task: 'nightly', schedule, row: rowWith({ ending: SUCCEEDED }) },
]
const well: Needs = {
  ...{ count: NO_FINDINGS, groups: [], found: [], when: 'in the last 7d', now, tasks: 3, isWhole: true, problems: [] },
}
const ill: Needs = {
  ...well,
  count: { missed: 2, failed: 1, stale: 1, overdue: 1, late: 1 },
  groups: findings.map((newest) => ({ newest, count: newest.kind === 'missed' ? 2 : 1 })),
  found: findings,
}

const line = {
  ...{ task: 'nightly', clock, words: 'At 12:00', expression: schedule.expression, problem: null, lastSuccess: slot },
  ...{ next: now, suspended: null, cells: records.map((record) => ({ ...record, rejected: '' })) },
}
const other = { ...line, task: 'other', cells: [], lastSuccess: null, next: null }
const pause: FoundSuspension = { kind: 'pause', suspension: { ...PAUSE, until: now + 60_000 } }
const retirement: FoundSuspension = { kind: 'retirement', suspension: { ...PAUSE, reason: 'replaced by nightly-v2' } }
const overview = (lines: readonly TaskLine[], query = {}) =>
  Overview({ model: { lines, query, more: 'nightly' }, links, live: true })
const PAGES: Readonly<Record<string, unknown>> = {
  'Overview of an empty ledger': [NeedsLine({ needs: { ...well, tasks: 0 }, links, now }), overview([])],
  'Overview, nothing needs attention': NeedsLine({ needs: well, links, now }),
  'Overview, checking goes on': NeedsLine({ needs: { ...well, isWhole: false, tasks: 1 }, links, now }),
  'Overview, a task cannot be checked': NeedsLine({
    needs: { ...well, problems: ['task a: …', 'task b: …'] },
    links,
    now,
  }),
  'Overview, slots need attention': [NeedsLine({ needs: ill, links, now: now + 90_000 }), overview([line, other])],
  'Overview, a task is paused and another one is retired': overview([
    { ...other, task: 'retired', suspended: retirement },
    { ...other, task: 'paused', suspended: pause },
  ]),
  'Overview, no match': overview([], { q: 'x' }),
  'Needs attention': NeedsList({ needs: ill, links, level: 1, now }),
}

test('the texts of all pages are these', async () => {
  const text = Object.entries(PAGES).map(([name, html]) => {
    const parts = Array.isArray(html) ? html : [html]
    return `== ${name}\n\n${parts.map(textOf).join('\n')}\n`
  })
  await expect(text.join('\n')).toMatchFileSnapshot('page-texts.txt')
})

test('there is a detail for each kind of finding', () => {
  expect(findings.map(({ kind }) => kind)).toEqual(Object.keys(NO_FINDINGS))
  expect(new Set(findings.map((found) => findingDetail(found, now))).size).toBe(findings.length)
})
