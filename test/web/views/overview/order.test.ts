import { expect, test } from 'vitest'
import { countStates, groupTasks, statesOf } from '../../../../src/web/views/overview/order.ts'
import { PAUSE } from '../../../support/rows.ts'

const named = (...names: readonly string[]) => names.map((task) => ({ task }))
const groups = (tasks: readonly { readonly task: string }[], attention: readonly string[] = []) =>
  groupTasks(tasks, ({ task }) => attention.includes(task)).map(({ name, tasks }) => [
    name,
    tasks.map(({ task }) => task),
  ])

test('tasks that need attention come first, then groups by prefix among the others', () => {
  const tasks = named('a', 'billing/dunning', 'billing/invoices', 'c/lonely', 'd', 'etl/load', 'etl/orders', 'z')
  expect(groups(tasks)).toEqual([
    [null, ['a']],
    ['billing/', ['billing/dunning', 'billing/invoices']],
    [null, ['c/lonely', 'd']],
    ['etl/', ['etl/load', 'etl/orders']],
    [null, ['z']],
  ])
  // A group from which only one task is left has no line of its own.
  expect(groups(tasks, ['billing/invoices', 'z'])).toEqual([
    ['Needs attention', ['billing/invoices', 'z']],
    [null, ['a', 'billing/dunning', 'c/lonely', 'd']],
    ['etl/', ['etl/load', 'etl/orders']],
  ])
  expect(groups([])).toEqual([])
})

test('a group stays together where the order of the names separates it', () => {
  expect(groups(named('/a', '/b', 'b-/x', 'b/x', 'b-/y'))).toEqual([
    [null, ['/a', '/b']],
    ['b-/', ['b-/x', 'b-/y']],
    [null, ['b/x']],
  ])
})

test('the states of a task', () => {
  const kinds = new Map([['a', new Set(['missed', 'late'] as const)]])
  const task = { task: 'a', newest: 'completed', suspended: null } as const
  expect([...statesOf(task, kinds)]).toEqual(['missed', 'late'])
  expect([...statesOf({ ...task, newest: 'failed' }, new Map())]).toEqual(['failed'])
  expect([...statesOf({ ...task, newest: 'scheduled' }, new Map())]).toEqual([])
  expect([...statesOf({ ...task, suspended: { kind: 'pause', suspension: PAUSE } }, kinds)]).toEqual([
    'missed',
    'late',
    'paused',
  ])
  expect([...statesOf({ ...task, suspended: { kind: 'retirement', suspension: PAUSE } }, kinds)]).toEqual(['retired'])
})

test('states are counted, the most urgent first, and only those that occur', () => {
  const states = [new Set(['paused', 'missed'] as const), new Set(['missed', 'failed'] as const), new Set([])]
  expect(countStates(states)).toEqual([
    { state: 'failed', count: 1 },
    { state: 'missed', count: 2 },
    { state: 'paused', count: 1 },
  ])
})
