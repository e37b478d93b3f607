import { expect, test } from 'vitest'
import { commandText } from '../../../../src/format/command-line.ts'
import { BLANKS, type CommandWords, cronledger } from '../../../../src/verdict/command.ts'
import { againSteps, rangeSteps } from '../../../../src/verdict/steps.ts'
import { commandGroups } from '../../../../src/web/views/frame/command.tsx'
import { ON_ECS } from '../../../support/rows.ts'

const target = { store: `file:/srv/it's "a" -- b.db`, task: 'nightly', slot: 0, schedule: null, ecs: null }
const blanksIn = (command: CommandWords = []) =>
  commandGroups(command)
    .flat()
    .flatMap((part) => (typeof part === 'string' ? [] : `${part.blank}${part.inJson ? ' in JSON' : ''}`))
const textOf = (command: CommandWords) =>
  commandGroups(command)
    .map((parts) => parts.map((part) => (typeof part === 'string' ? part : BLANKS[part.blank])).join(''))
    .join(' ')

test('the groups of each command are the whole command, and no option is without its value', () => {
  for (const ecs of [null, ON_ECS]) {
    for (const { command } of [...againSteps('run it', { ...target, ecs }), ...rangeSteps({ ...target, ecs }, 1)]) {
      expect(textOf(command)).toBe(commandText(command))
      for (const [first] of commandGroups(command).slice(1)) expect(first).toMatch(/^--/)
    }
  }
})

test('the placeholders of a rerun, of a resolution, and of a task on ECS', () => {
  const [rerun, resolve] = againSteps('run it', target)
  expect(blanksIn(rerun.command)).toEqual(['reason', 'command'])
  expect(blanksIn(resolve.command)).toEqual(['reason'])
  const [task] = againSteps('run it', { ...target, ecs: ON_ECS })
  expect(blanksIn(task.command)).toEqual(['subnets', 'securityGroups', 'publicIp', 'reason in JSON', 'name in JSON'])
})

test('a value that only looks like a placeholder is text', () => {
  const options = { store: 'YOUR REASON', task: 'YOUR_COMMAND', reason: "a 'YOUR REASON' b" }
  expect(blanksIn(cronledger('resolve', options))).toEqual([])
})
