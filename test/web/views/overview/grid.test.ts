import { expect, test } from 'vitest'
import type { SlotRecord } from '../../../../src/core/row/status.ts'
import { finishRow } from '../../../../src/core/row/transition.ts'
import type { SlotMark } from '../../../../src/verdict/mark.ts'
import { IN_ONE_FILE, SERVED } from '../../../../src/web/views/frame/links.ts'
import { MOST_URGENT_FIRST } from '../../../../src/web/views/frame/marks.ts'
import { wallClock } from '../../../../src/web/views/frame/wall-clock.ts'
import { axisUntil } from '../../../../src/web/views/overview/axis.ts'
import { cellFacts, fillCells } from '../../../../src/web/views/overview/cells.ts'
import { GridLine, type TaskLine } from '../../../../src/web/views/overview/grid.tsx'
import { FAILED, NOW, rowWith } from '../../../support/rows.ts'

const clock = wallClock('Asia/Tokyo')
const axis = axisUntil(NOW, 'UTC', '7d')
const last = axis.columns.at(-1) ?? { from: 0, to: 0 }
const row = rowWith({ ending: FAILED })

/** The cell of the newest column with these slots, newest first. */
function cellWith(...records: readonly (SlotRecord & { readonly mark: SlotMark })[]) {
  const { cells, add } = fillCells(axis, NOW)
  for (const record of records) add({ ...record, status: 'completed' })
  const cell = cells.at(-1)
  if (cell == null) throw new Error('the column is empty')
  return cell
}

test('a cell shows its most urgent mark', () => {
  const all = MOST_URGENT_FIRST.toReversed().map((mark, index) => ({
    slot: last.from + 1_000 - index,
    row: null,
    mark,
  }))
  expect(cellWith(...all).mark).toBe(MOST_URGENT_FIRST[0])
  expect(cellWith({ slot: last.from, row: null, mark: 'completed' }).mark).toBe('completed')
})

test('the facts of one slot', () => {
  const rejections = { ...row.rejections, count: 3, refused: 1 }
  const cell = cellWith({ slot: row.slot, row: { ...row, rejections }, mark: 'failed' })
  expect(cellFacts(cell, 'nightly', last, clock)).toEqual([
    'nightly',
    '2026-11-24 12:00 +09:00 Asia/Tokyo',
    'failed',
    'took 1s',
    '1 attempt',
    '2 duplicates, 1 refused',
  ])
  const missed = cellWith({ slot: row.slot, row: null, mark: 'missed' })
  expect(cellFacts(missed, 'nightly', last, wallClock('UTC'))).toEqual(['nightly', '2026-11-24 03:00 UTC', 'missed'])
})

test('the facts of several slots: counts, and the first problem', () => {
  const cell = cellWith(
    { slot: last.from + 3_000, row: null, mark: 'missed' },
    { slot: last.from + 2_000, row: { ...row, rejections: { ...row.rejections, count: 2 } }, mark: 'failed' },
    { slot: last.from + 1_000, row: null, mark: 'completed' },
    { slot: last.from, row: null, mark: 'completed' },
  )
  expect(cellFacts(cell, 'nightly', last, wallClock('UTC'))).toEqual([
    'nightly',
    '2026-11-24 00:00 to 04:00 UTC',
    '1 failed, 1 missed, 2 completed',
    'first failed: 2026-11-24 00:00:02 UTC',
    '2 duplicates',
  ])
})

const line: TaskLine = {
  ...{ task: 'nightly', clock, words: 'At 12:00', expression: '0 12 * * *', problem: null, suspended: null },
  ...{
    cells: [],
    unread: 0,
    gaps: [],
    newest: null,
    hasProblem: false,
    isMoving: false,
    lastSuccess: null,
    next: null,
  },
}
const cellsOf = (more: Partial<TaskLine>, links = SERVED) => {
  const html = String(GridLine({ line: { ...line, ...more }, axis, links, now: NOW, live: true })).replaceAll(
    '&amp;',
    '&',
  )
  return [...html.matchAll(/<td((?: (?!data-name)[^>]*)?)>(.*?)<\/td>/g)].slice(0, axis.columns.length)
}

test('a column that a pause overlaps is hatched, and an empty pause hatches none', () => {
  const [from, until] = [axis.columns[10]?.from ?? 0, (axis.columns[12]?.from ?? 0) + 1]
  const paused = (gaps: TaskLine['gaps']) =>
    cellsOf({ gaps }).flatMap(([, names], index) => (names?.includes('paused') ? [index] : []))
  expect(paused([{ from, until }])).toEqual([10, 11, 12])
  expect(paused([{ from: from + 1, until: from + 2 }])).toEqual([10])
  expect(paused([{ from: until, until: Number.POSITIVE_INFINITY }])).toEqual([...axis.columns.keys()].slice(12))
  expect(paused([])).toEqual([])
})

test('a column that was not read says so', () => {
  const cells = cellsOf({ unread: 2 })
  expect(cells[1]?.[1]).toContain('title="not read: too many slots"')
  expect(cells[2]?.[1]).not.toContain('unread')
})

test('a cell leads to its slot, or to the slots of its column', () => {
  const counts = { completed: 2 }
  const many = { mark: 'completed', kind: 'slots', newest: NOW, counts, firstProblem: null } as const
  const cells = axis.columns.map((_, index) => (index === 0 ? { ...many, rejected: { count: 0, refused: 0 } } : null))
  expect(cellsOf({ cells })[0]?.[2]).toContain(
    'href="/task?task=nightly&since=2026-11-17T04%3A00%3A00Z&until=2026-11-17T08%3A00%3A00Z"',
  )
  expect(cellsOf({ cells }, IN_ONE_FILE)[0]?.[2]).toContain('href="#task_20nightly"')
  const one = fillCells(axis, NOW)
  one.add({
    slot: row.slot,
    row: finishRow(rowWith({}), FAILED, { writeId: 'x', now: NOW }),
    status: 'failed',
    mark: 'failed',
  })
  expect(cellsOf({ cells: one.cells }).at(-1)?.[2]).toContain('href="/slot?task=nightly&slot=2026-11-24T03%3A00%3A00Z"')
})

test('the newest cell leads to the slots that it counts, and not to later ones of its column', () => {
  const newest = last.from + 3_600_000
  const cells = [...axis.columns.keys()].map(() => null).slice(1)
  const cell = cellWith({ slot: newest, row: null, mark: 'missed' }, { slot: last.from, row: null, mark: 'completed' })
  expect(last.to).toBeGreaterThan(NOW)
  expect(cellsOf({ cells: [...cells, cell] }).at(-1)?.[2]).toContain(
    'href="/task?task=nightly&since=2026-11-24T00%3A00%3A00Z&until=2026-11-24T01%3A00%3A01Z"',
  )
})
