import { expect, test } from 'vitest'
import { orderedTasks, type TaskOrder, type TaskSummary, tasksTable } from '../../src/format/task/tasks.ts'
import { judgedAt, recordWith, rowWith, SUCCEEDED } from '../support/rows.ts'

const { slot } = rowWith({})
const LATER = (rowWith({}).attempts[0]?.startedAt ?? 0) + 8_000
const DAY_MS = 86_400_000

function summary(task: string, zone: string, isRunning: boolean, open: Partial<TaskSummary['open']> = {}): TaskSummary {
  const since = { since: slot, spec: { expression: '0 3 * * *', zone } }
  const row = isRunning ? rowWith({}) : rowWith({ ending: SUCCEEDED })
  return {
    task,
    current: since,
    next: slot + DAY_MS,
    last: judgedAt(LATER, row),
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
const WIDE = { columns: null, color: false }
const OWNER = 'https://example.org/teams/payments'

test('a table of tasks has all times in one zone, the open slots and their total, and how long a running slot has run so far', () => {
  const lines = tasksTable(SUMMARIES, WIDE, LATER, 'Asia/Tokyo').map((line) => line.replace(/ {2,}/g, '|'))
  expect(lines).toEqual([
    'TASK|STATUS|OPEN|LAST (UTC)|NEXT (UTC)|TOOK|USUALLY|OWNER',
    `payments/settlement-of-the-day|running|2|11-24 03:00|11-25 03:00|8s so far|0.3s|${OWNER}`,
    `b|completed|3+|11-24 03:00|11-25 03:00|0.3s|0.3s|${OWNER}`,
    `c|completed|0|11-24 03:00|11-25 03:00|0.3s|0.3s|${OWNER}`,
    '',
    '3 tasks, 2 with open slots: 5 or more',
  ])
  const inSummer = { ...summary('d', 'America/New_York', false), next: slot + 15 * DAY_MS - 180 * DAY_MS }
  expect(tasksTable([inSummer], WIDE, LATER, 'UTC')[1]).toMatch(/ 11-23 22:00 EST +06-\d\d \d\d:00 EDT /)
  // Where no zone has most of the tasks, it is that of the reader, as in check.
  const [heads] = tasksTable(SUMMARIES.slice(0, 2), WIDE, LATER, 'Asia/Tokyo')
  expect(heads).toContain('LAST (JST)')
})

test('80 columns have the usual durations and the owners, and below a task what is in its way', () => {
  const tasks = [
    summary('payments/settlement-of-the-day', 'UTC', true),
    { ...summary('b', 'UTC', false), blockers: ['feed (failed)'] },
  ]
  const [head, , , below] = tasksTable(tasks, { columns: 80, color: false }, LATER, 'UTC')
  expect(head?.replace(/ {2,}/g, '|')).toBe('TASK|STATUS|OPEN|NEXT (UTC)|TOOK|USUALLY|OWNER')
  expect(below).toBe('  after feed (failed)')
  expect(tasksTable(tasks, WIDE, LATER, 'UTC')[2]).toMatch(/ {2}after feed \(failed\)$/)
})

test('on a terminal, the teams with open slots follow the total, those with the most first', () => {
  const of = (owner: string, one: TaskSummary) => ({
    ...one,
    record: recordWith([], { expectations: { since: slot, owner } }),
  })
  const [first, second, third] = SUMMARIES
  if (first === undefined || second === undefined || third === undefined) throw new Error('three tasks')
  const tasks = [of('Payments', first), of('Data', second), of('Data', third), of('Web', third)]
  expect(tasksTable(tasks, { columns: 80, color: false }, LATER, 'UTC').slice(6)).toEqual([
    '4 tasks, 2 with open slots: 5 or more',
    '  2 tasks, 1 with open slots: 3 or more  Data',
    '  1 task, 1 with open slots: 2  Payments',
    'No room for the columns: LAST (UTC)',
  ])
  expect(tasksTable(tasks, WIDE, LATER, 'UTC').slice(6)).toEqual(['4 tasks, 2 with open slots: 5 or more'])
})

test('need: the most open slots first, then what is slow; slower: what took the most lately, compared with before', () => {
  const slow = { ...summary('slow', 'UTC', false), pace: { durationsMs: [900], usualMs: 300 } }
  const trend = { beforeMs: 200, latelyMs: 300 }
  const slower = { ...summary('slower', 'UTC', false), pace: { durationsMs: [300], usualMs: 300, trend } }
  const unknown = { ...summary('unknown', 'UTC', false), pace: { durationsMs: [], usualMs: null } }
  const fast = { ...summary('fast', 'UTC', false), pace: { durationsMs: [100], usualMs: 300 } }
  const named = (order: TaskOrder) =>
    orderedTasks([unknown, fast, slower, ...SUMMARIES.slice(1), slow], order, LATER).map(({ task }) => task)
  expect(named('name')).toEqual(['unknown', 'fast', 'slower', 'b', 'c', 'slow'])
  expect(named('need')).toEqual(['b', 'slow', 'slower', 'c', 'fast', 'unknown'])
  expect(named('slower')[0]).toBe('slower')
  const text = tasksTable([slower], { columns: 80, color: false, order: 'slower' }, LATER, 'UTC').join(' ')
  expect(text).toMatch(/ LATELY +BEFORE .* 0\.3s +0\.2s /)
})
