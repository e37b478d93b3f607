import { expect, test } from 'vitest'
import { STATUSES } from '../../../../src/core/types.ts'
import { commandText } from '../../../../src/format/command-line.ts'
import { BLANKS, type CommandWords, cronledger } from '../../../../src/verdict/command.ts'
import { commandGroups } from '../../../../src/web/views/frame/command.tsx'
import { remediesOf } from '../../../../src/web/views/slot/remedies.ts'
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
    for (const { command } of STATUSES.flatMap((status) => remediesOf(status, { ...target, ecs }, 1))) {
      expect(textOf(command)).toBe(commandText(command))
      for (const [first] of commandGroups(command).slice(1)) expect(first).toMatch(/^--/)
    }
  }
})

test('the placeholders of a rerun, of a resolution, and of a task on ECS', () => {
  const [rerun, resolve] = remediesOf('missed', target, 1)
  expect(blanksIn(rerun?.command)).toEqual(['reason', 'command'])
  expect(blanksIn(resolve?.command)).toEqual(['reason'])
  const [task] = remediesOf('missed', { ...target, ecs: ON_ECS }, 1)
  expect(blanksIn(task?.command)).toEqual(['subnets', 'securityGroups', 'publicIp', 'reason in JSON', 'name in JSON'])
})

test('a value that only looks like a placeholder is text', () => {
  const options = { store: 'YOUR REASON', task: 'YOUR_COMMAND', reason: "a 'YOUR REASON' b" }
  expect(blanksIn(cronledger('resolve', options))).toEqual([])
})
