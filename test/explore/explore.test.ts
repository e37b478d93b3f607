import { expect, test } from 'vitest'
import { explore } from './explore.ts'
import { type Request, textOf } from './network.ts'
import { play } from './play.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

// `npm run test:explore` plays every schedule of every scenario, in minutes. These tests show that the explorer works.

const SMALL: Scenario = {
  name: 'two triggers, no disturbance',
  hosts: [
    { name: 'A', does: 'run' },
    { name: 'B', does: 'run' },
  ],
  budget: { all: 0 },
  horizonMs: 22_000,
}

test('every order in which the requests of two triggers can arrive keeps the promises', async () => {
  const { found, exhausted, schedules, cuts } = await explore(SMALL, 10_000)
  expect({ found, exhausted }).toEqual({ found: null, exhausted: true })
  expect(schedules).toBeGreaterThan(20)
  expect(Object.values(cuts).reduce((sum, count) => sum + count)).toBe(schedules)
})

test('a schedule goes the same way each time that it is played', async () => {
  const scenario = SCENARIOS.find(({ name }) => name === 'two triggers, two faults') as Scenario
  // The last of the possible steps is a fault if the budget has one left.
  const lastFirst = () => {
    let steps = 0
    return (count: number) => (steps++ < 4 ? count - 1 : 0)
  }
  const [first, second] = [await play(scenario, lastFirst(), true), await play(scenario, lastFirst(), true)]
  expect(first.trail.length).toBeGreaterThan(5)
  expect(second).toEqual(first)
})

test('two requests on their way are alike only if their answers will say the same', () => {
  const request = (state: Request['state'], answer: unknown) =>
    textOf({ host: 'A', number: 1, state, answer } as Request)
  expect(request('applied', { version: 1 })).not.toBe(request('applied', { version: 2 }))
  expect(request('applied', new Error('denied'))).not.toBe(request('applied', new Error('no answer')))
  expect(request('applied', { version: 1 })).toBe(request('applied', { version: 1 }))
  expect(request('applied', undefined)).not.toBe(request('sent', undefined))
})

test('the explorer ends at its bound of states, and says so', async () => {
  const { exhausted, states } = await explore(SMALL, 10)
  expect(exhausted).toBe(false)
  expect(states).toBeLessThan(60)
})
