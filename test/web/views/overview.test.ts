import { describe, expect, test } from 'vitest'
import { isKeyOf } from '../../../src/core/objects.ts'
import { finishRow } from '../../../src/core/row/transition.ts'
import { type JudgedSlot, NO_FINDINGS } from '../../../src/verdict/judge.ts'
import { MOST_URGENT_FIRST } from '../../../src/web/views/frame/marks.ts'
import { UTC, wallClock } from '../../../src/web/views/frame/time.tsx'
import { axisUntil } from '../../../src/web/views/overview/axis.ts'
import { cellFacts, cellsAhead, fillCells } from '../../../src/web/views/overview/cells.ts'
import { GridLine, type TaskLine } from '../../../src/web/views/overview/grid.tsx'
import { countInTitle, EmptyLedger, type Needs, NeedsLine, NeedsList } from '../../../src/web/views/overview/needs.tsx'
import { countStates, groupTasks, statesOf } from '../../../src/web/views/overview/order.ts'
import { Overview, type OverviewModel } from '../../../src/web/views/overview/overview.tsx'
import { ILL, LATER, WELL } from '../../support/pages/needs.ts'
import { FAILED, judgedAt, NOW, PAUSE, rowWith, SUCCEEDED } from '../../support/rows.ts'

const clock = wallClock('Asia/Tokyo')
const axis = axisUntil(NOW, 'UTC', '7d')
const last = axis.columns.at(-1) ?? { from: 0, to: 0 }
const row = rowWith({ ending: FAILED })
const DAY_MS = 86_400_000

type Marked = Pick<JudgedSlot, 'slot' | 'row' | 'mark'>

function marked({ slot, row, mark }: Marked): JudgedSlot {
  return { ...judgedAt(NOW, row && { ...row, slot }, { slot }), mark, kind: isKeyOf(mark, NO_FINDINGS) ? mark : null }
}

/** The cell of the newest column with these slots, newest first. */
function cellWith(...records: readonly Marked[]) {
  const { cells, add } = fillCells(axis)
  for (const record of records) add(marked(record))
  const cell = cells.at(-1)
  if (cell == null) throw new Error('the column is empty')
  return cell
}

test('a cell shows its most urgent mark', () => {
  for (const marks of [MOST_URGENT_FIRST, MOST_URGENT_FIRST.toReversed()]) {
    const all = marks.map((mark, index) => ({ slot: last.from + 1_000 - index, row: null, mark }))
    expect(cellWith(...all).mark).toBe(MOST_URGENT_FIRST[0])
  }
  expect(cellWith({ slot: last.from, row: null, mark: 'completed' }).mark).toBe('completed')
})

test('the facts of several slots: how many have which mark', () => {
  const cell = cellWith(
    { slot: last.from + 3_000, row: null, mark: 'missed' },
    { slot: last.from + 2_000, row: row, mark: 'failed' },
    { slot: last.from + 1_000, row: null, mark: 'completed' },
    { slot: last.from, row: null, mark: 'completed' },
  )
  expect(cellFacts(cell, 'nightly', last, UTC)).toEqual([
    'nightly',
    '2026-11-24 00:00 to 04:00 UTC',
    '1 failed, 1 missed, 2 completed',
  ])
})

