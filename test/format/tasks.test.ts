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
  const lines = tasksTable(SUMMARIES, { columns: null, color: false }, LATER).map((line) => line.replace(/ {2,}/g, '|'))
  expect(lines).toEqual([
    'TASK|STATUS|OPEN|LAST|NEXT|TOOK (USUALLY)|OWNER',
    'payments/settlement-of-the-day|running|2|11-24 03:00 UTC|11-25 03:00 UTC|8s so far (0.3s)|https://example.org/teams/payments',
    'b|completed|3+|11-24 03:00 UTC|11-25 03:00 UTC|0.3s (0.3s)|https://example.org/teams/payments',
    'c|completed|0|11-24 03:00 UTC|11-25 03:00 UTC|0.3s (0.3s)|https://example.org/teams/payments',
    '',
    '3 tasks, 2 with open slots: 5 or more',
  ])
})

test('on a narrow screen, owners and usual durations go first, and names are cut last', () => {
  const heads = (columns: number) => {
    const lines = tasksTable(SUMMARIES, { columns, color: false }, LATER)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
    return [lines[0]?.replace(/ {2,}/g, '|'), lines[1]?.split(' ')[0]]
  }
  const name = 'payments/settlement-of-the-day'
  expect(heads(120)).toEqual(['TASK|STATUS|OPEN|LAST|NEXT|TOOK (USUALLY)', name])
  expect(heads(98)).toEqual(['TASK|STATUS|OPEN|LAST|NEXT|TOOK', name])
  expect(heads(80)).toEqual(['TASK|STATUS|OPEN|LAST|NEXT|TOOK', 'payments/settleme…'])
})
