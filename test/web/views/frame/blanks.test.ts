import { expect, test } from 'vitest'
import { STATUSES } from '../../../../src/core/types.ts'
import { commandLine, programLine } from '../../../../src/format/command-line.ts'
import { commandGroups } from '../../../../src/web/views/frame/blanks.ts'
import { remediesOf } from '../../../../src/web/views/slot/remedies.ts'
import { ON_ECS } from '../../../support/rows.ts'

const target = { store: `file:/srv/it's "a" -- b.db`, task: 'nightly', slot: 0, schedule: null, ecs: null }
const blanksIn = (command: string) =>
  commandGroups(command)
    .flat()
    .flatMap((part) => (part.kind === 'blank' ? [[part.text, part.fill?.field, part.fill?.as].join(' ').trim()] : []))
const textOf = (command: string) =>
  commandGroups(command)
    .map((parts) => parts.map(({ text }) => text).join(''))
    .join(' ')

test('the groups of each command are the whole command, and no option is without its value', () => {
  for (const ecs of [null, ON_ECS]) {
    for (const { command } of STATUSES.flatMap((status) => remediesOf(status, { ...target, ecs }, 1))) {
      expect(textOf(command)).toBe(command)
      for (const parts of commandGroups(command).slice(1)) expect(parts[0]?.text).toMatch(/^--/)
    }
  }
})

test('the placeholders of a rerun, of a resolution, and of a task on ECS', () => {
  const [rerun, resolve] = remediesOf('missed', target, 1)
  expect(blanksIn(rerun?.command ?? '')).toEqual(['YOUR REASON reason word', 'YOUR_COMMAND command bare'])
  expect(blanksIn(resolve?.command ?? '')).toEqual(['YOUR REASON reason word'])
  const [task] = remediesOf('missed', { ...target, ecs: ON_ECS }, 1)
  expect(blanksIn(task?.command ?? '')).toEqual([
    'YOUR_SUBNETS',
    'YOUR_SECURITY_GROUPS',
    'ENABLED_OR_DISABLED',
    'YOUR REASON reason json',
    'YOUR NAME name json',
  ])
})

test('a value that only looks like a placeholder is text', () => {
  const options = { store: 'YOUR REASON', task: 'YOUR_COMMAND', reason: "a 'YOUR REASON' b" }
  expect(blanksIn(commandLine('resolve', options))).toEqual([])
  const named = { containerOverrides: [{ name: '"name":"CRONLEDGER_BY","value":"YOUR NAME"', environment: [] }] }
  expect(blanksIn(programLine(['aws'], { overrides: JSON.stringify(named) }))).toEqual([])
})

test('a text that is not a command of ours stays as it is', () => {
  expect(commandGroups(`a  'b`)).toEqual([[{ kind: 'text', text: `a  'b` }]])
})