const line: TaskLine = {
  task: 'nightly',
  words: 'At 12:00',
  expression: '0 12 * * *',
  zone: clock.zone,
  problem: null,
  suspended: null,
  cells: [],
  ahead: [],
  unread: 0,
  gaps: [],
  isMoving: false,
  pace: { durationsMs: [192_000, 61_000, 60_000], usualMs: 60_500 },
  lastSuccess: null,
  next: null,
}
const cellsOf = (more: Partial<TaskLine>) => {
  const html = String(GridLine({ line: { ...line, ...more }, axis, now: NOW })).replaceAll('&amp;', '&')
  return [...html.matchAll(/<td((?: (?!data-name)[^>]*)?)>(.*?)<\/td>/gs)].slice(0, axis.columns.length)
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

test('columns that were not read look so, and have a link that reads them', () => {
  const cells = cellsOf({ unread: 2 })
  expect(cells[0]?.[1]).toContain('class="unread')
  expect(cells[1]?.[2]).toContain('href="/task?task=nightly&until=')
  expect(cells[2]?.[1]).not.toContain('unread')
})

test('the duration of the newest slot stands beside the usual one, and stands out if it is much longer', () => {
  const took = (durationsMs: readonly number[]) => {
    const usualMs = durationsMs.length === 0 ? null : 60_000
    const html = String(GridLine({ line: { ...line, pace: { durationsMs, usualMs } }, axis, now: NOW }))
    return [...html.matchAll(/<td class="took[^>]*>(.*?)<\/td>/g)].map(([, text]) => text)
  }
  expect(took([90_000, 60_000, 60_000])).toEqual(['<strong>1m 30s</strong>', '1m 0s'])
  expect(took([61_000, 60_000, 60_000])).toEqual(['1m 1s', '1m 0s'])
  expect(took([])).toEqual(['', ''])
})

test('a cell leads to its slot, or to the slots of its column', () => {
  const counts = { completed: 2 }
  const many = {
    mark: 'completed',
    kind: 'slots',
    newest: NOW,
    counts,
    needsAttention: false,
  } as const
  const cells = axis.columns.map((_, index) => (index === 0 ? many : null))
  expect(cellsOf({ cells })[0]?.[2]).toContain(
    'href="/task?task=nightly&since=2026-11-17T04%3A00%3A00Z&until=2026-11-17T08%3A00%3A00Z"',
  )
  const one = fillCells(axis)
  const failed = finishRow(rowWith({}), FAILED, { writeId: 'x', now: NOW })
  one.add(marked({ slot: row.slot, row: failed, mark: 'failed' }))
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

test('what completed of a task with several slots in a column is a calm line, and only marks that are there are explained', () => {
  const done = { row: null, mark: 'completed' } as const
  const cells = [cellWith({ slot: last.from, ...done }), cellWith({ slot: last.from, row, mark: 'failed' })]
  const lookOf = (...more: readonly ReturnType<typeof cellWith>[]) => {
    const html = overviewWith({ lines: [{ ...line, cells: [...cells, ...more] }] })
    const legend = [...(/<ul class="legend".*?<\/ul>/s.exec(html)?.[0].matchAll(/class="c (\w+)"/g) ?? [])]
    return [...html.matchAll(/<a class="c ([^"]*)"/g), ['', '|'], ...legend].map(([, names]) => names).join(', ')
  }
  expect(lookOf()).toBe('completed, failed, |, completed, failed')
  expect(lookOf(cellWith({ slot: last.from + 1_000, ...done }, { slot: last.from, ...done }))).toBe(
    'completed calm, failed, completed calm, |, calm, failed',
  )
})

function overviewWith(model: Partial<OverviewModel>): string {
  const own: OverviewModel = {
    axis,
    lines: [line],
    hasFindings: () => false,
    sort: 'severity',
    owners: [],
    state: null,
    counts: [],
    total: 1,
    matching: 1,
    isWhole: true,
    unread: 0,
    query: {},
    page: 1,
    before: 0,
    ...model,
  }
  return String(Overview({ model: own, now: NOW })).replaceAll('&amp;', '&')
}

test('each filter keeps the others, and a new status begins with the first page', () => {
  const query = { q: 'night', status: 'failed', page: '2' }
  const counts = [{ state: 'missed', count: 1 }] as const
  const html = overviewWith({ query, state: 'failed', counts, page: 2, before: 200, matching: 402 })
  expect([...html.matchAll(/href="(\/\?[^"]*)"/g)].map(([, href]) => href)).toEqual([
    '/?q=night',
    '/?q=night&status=missed',
    '/?q=night&status=failed&page=2&span=24h',
    '/?q=night&status=failed&page=2',
    '/?q=night&status=failed&page=2&span=30d',
    '/?q=night&status=failed',
    '/?q=night&status=failed&page=3',
  ])
  expect(html).toMatch(
    /Tasks 201 to 201 of 402\. The summary above is about all tasks\..*>Previous tasks<.*>More tasks</s,
  )
  expect(overviewWith({ lines: [], isWhole: false, state: 'late' })).toContain('No task matches so far.')
  const fields = overviewWith({ query: { ...query, span: '30d' } }).matchAll(
    /type="hidden" name="(\w+)" value="(\w+)"/g,
  )
  expect([...fields].map(([, name, value]) => [name, value])).toEqual([
    ['span', '30d'],
    ['status', 'failed'],
  ])
})

test('the Tab key stops at the newest cell of a row, and slots to come stand after it', () => {
  const { cells, add } = fillCells(axis)
  add(marked({ slot: row.slot, row, mark: 'failed' }))
  add(marked({ slot: row.slot - DAY_MS, row: rowWith({ ending: SUCCEEDED }), mark: 'completed' }))
  const ahead = cellsAhead(axis, (at) => (Math.floor(at / DAY_MS) + 1) * DAY_MS)
  const links = overviewWith({ lines: [{ ...line, cells, ahead }] }).matchAll(/<a class="c ([^"]*)"([^>]*)/g)
  expect([...links].map(([, names, rest]) => [names, !rest?.includes('tabindex="-1"')])).toEqual([
    ['completed', false],
    ['failed', true],
    ['scheduled', false],
  ])
})

test('tasks that need attention come first, and the retired ones last', () => {
  const groups = (attention: readonly string[], retired: readonly string[]) =>
    groupTasks(['a', 'b', 'c', 'd'], {
      needsAttention: (task) => attention.includes(task),
      isRetired: (task) => retired.includes(task),
    })
  expect(groups(['d', 'b'], ['b', 'a'])).toEqual([
    { name: 'Needs attention', tasks: ['d'] },
    { name: null, tasks: ['c'] },
    { name: 'Retired', tasks: ['a', 'b'] },
  ])
  expect(groups([], [])).toEqual([{ name: null, tasks: ['a', 'b', 'c', 'd'] }])
})

test('a task has the states of its findings, and a retired one has no other', () => {
  const weekly = ILL.byTask.get('weekly')
  expect([...statesOf(weekly, null)]).toEqual(['overdue', 'unusual', 'late'])
  expect([...statesOf(undefined, { kind: 'pause', suspension: PAUSE })]).toEqual(['paused'])
  expect([...statesOf(weekly, { kind: 'retirement', suspension: PAUSE })]).toEqual(['retired'])
  const states = [new Set(['paused', 'missed'] as const), new Set(['missed', 'failed'] as const), new Set([])]
  expect(countStates(states)).toEqual([
    { state: 'failed', count: 1 },
    { state: 'missed', count: 2 },
    { state: 'paused', count: 1 },
  ])
})

describe('what needs attention', () => {
  const textOf = (html: unknown) =>
    String(html)
      .replace(/<[^>]*>/g, '')
      .replaceAll('&#39;', "'")
  const top = (needs: Needs) => NeedsLine({ needs, clock, now: LATER, store: 'file:/a b.db' })
  const list = (needs: Needs) => NeedsList({ needs, clock, now: LATER, store: 'file:x' })

  test.each<[Needs, string]>([
    [{ ...WELL, tasks: 1, faults: ['task x: no'] }, '1 task could not be checkedtask x: no'],
    [{ ...WELL, tasks: 0, of: 0 }, 'No tasks'],
    [{ ...WELL, now: LATER - 59_999 }, 'No problems foundIn the last 7 days.'],
  ])('what needs attention says whether all is well: %#', (needs, text) => {
    expect(textOf(top(needs))).toBe(text)
    expect(textOf(list(needs))).toBe(text)
  })

  test('a finding is as old as it was when it was read, like its sentence', () => {
    const rowsAt = (now: number) =>
      String(NeedsList({ needs: ILL, clock, now, store: 'file:x' }))
        .split('<section class="case"')
        .slice(1)
    expect(rowsAt(ILL.now + 3_600_000)).toEqual(rowsAt(ILL.now))
    expect(rowsAt(ILL.now)).not.toEqual([])
    expect(textOf(NeedsLine({ needs: ILL, clock, now: LATER + 90_000, store: 'x' }))).toContain('Checked at 13:00:05.')
  })

  test('an incomplete answer says "at least", and names the first task that cannot be checked', () => {
    const faults = ['task x: no', 'task y: no', 'task z: no']
    expect(textOf(top({ ...ILL, faults }))).toMatch(/^At least 8 slots need attention.*task x: noand 2 more tasks/)
    expect(textOf(top({ ...WELL, faults: faults.slice(1) }))).toMatch(
      /^2 tasks could not be checkedNo problems found in the other tasks /,
    )
    expect(textOf(top({ ...ILL, isWhole: false }))).toMatch(
      /^At least 8 slots .*Partial: 3 of 3 tasks checked so far\./,
    )
    expect(textOf(list({ ...ILL, faults }))).toMatch(/^At least 8 slots .*task x: notask y: notask z: no/)
    expect([WELL, ILL, { ...ILL, isWhole: false }].map(countInTitle)).toEqual(['', '(8) ', '(8+) '])
  })

  test('a problem of several tasks is one line, five problems are named at the top, and the list has all of them', () => {
    const [own] = ILL.problems[0]?.tasks ?? []
    const tasks = Array.from({ length: 12 }, (_, index) => ({
      ...(own ?? expect.unreachable()),
      task: `task-${index}`,
    }))
    const of = (some: typeof tasks) => ({ ...(ILL.problems[0] ?? expect.unreachable()), tasks: some, slots: 36 })
    const shared = {
      ...of(tasks.slice(0, 4)),
      kind: 'failed' as const,
      words: 'no disk',
      still: 2,
      waiting: [tasks[11] ?? expect.unreachable()],
    }
    const problems = [shared, ...tasks.slice(4).map((task) => of([task]))]
    const text = textOf(top({ ...ILL, problems }))
    expect(text).toMatch(/failed: no disk4 tasks · 36 slots · .* · still: 2 tasks · waiting for this: 1 task/)
    expect(text.match(/task-\d+/g)).toEqual([4, 5, 6, 7].map((index) => `task-${index}`))
    expect(text).toMatch(/^8 slots need attention.*All 9 problems/)
    // The head of a problem of one task names it, too.
    expect(new Set(textOf(list({ ...ILL, problems })).match(/task-\d+/g)).size).toBe(12)
    // A problem of several tasks has a line for each team, and one for those that wait.
    expect(String(list({ ...ILL, problems })).match(/<dt>/g)).toHaveLength(2)
    expect(textOf(list({ ...ILL, problems }))).toContain('Waiting for this: no owner · 1 task')
    const partial = textOf(top({ ...ILL, problems: [shared], isWhole: false }))
    expect(partial).toMatch(/failed: no disk, as far as checked.*cronledger rerun .* --all/)
  })

  test('of a failure, the cause comes first and the host last, and all times have the zone of the page', () => {
    const text = textOf(NeedsList({ needs: ILL, clock: UTC, now: LATER, store: 'file:x' }))
    expect(text).toContain(
      'failed: exit code 3nightly · 03:00Newest slot: attempt 1 failed (exit code 3) after 1s · host',
    )
    expect(text).not.toContain('JST')
  })

  test('while tasks are still checked, and in an empty ledger, nothing looks like a success or like a problem', () => {
    const classOf = (needs: Needs) => /<section id="needs-line"(?: class="([^"]*)")?/.exec(String(top(needs)))?.[1]
    expect(classOf(WELL)).toBe('needs well')
    expect(classOf({ ...WELL, isWhole: false })).toBe('needs open')
    expect(textOf(top({ ...WELL, isWhole: false }))).toMatch(/^Still checking/)
    expect([classOf(ILL), classOf({ ...ILL, isWhole: false })]).toEqual(['needs ', 'needs '])
    expect(classOf({ ...WELL, isWhole: false, faults: ['task x: no'] })).toBe('needs ')
    expect(classOf({ ...WELL, tasks: 0, of: 0 })).toBe('needs open')
    expect(textOf(EmptyLedger({ store: 'file:/a b.db' }))).toContain(
      "cronledger run --store 'file:/a b.db' --task nightly --schedule '0 3 * * *' -- YOUR_COMMAND",
    )
  })
})
