import { expect, test } from 'vitest'
import { type TaskSummary, tasksTable } from '../../src/format/task/tasks.ts'
import { judgedAt, recordWith, rowWith, SUCCEEDED } from '../support/rows.ts'

const { slot } = rowWith({})
const LATER = (rowWith({}).attempts[0]?.startedAt ?? 0) + 8_000
const DAY_MS = 86_400_000

function summary(task: string, zone: string, isRunning: boolean, open: Partial<TaskSummary['open']> = {}): TaskSummary {
  const since = { since: slot, spec: { expression: '0 3 * * *', zone } }
  const row = isRunning ? rowWith({}) : rowWith({ ending: SUCCEEDED })
  return {
    ...{ task, current: since, next: slot + DAY_MS, last: judgedAt(LATER, row) },
    pace: { durationsMs: [300], usualMs: 300 },
    open: { count: 0, since: slot, hasMore: false, ...open },
    record: recordWith([since], { expectations: { since: slot, owner: 'https://example.org/teams/payments' } }),
  }
}

const SUMMARIES = [
  summary('payments/settlement-of-the-day', 'UTC', true, { count: 2 }),
  summary('b', 'Asia/Tokyo', false, { count: 3, hasMore: true }),
  summary('c', 'UTC', false),
]

test('a table of tasks has all times in one zone, the open slots and their total, and how long a running slot has run so far', () => {
  const lines = tasksTable(SUMMARIES, { columns: null, color: false }, LATER, 'Asia/Tokyo').map((line) =>
    line.replace(/ {2,}/g, '|'),
  )
  expect(lines).toEqual([
    'TASK|STATUS|OPEN|LAST (UTC)|NEXT|TOOK (USUALLY)|OWNER',
    'payments/settlement-of-the-day|running|2|11-24 03:00|11-25 03:00|8s so far (0.3s)|https://example.org/teams/payments',
    'b|completed|3+|11-24 03:00|11-25 03:00|0.3s (0.3s)|https://example.org/teams/payments',
    'c|completed|0|11-24 03:00|11-25 03:00|0.3s (0.3s)|https://example.org/teams/payments',
    '',
    '3 tasks, 2 with open slots: 5 or more',
  ])
  const inSummer = { ...summary('d', 'America/New_York', false), next: slot + 150 * DAY_MS }
  expect(tasksTable([inSummer], { columns: null, color: false }, LATER, 'UTC')[1]).toMatch(
    / 11-23 22:00 EST +2027-\d\d-\d\d \d\d:00 EDT /,
  )
  // Where no zone has most of the tasks, it is that of the reader, as in check.
  const [heads] = tasksTable(SUMMARIES.slice(0, 2), { columns: null, color: false }, LATER, 'Asia/Tokyo')
  expect(heads).toContain('LAST (JST)')
})

test('on a narrow screen, owners go first, then names are cut to 16 columns, and only then usual durations go', () => {
  const heads = (columns: number) => {
    const lines = tasksTable(SUMMARIES, { columns, color: false }, LATER, 'UTC')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
    return [lines[0]?.replace(/ {2,}/g, '|'), lines[1]?.split(' ')[0]]
  }
  const name = 'payments/settlement-of-the-day'
  expect(heads(120)).toEqual(['TASK|STATUS|OPEN|LAST (UTC)|NEXT|TOOK (USUALLY)', name])
  expect(heads(80)).toEqual(['TASK|STATUS|OPEN|LAST (UTC)|NEXT|TOOK (USUALLY)', 'payments/settlemen…'])
  expect(heads(76)).toEqual(['TASK|STATUS|OPEN|LAST (UTC)|NEXT|TOOK', 'payments/settlement-o…'])
})
