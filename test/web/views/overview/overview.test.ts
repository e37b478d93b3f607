import { expect, test } from 'vitest'
import { SERVED } from '../../../../src/web/views/frame/links.ts'
import { UTC } from '../../../../src/web/views/frame/wall-clock.ts'
import { axisUntil } from '../../../../src/web/views/overview/axis.ts'
import { fillCells } from '../../../../src/web/views/overview/cells.ts'
import type { TaskLine } from '../../../../src/web/views/overview/grid.tsx'
import { Overview, type OverviewModel } from '../../../../src/web/views/overview/overview.tsx'
import { FAILED, NOW, PAUSE, rowWith, SUCCEEDED } from '../../../support/rows.ts'

const axis = axisUntil(NOW, 'UTC', '7d')
const DAY_MS = 86_400_000

const line: TaskLine = {
  ...{ task: 'nightly', clock: UTC, words: 'At 03:00', expression: '0 3 * * *', problem: null, suspended: null },
  ...{ cells: [], unread: 0, gaps: [], newest: 'completed', hasProblem: false, isMoving: false },
  ...{ lastSuccess: null, next: null },
}
const retired: TaskLine = { ...line, task: 'old', suspended: { kind: 'retirement', suspension: PAUSE } }

function htmlOf(model: Partial<OverviewModel>, live = true): string {
  const own: OverviewModel = {
    ...{ axis, lines: [line], attention: new Set(), span: '7d', state: null, counts: [], total: 1 },
    ...{ isLarge: false, isWhole: true, query: {}, more: null },
    ...model,
  }
  return String(Overview({ model: own, links: SERVED, now: NOW, live })).replaceAll('&amp;', '&')
}

test('each filter keeps the others, and a new status begins with the first page', () => {
  const query = { q: 'night', status: 'failed', after: 'm' }
  const counts = [{ state: 'missed', count: 1 }] as const
  const html = htmlOf({ query, state: 'failed', span: '7d', counts, isLarge: true, more: 'nightly' })
  expect([...html.matchAll(/href="(\/\?[^"]*)"/g)].map(([, href]) => href)).toEqual([
    '/?q=night',
    '/?q=night&status=missed',
    '/?q=night&status=failed&after=m&span=24h',
    '/?q=night&status=failed&after=m',
    '/?q=night&status=failed&after=m&span=30d',
    '/?q=night&status=failed',
    '/?q=night&status=failed&after=nightly',
  ])
  const fields = [...htmlOf({ query: { ...query, span: '30d' } }).matchAll(/type="hidden" name="(\w+)" value="(\w+)"/g)]
  expect(fields.map(([, name, value]) => [name, value])).toEqual([
    ['span', '30d'],
    ['status', 'failed'],
  ])
})

test('retired tasks are folded below the others, and open where there are no others', () => {
  expect(htmlOf({ lines: [line, retired] })).toContain('<details id="retired"><summary>Retired <small>1 task<')
  expect(htmlOf({ lines: [retired] })).toContain('<details id="retired" open=""><summary>')
  expect(htmlOf({})).not.toContain('retired')
})

test('a rejected trigger is marked, and the Tab key stops at the newest cell of a row', () => {
  const { cells, add } = fillCells(axis, NOW)
  const row = rowWith({ ending: FAILED })
  add({
    slot: row.slot,
    row: { ...row, rejections: { ...row.rejections, count: 2 } },
    status: 'failed',
    mark: 'failed',
  })
  add({ slot: row.slot - DAY_MS, row: rowWith({ ending: SUCCEEDED }), status: 'completed', mark: 'completed' })
  const cellsOf = (live: boolean) =>
    [...htmlOf({ lines: [{ ...line, cells }] }, live).matchAll(/<a class="c ([^"]*)"([^>]*)/g)].map(
      ([, names, rest]) => [names, !rest?.includes('tabindex="-1"')],
    )
  expect(cellsOf(true)).toEqual([
    ['completed', false],
    ['failed rejected', true],
  ])
  expect(cellsOf(false).map(([, isStop]) => isStop)).toEqual([true, true])
})
