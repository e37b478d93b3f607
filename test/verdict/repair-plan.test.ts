import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from '../../src/core/types.ts'
import { planSteps, usualTimeOf } from '../../src/verdict/repair-plan.ts'

const slotOf = (task: string, slot: number, work: 'not done' | 'unknown' = 'not done') => ({ task, slot, work })
const slots = ['a 0', 'a 1', 'a 2', 'b 0', 'b 1', 'c 0', 'd 0'].map((text) => {
  const [task = '', slot = ''] = text.split(' ')
  return slotOf(task, Number(slot))
})
const nameOf = ({ task, slot }: Key) => `${task} ${slot}`

test('the oldest slot comes first, then the task that waits for fewer; a step waits for the last ones above it', () => {
  const steps = planSteps(slots, new Map([['c', ['b']]]))
  expect(steps.map(nameOf)).toEqual(['a 0', 'b 0', 'd 0', 'a 1', 'b 1', 'a 2', 'c 0'])
  expect(steps.map(({ after }) => after)).toEqual([[], [], [], [0], [1], [3], [4]])
})

test('a task for which work was done, and one that waits for others, comes after those for which none was', () => {
  const own = [slotOf('half', 0, 'unknown'), slotOf('half', 1), slotOf('new', 5)]
  expect(planSteps(own, new Map()).map(nameOf)).toEqual(['new 5', 'half 0', 'half 1'])
})

test('a prefix stands for the other tasks that have it', () => {
  const steps = planSteps(
    [slotOf('imp/all', 0), slotOf('imp/a', 0), slotOf('imp/b', 0)],
    new Map([['imp/all', ['imp/*']]]),
  )
  expect(steps.map(nameOf)).toEqual(['imp/a 0', 'imp/b 0', 'imp/all 0'])
  expect(steps[2]?.after).toEqual([0, 1])
})

const upstreams = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.subarray(['a', 'b', 'c', 'd', '*', 'x']))
  .map((all) => new Map(Object.entries(all)))
const anySlots = fc.uniqueArray(
  fc.record({
    task: fc.constantFrom('a', 'b', 'c', 'd'),
    slot: fc.nat(5),
    work: fc.constantFrom('not done', 'unknown'),
  }),
  { selector: ({ task, slot }) => `${task} ${slot}` },
)

test('each slot is a step exactly once, after the older ones of its task, and waits only for steps above it: no circle holds it up', () => {
  fc.assert(
    fc.property(anySlots, upstreams, (some, after) => {
      const steps = planSteps(some, after)
      expect(steps.map(nameOf).sort()).toEqual(some.map(nameOf).sort())
      for (const [number, step] of steps.entries()) {
        for (const one of step.after) expect(one).toBeLessThan(number)
        const older = steps.slice(0, number).findLastIndex(({ task }) => task === step.task)
        if (older >= 0) expect(step.after).toContain(older)
        expect(steps[older]?.slot ?? -1).toBeLessThan(step.slot)
      }
    }),
  )
})

test('a chain of 400 tasks with 5,000 slots is planned in its order', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => slotOf(`t/${index % 400}`, Math.floor(index / 400)))
  const after = new Map(Array.from({ length: 399 }, (_, index) => [`t/${index + 1}`, [`t/${index}`]] as const))
  expect(planSteps(many.toReversed(), after).map(nameOf).slice(13, 15)).toEqual(['t/1 0', 't/2 0'])
})

test('the estimate is the longest chain, or the time of all shared among the tasks, whichever is longer', () => {
  const steps = planSteps(slots, new Map([['c', ['b']]]))
  const usual = new Map([
    ['a', 10],
    ['b', 4],
    ['c', 100],
  ])
  expect(usualTimeOf(steps, usual, 1)).toBe(138)
  expect(usualTimeOf(steps, usual, 4)).toBe(108)
  expect(usualTimeOf(steps, usual, 4, (number) => number < 4)).toBe(20)
})
